/** @file The framing of event files (TFRecord): length, its checksum, data, its checksum; CRC-32C, masked. */
import crc32c from 'crc-32/crc32c.js';

const headBytes = 12;
const tailBytes = 4;
const maskDelta = 0xa282ead8;

/** A CRC-32C that may itself be part of data whose CRC is computed. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes);
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0;
}

/** A record around `data`. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(headBytes + data.length + tailBytes);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, headBytes);
  view.setUint32(headBytes + data.length, maskedCrc(data), true);
  return record;
}

/** One record of a file. */
export interface FramedRecord {
  readonly data: Uint8Array;
  /** Bytes of the file up to its end. */
  readonly end: number;
}

/** The whole records of a file, up to the first that is cut off or damaged. The data share the memory of `bytes`. */
export function* readRecords(bytes: Uint8Array): Generator<FramedRecord> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  while (start + headBytes + tailBytes <= bytes.length) {
    const length = Number(view.getBigUint64(start, true));
    const end = start + headBytes + length + tailBytes;
    if (end > bytes.length || view.getUint32(start + 8, true) !== maskedCrc(bytes.subarray(start, start + 8))) return;
    const data = bytes.subarray(start + headBytes, end - tailBytes);
    if (view.getUint32(end - tailBytes, true) !== maskedCrc(data)) return;
    yield { data, end };
    start = end;
  }
}
