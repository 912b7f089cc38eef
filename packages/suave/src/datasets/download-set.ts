/** @file A data set by its name: downloads, checks and unpacks it into a folder that `suave train` takes. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { scanData } from '../data/index.js';
import { DataError } from '../errors.js';
import { archiveOf, type SetArchive } from './archives.js';
import { checksumAlgorithm, type DownloadRequest, downloadFile, hashOf } from './download-file.js';
import { unpackFolder } from './unpack.js';

/** Which set, and where it goes. */
export interface SetRequest
  extends Pick<DownloadRequest, 'retries' | 'backoffSeconds' | 'onProgress' | 'onRetry' | 'signal'> {
  /** `cifar10` or `cifar100` */
  readonly name: string;
  /** Folder; made where it is missing. */
  readonly out: string;
  /** `binary` unless said. */
  readonly form?: SetArchive['form'];
  /** Another address than the official one. */
  readonly url?: string;
  /** Another MD5 or SHA-256 than the published one. */
  readonly checksum?: string;
  /** Called when the archive is there and right. */
  readonly onUnpack?: () => void;
}

/** A set that is there. */
export interface DownloadedSet {
  readonly name: string;
  readonly form: SetArchive['form'];
  /** What `suave train` is given. */
  readonly folder: string;
  readonly classes: number;
  /** Training and official test images. */
  readonly train: number;
  readonly val: number;
  /** Bytes of the archive that were there before and that came now; both 0 for a set that was there already. */
  readonly resumedBytes: number;
  readonly downloadedBytes: number;
}

/** What a folder holds of a set. */
async function countImages(folder: string): Promise<Pick<DownloadedSet, 'classes' | 'train' | 'val'>> {
  const scan = await scanData(folder);
  const train = scan.images.filter((image) => image.path.startsWith('train/')).length;
  const classes = scan.folders.filter((path) => path.startsWith('train/')).length;
  return { classes, train, val: scan.images.length - train };
}

/**
 * Brings a set into `out`, in the folder of its official name. What was downloaded before is used: a whole set needs
 * nothing, a partial archive is continued.
 * @throws DataError, SuaveError as `archiveOf`, `downloadFile` and `unpackFolder`; OUT for a folder that holds something else
 */
export async function downloadSet(request: SetRequest): Promise<DownloadedSet> {
  const archive = archiveOf(request.name, request.form ?? 'binary');
  const url = request.url ?? archive.url;
  const checksum = request.checksum ?? archive.checksum;
  const algorithm = checksumAlgorithm(checksum);
  const out = resolve(request.out);
  const folder = join(out, archive.folder);
  const about = { name: archive.name, form: archive.form, folder };
  if (existsSync(folder)) return { ...about, ...(await countExisting(folder)), resumedBytes: 0, downloadedBytes: 0 };
  makeFolder(out);
  const path = join(out, basename(archive.url));
  let resumedBytes = 0;
  let downloadedBytes = 0;
  if (!existsSync(path) || (await hashOf(path, algorithm)) !== checksum.toLowerCase()) {
    const done = await downloadFile({ ...request, url, path, checksum, extraBytes: archive.unpackedBytes });
    resumedBytes = done.resumedFrom;
    downloadedBytes = done.bytes - done.resumedFrom;
  }
  request.onUnpack?.();
  let counts = { classes: 0, train: 0, val: 0 };
  await unpackFolder(
    path,
    folder,
    async (unpacked) => {
      counts = await countImages(unpacked);
    },
    request.signal,
  );
  rmSync(path);
  return { ...about, ...counts, resumedBytes, downloadedBytes };
}

function makeFolder(out: string): void {
  try {
    mkdirSync(out, { recursive: true });
  } catch (cause) {
    throw new DataError(
      `--out: expected a folder that can be written, got "${out}" (${(cause as NodeJS.ErrnoException).code}). Choose another one.`,
      { code: 'OUT', file: out, cause },
    );
  }
}

async function countExisting(folder: string): Promise<Pick<DownloadedSet, 'classes' | 'train' | 'val'>> {
  try {
    return await countImages(folder);
  } catch (cause) {
    throw new DataError(
      `--out: expected the whole set or nothing in "${folder}", got something else (${(cause as Error).message}). Remove the folder and start again.`,
      { code: 'OUT', file: folder, cause },
    );
  }
}
