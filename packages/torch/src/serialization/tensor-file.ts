/** @file A file of tensors of any format that can be read, under one face. */
import type { DType } from '../dtype.js';
import type { Tensor } from '../tensor.js';
import { type ByteSource, FileSource } from './byte-source.js';
import type { SkippedEntry } from './checkpoint-tree.js';
import { openCheckpoint } from './pytorch-checkpoint.js';
import { SafetensorsFile } from './safetensors.js';

/** A tensor that is still in its file. */
export interface StoredTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Bytes of the contiguous content. */
  readonly byteLength: number;
  /** A new contiguous tensor on the CPU in the dtype of the file; the caller owns it. */
  read(): Tensor;
  /** SHA-256 of the contiguous little-endian bytes, in hexadecimal; needs no libtorch. */
  sha256(): string;
}

/** A file of tensors, held open until it is closed. */
export interface TensorFile {
  readonly path: string;
  readonly format: 'zip' | 'legacy' | 'safetensors';
  /** Bytes of the file. */
  readonly size: number;
  /** By path: `/` and the keys of the containers joined by `/`; of safetensors, `/` and the name. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** What else is in it, and why it is no tensor. */
  readonly skipped: readonly SkippedEntry[];
  /** Text of a safetensors header, else empty. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Closes the file; tensors that were read stay good, others cannot be read any more. Doing it twice is harmless. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Safetensors start with the length of a header whose first character is a brace. */
function isSafetensors(source: ByteSource): boolean {
  return source.size >= 9 && source.read(8, 1)[0] === 0x7b;
}

function openSafetensors(source: ByteSource): TensorFile {
  const file = new SafetensorsFile(source);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, start, end }] of file.header.entries) {
    const read = () => file.read(name);
    tensors.set(`/${name}`, { dtype, shape, byteLength: end - start, read, sha256: () => file.sha256(name) });
  }
  return {
    path: source.name,
    format: 'safetensors',
    size: source.size,
    tensors,
    skipped: [],
    metadata: file.header.metadata,
    close: () => file.close(),
    [Symbol.dispose]: () => file.close(),
  };
}

/**
 * Opens a safetensors file or a checkpoint of PyTorch; what it is shows in its first bytes, not in its name. The name
 * only decides whose error a damaged file gets.
 * @throws CheckpointError when it is missing, neither of them, damaged, or not allowed (see `readPyTorchCheckpoint`)
 */
export function openTensorFile(path: string): TensorFile {
  const source = new FileSource(path, 'a safetensors file or a checkpoint of PyTorch');
  if (isSafetensors(source) || path.endsWith('.safetensors')) return openSafetensors(source);
  const { format, tensors, skipped, close } = openCheckpoint(source);
  return { path, format, size: source.size, tensors, skipped, metadata: {}, close, [Symbol.dispose]: close };
}
