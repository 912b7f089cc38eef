/** @file The files of a packed set, in a folder or in one archive, read one after the other. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError } from '../errors.js';
import { filesOf, type PackedForm, packedForms } from './packed-forms.js';
import type { FileStamp } from './pixel-store.js';
import { archiveKind, readTar } from './tar.js';

/** Where the files of a packed set lie. */
export interface PackedFiles {
  /** Absolute path of the folder or archive. */
  readonly root: string;
  readonly form: PackedForm;
  /** Size and time of the file that holds the file `name`; null when it is gone. */
  stamp(name: string): FileStamp | null;
  /** What to call the file in messages. */
  describe(name: string): string;
  /** Reads the files of these names, in any order; only one at a time need be in memory. */
  read(names: ReadonlySet<string>, visit: (name: string, bytes: Buffer) => void, signal?: AbortSignal): Promise<void>;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function stampOf(path: string): FileStamp | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? null : { size: stats.size, mtimeMs: stats.mtimeMs };
}

function incomplete(where: string, form: PackedForm, missing: readonly string[]): DataError {
  return new DataError(
    `data: expected all files of ${form.name} in "${where}", got none named ${missing.join(', ')}. Unpack or download the set again.`,
    { code: 'PACKED_INCOMPLETE', file: where },
  );
}

/** The form whose files lie directly in a folder: at least two of them, so that a stray `train` means nothing. */
function formIn(folder: string): PackedForm | null {
  const found = packedForms.find((form) => filesOf(form).filter((name) => isFile(join(folder, name))).length >= 2);
  return found ?? null;
}

/** The folders of official names in a folder that has no others: beside class folders they would mean something else. */
function officialFoldersIn(folder: string): string[] {
  const folders = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith('.') && !entry.isFile())
    .map((entry) => entry.name);
  const official = packedForms.map((form) => form.folder);
  if (!folders.every((name) => official.includes(name))) return [];
  return official.filter((name) => folders.includes(name)).map((name) => join(folder, name));
}

/**
 * Finds a packed set in a folder, or in a folder of the official name that lies in it alone.
 * @returns null where there is none
 * @throws DataError AMBIGUOUS_DATA, PACKED_INCOMPLETE
 */
export function packedFilesOfFolder(folder: string): PackedFiles | null {
  const found = [folder, ...officialFoldersIn(folder)].flatMap((root) => {
    const form = formIn(root);
    return form === null ? [] : [{ root, form }];
  });
  if (found.length === 0) return null;
  const { root, form } = found[0];
  const other = found.find((each) => each.form.set !== form.set);
  if (other !== undefined) {
    throw new DataError(
      `data: expected one set of images in "${folder}", got ${form.name} and ${other.form.name}. Give the folder "${root}" or "${other.root}".`,
      { code: 'AMBIGUOUS_DATA', file: folder },
    );
  }
  const missing = filesOf(form).filter((name) => !isFile(join(root, name)));
  if (missing.length > 0) throw incomplete(root, form, missing);
  return {
    root,
    form,
    stamp: (name) => stampOf(join(root, name)),
    describe: (name) => join(root, name),
    async read(names, visit, signal) {
      for (const name of names) {
        signal?.throwIfAborted();
        visit(name, readFileSync(join(root, name)));
      }
    },
  };
}

/** The form that two files of an archive belong to; the rest of it is not read. */
async function formOfArchive(archive: string): Promise<PackedForm> {
  const names = new Set<string>();
  for await (const member of readTar(archive)) {
    if (member.kind === 'file') names.add(basename(member.path));
    const form = packedForms.find((each) => filesOf(each).filter((name) => names.has(name)).length >= 2);
    if (form !== undefined) return form;
  }
  throw new DataError(
    `data: expected CIFAR-10 or CIFAR-100 in the archive "${archive}", got ${names.size} other file(s). Unpack it and give the folder.`,
    { code: 'UNKNOWN_SET', file: archive },
  );
}

/**
 * Finds a packed set in a .tar or .tar.gz file.
 * @param archive  absolute path
 * @returns null where the file is no archive
 * @throws DataError ARCHIVE, UNKNOWN_SET; reading it: ARCHIVE, PACKED_INCOMPLETE
 */
export async function packedFilesOfArchive(archive: string): Promise<PackedFiles | null> {
  if (archiveKind(archive) === null) return null;
  const form = await formOfArchive(archive);
  return {
    root: archive,
    form,
    stamp: () => stampOf(archive),
    describe: (name) => `${archive}: ${name}`,
    async read(wanted, visit, signal) {
      const missing = new Set(wanted);
      for await (const member of readTar(archive, signal)) {
        const name = basename(member.path);
        if (member.kind !== 'file' || !wanted.has(name)) continue;
        visit(name, member.bytes);
        missing.delete(name);
      }
      if (missing.size > 0) throw incomplete(archive, form, [...missing]);
    },
  };
}
