/**
 * @file Reads tar archives (ustar, with the long names of GNU and pax), plain or gzipped, member by member. Takes no
 * more memory than the largest member that really arrives; a header can promise what it likes.
 */
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DataError } from '../errors.js';

/** One member of an archive. */
export interface TarMember {
  /** As written in the archive: not to be trusted. */
  readonly path: string;
  /** Links, devices and the like are 'other'; only files have bytes. */
  readonly kind: 'file' | 'folder' | 'other';
  readonly bytes: Buffer;
}

const blockBytes = 512;
/** No member may be larger: the largest file of the known sets has 155 MB. */
const maxMemberBytes = 512 * 1024 * 1024;

/** What the first bytes of a file say: a gzip file, a tar file, or null for neither (also when it cannot be read). */
export function archiveKind(path: string): 'gzip' | 'tar' | null {
  const head = Buffer.alloc(blockBytes);
  let file: number | null = null;
  try {
    file = openSync(path, 'r');
    const length = readSync(file, head, 0, blockBytes, 0);
    if (length >= 2 && head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
    return length === blockBytes && hasChecksum(head) ? 'tar' : null;
  } catch {
    return null;
  } finally {
    if (file !== null) closeSync(file);
  }
}

/**
 * The members of an archive in their order.
 * @param path  a .tar or .tar.gz file
 * @throws DataError ARCHIVE for a truncated, damaged or otherwise unreadable archive
 */
export async function* readTar(path: string, signal?: AbortSignal): AsyncGenerator<TarMember> {
  const source = createReadStream(path, { highWaterMark: 1024 * 1024 });
  const bytes = archiveKind(path) === 'gzip' ? pipeline(source, createGunzip(), () => {}) : source;
  const reader = new ChunkReader(bytes[Symbol.asyncIterator]());
  try {
    yield* membersOf(reader, path, signal);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (!code.startsWith('Z_')) throw cause;
    throw code === 'Z_BUF_ERROR' ? truncated(path, cause) : damaged(path, (cause as Error).message, cause);
  } finally {
    source.destroy();
    bytes.destroy();
  }
}

async function* membersOf(reader: ChunkReader, path: string, signal?: AbortSignal): AsyncGenerator<TarMember> {
  let longName: string | null = null;
  for (;;) {
    signal?.throwIfAborted();
    const header = await reader.read(blockBytes);
    if (header.length < blockBytes) throw truncated(path);
    if (header.every((byte) => byte === 0)) return;
    if (!hasChecksum(header)) throw damaged(path, 'a header with a wrong checksum');
    const type = String.fromCharCode(header[156]);
    const size = readNumber(header, 124, 12);
    if (size === null || size > maxMemberBytes) throw damaged(path, 'a member larger than 512 MiB');
    const bytes = await reader.read(size);
    const padding = await reader.read((blockBytes - (size % blockBytes)) % blockBytes);
    if (bytes.length < size || (size + padding.length) % blockBytes !== 0) throw truncated(path);
    if (type === 'L') {
      longName = readText(bytes, 0, bytes.length);
    } else if (type === 'x') {
      longName = paxPath(bytes) ?? longName;
    } else if (type !== 'g' && type !== 'K') {
      const name = longName ?? headerName(header);
      longName = null;
      const isFile = type === '0' || type === '\0' || type === '7';
      const isFolder = type === '5' || (isFile && name.endsWith('/'));
      yield { path: name, kind: isFolder ? 'folder' : isFile ? 'file' : 'other', bytes };
    }
  }
}

/** Chunks of a stream as runs of bytes of any length. */
class ChunkReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterator<Buffer>) {
    this.#chunks = chunks;
  }

  /** The next `length` bytes; fewer at the end. */
  async read(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) break;
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }
}

/** Whether a header's checksum (its bytes added up, those of the checksum as blanks) is right. */
function hasChecksum(header: Buffer): boolean {
  const expected = readNumber(header, 148, 8);
  let sum = 8 * 32;
  for (let i = 0; i < blockBytes; i++) if (i < 148 || i >= 156) sum += header[i];
  return expected === sum;
}

function readText(bytes: Buffer, start: number, length: number): string {
  const end = bytes.subarray(start, start + length).indexOf(0);
  return bytes.toString('utf8', start, end < 0 ? start + length : start + end);
}

/** An octal number, or null for anything else. */
function readNumber(header: Buffer, start: number, length: number): number | null {
  const text = readText(header, start, length).trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : null;
}

function headerName(header: Buffer): string {
  const name = readText(header, 0, 100);
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? readText(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** The path of a pax header, whose records are `length key=value\n`. */
function paxPath(bytes: Buffer): string | null {
  const found = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(bytes.toString('utf8'));
  return found === null ? null : found[1];
}

function truncated(path: string, cause?: unknown): DataError {
  return new DataError(
    `data: expected a whole archive, got "${path}", which ends too early. Copy or download it again.`,
    { code: 'ARCHIVE', file: path, cause },
  );
}

function damaged(path: string, got: string, cause?: unknown): DataError {
  return new DataError(
    `data: expected a tar archive, got "${path}", which is damaged (${got}). Copy or download it again.`,
    { code: 'ARCHIVE', file: path, cause },
  );
}
