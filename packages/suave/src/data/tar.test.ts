import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tarOf } from '../../../../tests/fixtures/cifar-files.js';
import { temporaryFolder, writeFile } from '../../../../tests/fixtures/image-folders.js';
import { DataError } from '../errors.js';
import { archiveKind, readTar, type TarMember } from './tar.js';

const folder = temporaryFolder();

async function membersOf(bytes: Uint8Array): Promise<TarMember[]> {
  const file = writeFile(folder, 'archive', bytes);
  const members: TarMember[] = [];
  for await (const member of readTar(file)) members.push(member);
  return members;
}

describe('a tar archive', () => {
  test('gives back what was put in, plain and gzipped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ path: fc.stringMatching(/^[a-z]{1,20}$/), bytes: fc.uint8Array({ maxLength: 3000 }) })),
        fc.boolean(),
        async (files, isZipped) => {
          const tar = tarOf(files);
          const members = await membersOf(isZipped ? gzipSync(tar) : tar);
          expect(members.map(({ path, kind, bytes }) => ({ path, kind, bytes: [...bytes] }))).toEqual(
            files.map(({ path, bytes }) => ({ path, kind: 'file', bytes: [...bytes] })),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  test('that is damaged or cut anywhere gives members or a DataError, nothing else', async () => {
    const tar = tarOf([
      { path: 'set/', type: '5' },
      { path: '././@LongLink', type: 'L', bytes: Buffer.from('set/long') },
      { path: 'set/a', bytes: Buffer.alloc(700, 1) },
      { path: 'pax', type: 'x', bytes: Buffer.from('16 path=set/new\n') },
      { path: 'set/b', bytes: Buffer.alloc(20, 2) },
    ]);
    for (const whole of [tar, gzipSync(tar)]) {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }),
          fc.nat(whole.length),
          async (changes, length) => {
            const bytes = Buffer.from(whole);
            for (const [at, value] of changes) bytes[at] = value;
            const cut = bytes.subarray(0, length);
            try {
              const members = await membersOf(cut);
              expect(members.reduce((sum, member) => sum + member.bytes.length, 0)).toBeLessThanOrEqual(tar.length);
            } catch (error) {
              expect(error).toBeInstanceOf(DataError);
            }
          },
        ),
        { numRuns: 400 },
      );
    }
  });

  test('with a size that nothing has is refused without taking that memory', async () => {
    const tar = tarOf([{ path: 'a', bytes: Buffer.from('x') }]);
    const sizes: [string, RegExp][] = [
      ['77777777777\0', /larger than 512 MiB/],
      ['03777777777\0', /ends too early/],
      ['\x80\0\0\0\0\0\0\0\0\0\0\x01', /larger than 512 MiB/],
    ];
    for (const [size, message] of sizes) {
      const bytes = Buffer.from(tar);
      bytes.write(size, 124, 'latin1');
      bytes.fill(' ', 148, 156);
      const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
      bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
      const before = process.memoryUsage.rss();
      await expect(membersOf(bytes)).rejects.toThrow(message);
      expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
    }
  });

  test('is told from other files by its first bytes', () => {
    const kindOf = (bytes: Uint8Array) => archiveKind(writeFile(folder, 'kind', bytes));
    const tar = tarOf([{ path: 'a' }]);
    expect([kindOf(tar), kindOf(gzipSync(tar)), kindOf(Buffer.alloc(1024)), kindOf(Buffer.from('x'))]).toEqual([
      'tar',
      'gzip',
      null,
      null,
    ]);
    expect([archiveKind(folder), archiveKind(join(folder, 'nothing'))]).toEqual([null, null]);
  });
});
