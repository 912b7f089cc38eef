/** @file The archives that are downloaded by name: official addresses and published checksums. */
import { DataError, didYouMean } from '../errors.js';

/** A published archive of a data set. */
export interface SetArchive {
  readonly name: SetName;
  readonly form: 'binary' | 'python';
  /** Official address. */
  readonly url: string;
  /** MD5 as published at that address, hexadecimal. */
  readonly checksum: string;
  /** The only folder in the archive. */
  readonly folder: string;
  /** Bytes of all files together, to the next ten million. */
  readonly unpackedBytes: number;
}

/** Sets that are downloaded by name. */
export const setNames = ['cifar10', 'cifar100'] as const;
/** One of them. */
export type SetName = (typeof setNames)[number];

const site = 'https://www.cs.toronto.edu/~kriz/';

/** Source of addresses and checksums: the page of the data sets, https://www.cs.toronto.edu/~kriz/cifar.html */
const archives: readonly SetArchive[] = [
  {
    name: 'cifar10',
    form: 'binary',
    url: `${site}cifar-10-binary.tar.gz`,
    checksum: 'c32a1d4ab5d03f1284b67883e8d87530',
    folder: 'cifar-10-batches-bin',
    unpackedBytes: 190e6,
  },
  {
    name: 'cifar10',
    form: 'python',
    url: `${site}cifar-10-python.tar.gz`,
    checksum: 'c58f30108f718f92721af3b95e74349a',
    folder: 'cifar-10-batches-py',
    unpackedBytes: 190e6,
  },
  {
    name: 'cifar100',
    form: 'binary',
    url: `${site}cifar-100-binary.tar.gz`,
    checksum: '03b5dce01913d631647c71ecec9e9cb8',
    folder: 'cifar-100-binary',
    unpackedBytes: 190e6,
  },
  {
    name: 'cifar100',
    form: 'python',
    url: `${site}cifar-100-python.tar.gz`,
    checksum: 'eb9058c3a382ffc7106e4002c42a8d85',
    folder: 'cifar-100-python',
    unpackedBytes: 190e6,
  },
];

/**
 * The archive of a set in one of its forms.
 * @throws DataError UNKNOWN_SET; ACCOUNT_NEEDED for ImageNet, with what to do instead
 */
export function archiveOf(name: string, form: SetArchive['form']): SetArchive {
  const found = archives.find((archive) => archive.name === name && archive.form === form);
  if (found !== undefined) return found;
  if (/^(imagenet|ilsvrc)/i.test(name)) {
    throw new DataError(
      'suave download: ImageNet is given out only to holders of an account at image-net.org: sign in there, get the training and validation images of ILSVRC2012, unpack them to DIR/train/<synset>/ and DIR/val/<synset>/, and train on DIR.',
      { code: 'ACCOUNT_NEEDED' },
    );
  }
  throw new DataError(`suave download: expected the name of a set, got "${name}".${didYouMean(name, setNames)}`, {
    code: 'UNKNOWN_SET',
  });
}
