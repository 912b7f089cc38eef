/** @file Whether a disk has room for what is to be written, and what to say where it has not. */
import { statfsSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';
import { SuaveError } from '../errors.js';

/** What is written, and words for it. */
export interface SpaceUse {
  readonly folder: string;
  /** What begins the message. */
  readonly where: string;
  /** What needs the room. */
  readonly what: string;
  /** What to do beside freeing space. */
  readonly advice: string;
}

/** Whether a path is a folder, or lies in it. Both absolute. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || !(way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way));
}

/**
 * Checks the free space before anything is written.
 * @throws SuaveError NO_SPACE (exit status 1)
 */
export function checkFreeSpace(use: SpaceUse, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(use.folder);
  if (neededBytes <= bavail * bsize) return;
  throw noSpace(use, `${megabytes(bavail * bsize)} free of about ${megabytes(neededBytes)} that the images need`);
}

/** Whether writing failed because the disk or the quota is full. */
export function isOutOfSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The error for a full disk. */
export function noSpace({ folder, where, what, advice }: SpaceUse, got: string, cause?: unknown): SuaveError {
  return new SuaveError(
    'NO_SPACE',
    `${where}: expected room for ${what} in "${folder}", got ${got}. Free some space or ${advice}.`,
    { exitCode: 1, cause },
  );
}

/** Bytes in MB, with a digit after the point where there are few. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
