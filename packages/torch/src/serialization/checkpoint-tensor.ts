/** @file A tensor of a PyTorch checkpoint that is still in its file: described by the pickle, read when it is asked for. */
import { createHash } from 'node:crypto';
import { noGrad } from '../autograd/index.js';
import type { DType } from '../dtype.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import type { ByteSource } from './byte-source.js';
import { CheckpointError, showName } from './checkpoint-error.js';
import { updateCrc32 } from './crc32.js';
import { PickleObject } from './pickle-values.js';
import { itemSize } from './safetensors-header.js';
import { stridedBytes } from './strided-bytes.js';
import { tensorFromChunks } from './tensor-bytes.js';

const CHUNK_BYTES = 8 << 20;

/** A run of elements that tensors lie on. */
export class CheckpointStorage extends PickleObject {
  readonly kind = 'a storage';
  #source: ByteSource | null = null;
  #position = 0;
  #crc32: number | null = null;

  constructor(
    readonly key: string,
    readonly dtype: DType,
    /** Elements. */
    readonly count: number,
  ) {
    super();
  }

  get byteLength(): number {
    return this.count * itemSize(this.dtype);
  }

  /** Whether its place in the file is known. */
  get isLocated(): boolean {
    return this.#source !== null;
  }

  /**
   * Says where its bytes lie, which the pickle does not know.
   * @param crc32  of its bytes, null where the format has none
   */
  locate(source: ByteSource, position: number, crc32: number | null): void {
    this.#source = source;
    this.#position = position;
    this.#crc32 = crc32;
  }

  /**
   * All of it in pieces of at most 8 MiB, checked against its checksum.
   * @throws CheckpointError after the last piece when they do not agree
   */
  *chunks(): Generator<Uint8Array> {
    const { byteLength } = this;
    let sum = 0;
    for (let offset = 0; offset < byteLength; offset += CHUNK_BYTES) {
      const chunk = this.read(offset, Math.min(CHUNK_BYTES, byteLength - offset));
      if (this.#crc32 !== null) sum = updateCrc32(chunk, sum);
      yield chunk;
    }
    if (this.#crc32 !== null && sum !== this.#crc32)
      throw new CheckpointError(
        'ERR_CHECKPOINT_FORMAT',
        `${this.#source?.name}: the data of storage ${showName(this.key)} does not match its checksum. The file is damaged; copy or download it again.`,
      );
  }

  /** Bytes from `offset`, counted from its start. */
  read(offset: number, length: number): Uint8Array {
    if (this.#source === null)
      throw new CheckpointError(
        'ERR_CHECKPOINT_FORMAT',
        `storage ${this.key}: expected a place in the file, it has none.`,
      );
    return this.#source.read(this.#position + offset, length);
  }
}

/** A tensor of a checkpoint: a strided view of a storage. Readable while the checkpoint is open. */
export class CheckpointTensor extends PickleObject {
  readonly kind = 'a tensor';

  constructor(
    /** @internal */
    readonly storage: CheckpointStorage,
    /** In elements. */
    readonly storageOffset: number,
    readonly shape: readonly number[],
    /** In elements. */
    readonly stride: readonly number[],
    /** Whether it was an `nn.Parameter`. */
    readonly isParameter = false,
  ) {
    super();
  }

  get dtype(): DType {
    return this.storage.dtype;
  }

  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Bytes of the contiguous content. */
  get byteLength(): number {
    return this.numel * itemSize(this.dtype);
  }

  /** Whether its elements lie row by row without gaps. */
  get isContiguous(): boolean {
    let expected = 1;
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      const size = this.shape[axis]!;
      if (size !== 1 && this.stride[axis] !== expected) return false;
      expected *= size;
    }
    return true;
  }

  /** @internal The same, known as a parameter. */
  asParameter(): CheckpointTensor {
    return new CheckpointTensor(this.storage, this.storageOffset, this.shape, this.stride, true);
  }

  /** Elements from the first to the last that it touches. */
  get #span(): number {
    if (this.shape.includes(0)) return 0;
    return this.shape.reduce((last, size, axis) => last + (size - 1) * this.stride[axis]!, 0) + 1;
  }

  /**
   * What is wrong with its numbers, null if nothing.
   * @param limit  bytes that reading it may take
   */
  problem(limit: number): string | null {
    const { shape, stride, storage } = this;
    if (shape.length !== stride.length) return `a tensor with ${shape.length} sizes and ${stride.length} strides`;
    if (!Number.isSafeInteger(shape.reduce((product, size) => product * Math.max(size, 1), 8)))
      return `a tensor of shape [${shape.join(', ')}], larger than any file`;
    const span = this.#span;
    if (!Number.isSafeInteger(span) || this.storageOffset + span > storage.count)
      return `a tensor of shape [${shape.join(', ')}] that reaches beyond its storage of ${storage.count} elements`;
    const bytes = this.isContiguous ? this.byteLength : this.byteLength + span * itemSize(this.dtype);
    if (bytes > limit) return `a tensor of shape [${shape.join(', ')}] that is far larger than the file`;
    return null;
  }

  /**
   * The contiguous little-endian bytes, in pieces of at most 8 MiB.
   * @throws CheckpointError when a tensor that fills its storage does not agree with the storage's checksum
   */
  *chunks(): Generator<Uint8Array> {
    const { byteLength, storage } = this;
    const size = itemSize(this.dtype);
    if (byteLength === 0) return;
    const start = this.storageOffset * size;
    if (this.isContiguous && byteLength === storage.byteLength) {
      yield* storage.chunks();
    } else if (this.isContiguous) {
      for (let offset = 0; offset < byteLength; offset += CHUNK_BYTES)
        yield storage.read(start + offset, Math.min(CHUNK_BYTES, byteLength - offset));
    } else {
      const span = storage.read(start, this.#span * size);
      yield* stridedBytes(span, this.shape, this.stride, size, CHUNK_BYTES);
    }
  }

  /** A new contiguous tensor on the CPU, in the dtype of the file; the caller owns it. */
  read(): Tensor {
    return scope(() => noGrad(() => tensorFromChunks(this.dtype, this.shape, this.chunks())));
  }

  /** SHA-256 of the contiguous little-endian bytes, in hexadecimal; needs no libtorch. */
  sha256(): string {
    const hash = createHash('sha256');
    for (const chunk of this.chunks()) hash.update(chunk);
    return hash.digest('hex');
  }
}
