/** @file A folder that is complete or absent, also in places that cannot be replaced and beside the work of others. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeNewFolder } from './output-folder.js';

const root = mkdtempSync(join(tmpdir(), 'suave-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const writeOne = (folder: string): void => writeFileSync(join(folder, 'one'), '1');

it('fills an empty folder that is there, also behind a link', async () => {
  const [empty, link] = [join(root, 'empty'), join(root, 'link')];
  mkdirSync(empty);
  symlinkSync(empty, link);
  await expect(writeNewFolder(link, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(readdirSync(empty)).toEqual([]);
  await writeNewFolder(link, (folder) => {
    mkdirSync(join(folder, 'deep'));
    writeOne(join(folder, 'deep'));
    writeOne(folder);
  });
  expect(readdirSync(empty, { recursive: true }).sort()).toEqual(['deep', 'deep/one', 'one']);
});

it('leaves what another process wrote meanwhile', async () => {
  const beside = join(root, 'new', 'beside');
  const failing = writeNewFolder(join(root, 'new', 'failing'), async () => {
    await writeNewFolder(beside, writeOne);
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(readdirSync(join(root, 'new'))).toEqual(['beside']);
  expect(readdirSync(beside)).toEqual(['one']);

  for (const name of ['taken', 'filled']) {
    const out = join(root, name);
    if (name === 'filled') mkdirSync(out);
    const slower = writeNewFolder(out, (folder) => {
      writeFileSync(join(folder, 'two'), '2');
      mkdirSync(out, { recursive: true });
      writeOne(out);
    });
    await expect(slower).rejects.toMatchObject({ code: 'OUT_EXISTS', exitCode: 2 });
    expect(readdirSync(out)).toEqual(['one']);
  }
  expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('removes the folders that it made, where they are empty', async () => {
  await expect(writeNewFolder(join(root, 'a', 'b', 'c'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(readdirSync(root)).not.toContain('a');
});
