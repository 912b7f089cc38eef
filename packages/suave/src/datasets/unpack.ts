/** @file Unpacks the archive of a set: all of its files or none, and none outside the folder they belong to. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readTar } from '../data/index.js';
import { DataError } from '../errors.js';

/**
 * Unpacks an archive whose only content is one folder.
 * @param archive  .tar or .tar.gz file
 * @param folder   where that folder's content goes; must not exist. Appears when all of it is there and `check` agrees
 * @param check    looks at the unpacked files
 * @throws DataError ARCHIVE, UNSAFE_ARCHIVE, and what `check` throws
 */
export async function unpackFolder(
  archive: string,
  folder: string,
  check: (folder: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const temporary = `${folder}.${randomBytes(4).toString('hex')}.tmp`;
  mkdirSync(temporary);
  try {
    for await (const member of readTar(archive, signal)) {
      const parts = safeParts(member.path, archive);
      if (member.kind === 'other') throw unsafe(archive, `"${member.path}", a link or device`);
      if (member.kind === 'folder' || parts.length < 2) continue;
      const path = join(temporary, ...parts.slice(1));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, member.bytes, { flag: 'wx' });
    }
    await check(temporary);
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw unsafe(archive, 'the same path twice');
    throw error;
  }
}

/** The parts of a path that stays where it belongs, the top folder first. */
function safeParts(path: string, archive: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const isUnsafe = path.startsWith('/') || /[\\\0]|^[A-Za-z]:/.test(path) || parts.includes('..');
  if (isUnsafe) throw unsafe(archive, `the path ${JSON.stringify(path)}`);
  return parts;
}

function unsafe(archive: string, got: string): DataError {
  return new DataError(
    `download: expected plain files of one folder in "${archive}", got ${got}. This is not the published archive; nothing is unpacked.`,
    { code: 'UNSAFE_ARCHIVE', file: archive },
  );
}
