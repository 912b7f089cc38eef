/**
 * @file How CIFAR-10 and CIFAR-100 are laid out in files, in their binary and their Python form: which files there are
 * and where in them the labels and pixels of each image lie.
 */
import { DataError } from '../errors.js';
import { pickledClasses, pickledPart } from './pickled-part.js';

/** Height and width of every image, pixels. */
export const packedSide = 32;
/** Bytes of an image: uint8 [3, 32, 32], one color after the other. */
export const packedImageBytes = 3 * packedSide * packedSide;

/** One file of a set, read. The pixels of image i are uint8 [3, 32, 32] from byte `start + i · stride`. */
export interface PackedPart {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly stride: number;
  /** [images] class index. */
  readonly labels: ArrayLike<number>;
}

/** One form of one set. */
export interface PackedForm {
  /** e.g. `CIFAR-10 (binary)` */
  readonly name: string;
  readonly set: 'cifar10' | 'cifar100';
  readonly form: 'binary' | 'python';
  /** The folder that the official archive unpacks to. */
  readonly folder: string;
  /** Files of the training images, in their original order. */
  readonly train: readonly string[];
  readonly test: string;
  /** The file of the class names. */
  readonly meta: string;
  /** @throws DataError PACKED_FILE for a file of the wrong length or content */
  readPart(bytes: Uint8Array, file: string): PackedPart;
  /** @throws DataError PACKED_FILE */
  readClasses(bytes: Uint8Array, file: string): string[];
}

/** A part in which each record is `labelBytes` labels, the last of them the class, and then the pixels. */
function binaryPart(bytes: Uint8Array, file: string, labelBytes: number): PackedPart {
  const stride = labelBytes + packedImageBytes;
  if (bytes.length === 0 || bytes.length % stride !== 0) {
    throw new DataError(
      `data: expected records of ${stride} bytes in "${file}", got ${bytes.length} bytes, which is no multiple. The file is truncated or another one; download the set again.`,
      { code: 'PACKED_FILE', file },
    );
  }
  const labels = Uint8Array.from({ length: bytes.length / stride }, (_, i) => bytes[i * stride + labelBytes - 1]);
  return { bytes, start: labelBytes, stride, labels };
}

function linesOf(bytes: Uint8Array): string[] {
  return new TextDecoder()
    .decode(bytes)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

const batches = [1, 2, 3, 4, 5].map((number) => `data_batch_${number}`);

/** All forms that are read. Where a folder holds several forms of a set, the first one is taken. */
export const packedForms: readonly PackedForm[] = [
  {
    name: 'CIFAR-10 (binary)',
    set: 'cifar10',
    form: 'binary',
    folder: 'cifar-10-batches-bin',
    train: batches.map((name) => `${name}.bin`),
    test: 'test_batch.bin',
    meta: 'batches.meta.txt',
    readPart: (bytes, file) => binaryPart(bytes, file, 1),
    readClasses: linesOf,
  },
  {
    name: 'CIFAR-10 (Python)',
    set: 'cifar10',
    form: 'python',
    folder: 'cifar-10-batches-py',
    train: batches,
    test: 'test_batch',
    meta: 'batches.meta',
    readPart: (bytes, file) => pickledPart(bytes, file, 'labels', packedImageBytes),
    readClasses: (bytes, file) => pickledClasses(bytes, file, 'label_names'),
  },
  {
    name: 'CIFAR-100 (binary)',
    set: 'cifar100',
    form: 'binary',
    folder: 'cifar-100-binary',
    train: ['train.bin'],
    test: 'test.bin',
    meta: 'fine_label_names.txt',
    readPart: (bytes, file) => binaryPart(bytes, file, 2),
    readClasses: linesOf,
  },
  {
    name: 'CIFAR-100 (Python)',
    set: 'cifar100',
    form: 'python',
    folder: 'cifar-100-python',
    train: ['train'],
    test: 'test',
    meta: 'meta',
    readPart: (bytes, file) => pickledPart(bytes, file, 'fine_labels', packedImageBytes),
    readClasses: (bytes, file) => pickledClasses(bytes, file, 'fine_label_names'),
  },
];

/** Names of all files of a form that are read. */
export function filesOf(form: PackedForm): string[] {
  return [...form.train, form.test, form.meta];
}
