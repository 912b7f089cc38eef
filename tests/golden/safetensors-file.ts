/**
 * @file A plain reader of the golden safetensors files: typed arrays, no tensor library, so that a broken
 * binding cannot hide behind its own reader.
 */
import { readFileSync } from 'node:fs';

/** The storage types that golden files use. */
export type GoldenDType = 'F32' | 'F64' | 'I64' | 'U8';

/** The values of a golden tensor in row-major order. */
export type GoldenData = Float32Array | Float64Array | BigInt64Array | Uint8Array;

/** One stored tensor: row-major values and their shape. */
export interface GoldenTensor {
  readonly dtype: GoldenDType;
  readonly shape: readonly number[];
  readonly data: GoldenData;
}

const BYTES: Record<GoldenDType, number> = { F32: 4, F64: 8, I64: 8, U8: 1 };

function view(dtype: GoldenDType, bytes: ArrayBuffer): GoldenData {
  if (dtype === 'F32') return new Float32Array(bytes);
  if (dtype === 'F64') return new Float64Array(bytes);
  if (dtype === 'I64') return new BigInt64Array(bytes);
  return new Uint8Array(bytes);
}

/**
 * Reads a whole safetensors file into typed arrays (copies, so alignment does not matter).
 * @throws Error when the file is truncated or holds a dtype outside F32, F64, I64, U8.
 */
export function readGoldenFile(path: string): Map<string, GoldenTensor> {
  const file = readFileSync(path);
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + headerBytes).toString('utf8')) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    if (!(entry.dtype in BYTES)) {
      throw new Error(`readGoldenFile: expected F32, F64, I64 or U8 in ${path}, got ${entry.dtype} for ${name}.`);
    }
    const dtype = entry.dtype as GoldenDType;
    const [from, to] = entry.data_offsets;
    const numel = entry.shape.reduce((product, size) => product * size, 1);
    if (to - from !== numel * BYTES[dtype] || 8 + headerBytes + to > file.length) {
      throw new Error(`readGoldenFile: ${name} in ${path} is truncated or has a wrong size.`);
    }
    const bytes = new Uint8Array(file.subarray(8 + headerBytes + from, 8 + headerBytes + to)).buffer;
    tensors.set(name, { dtype, shape: entry.shape, data: view(dtype, bytes) });
  }
  return tensors;
}
