import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type ArchiveMember,
  archiveOfFiles,
  binaryFiles,
  cifarSet,
  pythonFiles,
  tarOf,
} from '../../../../tests/fixtures/cifar-files.js';
import { temporaryFolder } from '../../../../tests/fixtures/image-folders.js';
import { archiveOf, downloadFile, downloadSet, unpackFolder } from './index.js';

const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) & 255));
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

let server: Server;
let url: string;
let handler: Handler;
let requests: IncomingMessage[];

beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/set.tar.gz`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Serves `bytes` with or without ranges; a try may be cut after so many bytes of its body. */
function serve(bytes: Uint8Array, { ranges = true, cutAfter = [] as (number | null)[] } = {}): Handler {
  return (request, response, count) => {
    const start = ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
    if (start >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    const rest = bytes.subarray(start);
    const range = start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.length, ...range });
    const cut = cutAfter[count - 1] ?? null;
    if (cut === null) response.end(rest);
    else response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 30));
  };
}

const status =
  (code: number): Handler =>
  (_, response) =>
    response.writeHead(code).end();

function request(more: Partial<Parameters<typeof downloadFile>[0]> = {}) {
  const path = join(temporaryFolder(), 'set.tar.gz');
  return { url, path, checksum: md5(content), backoffSeconds: 0.01, ...more };
}

const ranges = () => requests.map((each) => each.headers.range ?? null);

describe('a file', () => {
  test('comes whole, is compared by MD5 or SHA-256, and tells its progress', async () => {
    handler = serve(content);
    const progress: [number, number | null][] = [];
    const one = request({ onProgress: (done, total) => progress.push([done, total]) });
    expect(await downloadFile(one)).toEqual({ bytes: content.length, resumedFrom: 0 });
    expect(readFileSync(one.path).equals(content)).toBe(true);
    expect(progress[0]).toEqual([0, content.length]);
    expect(progress.at(-1)).toEqual([content.length, content.length]);
    expect(progress.map(([done]) => done)).toEqual(progress.map(([done]) => done).sort((a, b) => a - b));
    expect(readdirSync(join(one.path, '..'))).toEqual(['set.tar.gz']);
    await downloadFile(request({ checksum: sha256(content).toUpperCase() }));
  });

  test('that breaks off is continued by the next tries, which start counting anew', async () => {
    handler = serve(content, { cutAfter: [70_000, 50_000, 100] });
    const retries: string[] = [];
    const one = request({ retries: 1, onRetry: (reason) => retries.push(reason) });
    await downloadFile(one);
    expect(readFileSync(one.path).equals(content)).toBe(true);
    expect(ranges()).toEqual([null, 'bytes=70000-', 'bytes=120000-', 'bytes=120100-']);
    expect(retries).toHaveLength(3);
  });

  test('that was interrupted is continued by the next call', async () => {
    handler = serve(content, { cutAfter: [90_000] });
    const controller = new AbortController();
    const one = request();
    const stopped = downloadFile({ ...one, signal: controller.signal, onRetry: () => controller.abort() });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(join(one.path, '..'))).toEqual(['set.tar.gz.part']);
    expect(await downloadFile(one)).toEqual({ bytes: content.length, resumedFrom: 90_000 });
    expect(ranges()).toEqual([null, 'bytes=90000-']);
    expect(readFileSync(one.path).equals(content)).toBe(true);
  });

  test('stops in the middle of a slow answer, and keeps what there is', async () => {
    handler = (_, response) => response.writeHead(200, { 'content-length': 1000 }).write('x'.repeat(10));
    const controller = new AbortController();
    const one = request();
    const onProgress = (done: number) => done === 10 && controller.abort();
    await expect(downloadFile({ ...one, onProgress, signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(readFileSync(`${one.path}.part`, 'utf8')).toBe('x'.repeat(10));
  });

  test('comes from the start where the server knows no ranges', async () => {
    handler = serve(content, { ranges: false, cutAfter: [90_000] });
    const one = request();
    await downloadFile(one);
    expect(readFileSync(one.path).equals(content)).toBe(true);
    expect(ranges()).toEqual([null, 'bytes=90000-']);
  });

  test('whose partial file is whole already, or too long, or of another file', async () => {
    handler = serve(content);
    for (const [part, numRequests] of [
      [content, 1],
      [Buffer.concat([content, content]), 2],
      [Buffer.alloc(1000, 1), 2],
    ] as const) {
      requests = [];
      const one = request();
      writeFileSync(`${one.path}.part`, part);
      await downloadFile(one);
      expect(readFileSync(one.path).equals(content)).toBe(true);
      expect(requests).toHaveLength(numRequests);
    }
  });

  test('is found behind redirections, and taken as it is sent even where a server calls .gz an encoding', async () => {
    handler = (_, response, count) => {
      if (count === 1) response.writeHead(302, { location: '/elsewhere' }).end('moved');
      else response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': content.length }).end(content);
    };
    const one = request();
    await downloadFile(one);
    expect(readFileSync(one.path).equals(content)).toBe(true);
    handler = (_, response) => response.writeHead(301, { location: url }).end();
    await expect(downloadFile(request())).rejects.toMatchObject({ code: 'HTTP_STATUS' });
    handler = (_, response) => response.writeHead(301, { location: 'file:///etc/hostname' }).end();
    await expect(downloadFile(request())).rejects.toMatchObject({ code: 'URL' });
  });

  test('is tried again after errors that pass, with longer and longer pauses', async () => {
    const good = serve(content);
    handler = (req, res, count) =>
      count <= 3 ? status([503, 429, 500][count - 1])(req, res, count) : good(req, res, 1);
    const pauses: number[] = [];
    await downloadFile(request({ onRetry: (_, seconds) => pauses.push(seconds) }));
    expect(pauses).toEqual([0.01, 0.02, 0.04]);
  });

  const failures: [what: string, handle: Handler, code: string, exitCode: number, message: RegExp, tries: number][] = [
    [
      'a wrong checksum',
      serve(content.subarray(1)),
      'CHECKSUM',
      2,
      /expected MD5 [0-9a-f]{32} of .*, got [0-9a-f]{32}/,
      1,
    ],
    ['an address without a file', status(404), 'HTTP_STATUS', 2, /got HTTP status 404.*--url/, 1],
    ['a forbidden file', status(403), 'HTTP_STATUS', 2, /403/, 1],
    ['a server that always fails', status(502), 'DOWNLOAD', 1, /HTTP status 502 in 3 tries/, 3],
    [
      'a file larger than the disk',
      (_, response) => response.writeHead(200, { 'content-length': '1000000000000000' }).write('x'),
      'NO_SPACE',
      1,
      /free of 1000000000 MB/,
      1,
    ],
  ];
  test.each(failures)('fails clearly for %s, and leaves no file', async (_, handle, code, exitCode, message, tries) => {
    handler = handle;
    const one = request({ retries: 2 });
    const error = { code, exitCode, message: expect.stringMatching(message) };
    await expect(downloadFile(one)).rejects.toMatchObject(error);
    expect(readdirSync(join(one.path, '..'))).toEqual([]);
    expect(requests).toHaveLength(tries);
  });

  test('fails clearly where nobody listens', async () => {
    server.close();
    await expect(downloadFile(request({ retries: 1 }))).rejects.toMatchObject({
      code: 'DOWNLOAD',
      exitCode: 1,
      message: expect.stringMatching(/ECONNREFUSED in 2 tries/),
    });
  });

  test('refuses addresses and checksums that are none', async () => {
    await expect(downloadFile(request({ url: 'ftp://example.org/a' }))).rejects.toMatchObject({ code: 'URL' });
    await expect(downloadFile(request({ url: 'cifar' }))).rejects.toMatchObject({ code: 'URL' });
    await expect(downloadFile(request({ checksum: 'abc' }))).rejects.toMatchObject({ code: 'CHECKSUM' });
  });
});

describe('a set', () => {
  const set = cifarSet('cifar10');
  const archive = archiveOfFiles('cifar-10-batches-bin', binaryFiles(set));

  test('is downloaded, checked, unpacked and counted; a second call finds it', async () => {
    handler = serve(archive);
    const out = join(temporaryFolder(), 'data');
    const asked = { name: 'cifar10', out, url, checksum: md5(archive) };
    const folder = join(out, 'cifar-10-batches-bin');
    const about = { name: 'cifar10', form: 'binary', folder, classes: 3, train: 30, val: 6 };
    expect(await downloadSet(asked)).toEqual({ ...about, resumedBytes: 0, downloadedBytes: archive.length });
    expect(readdirSync(out)).toEqual(['cifar-10-batches-bin']);
    expect(readFileSync(join(folder, 'data_batch_1.bin')).equals(binaryFiles(set).get('data_batch_1.bin')!)).toBe(true);
    expect(await downloadSet(asked)).toEqual({ ...about, resumedBytes: 0, downloadedBytes: 0 });
    expect(requests).toHaveLength(1);
  });

  test('comes in its Python form, and from an archive that is there already', async () => {
    const python = archiveOfFiles('cifar-100-python', pythonFiles(cifarSet('cifar100')));
    const out = temporaryFolder();
    writeFileSync(join(out, 'cifar-100-python.tar.gz'), python);
    const done = await downloadSet({ name: 'cifar100', form: 'python', out, url, checksum: sha256(python) });
    expect(done).toMatchObject({ form: 'python', train: 6, val: 6, downloadedBytes: 0 });
    expect(requests).toHaveLength(0);
  });

  test('with the published checksum refuses another file, and leaves nothing', async () => {
    handler = serve(archive);
    const out = temporaryFolder();
    await expect(downloadSet({ name: 'cifar10', out, url })).rejects.toMatchObject({
      code: 'CHECKSUM',
      message: expect.stringContaining('c32a1d4ab5d03f1284b67883e8d87530'),
    });
    expect(readdirSync(out)).toEqual([]);
  });

  test('with a file missing is not unpacked', async () => {
    const files = binaryFiles(set);
    files.delete('data_batch_2.bin');
    const broken = archiveOfFiles('cifar-10-batches-bin', files);
    handler = serve(broken);
    const out = temporaryFolder();
    const asked = { name: 'cifar10', out, url, checksum: md5(broken) };
    await expect(downloadSet(asked)).rejects.toMatchObject({ code: 'PACKED_INCOMPLETE' });
    expect(existsSync(join(out, 'cifar-10-batches-bin'))).toBe(false);
  });

  test('is not put over something else', async () => {
    const out = temporaryFolder();
    mkdirSync(join(out, 'cifar-10-batches-bin'));
    writeFileSync(join(out, 'cifar-10-batches-bin', 'data_batch_1.bin'), 'x');
    writeFileSync(join(out, 'cifar-10-batches-bin', 'data_batch_2.bin'), 'x');
    await expect(downloadSet({ name: 'cifar10', out, url })).rejects.toMatchObject({ code: 'OUT' });
  });

  test('of another name, and ImageNet, are refused with what to do', () => {
    expect(() => archiveOf('cifar11', 'binary')).toThrow(/Did you mean "cifar10"/);
    expect(() => archiveOf('imagenet', 'binary')).toThrow(/account at image-net\.org.*train\/<synset>/);
  });
});

describe('unpacking', () => {
  const attacks: [what: string, member: ArchiveMember][] = [
    ['a path upwards', { path: 'set/../../evil', bytes: Buffer.from('x') }],
    ['an absolute path', { path: '/tmp/evil', bytes: Buffer.from('x') }],
    ['a path of another system', { path: 'set\\..\\evil', bytes: Buffer.from('x') }],
    ['a drive', { path: 'C:/evil', bytes: Buffer.from('x') }],
    ['a symbolic link', { path: 'set/link', type: '2' }],
    ['a hard link', { path: 'set/link', type: '1' }],
    ['a device', { path: 'set/null', type: '3' }],
    ['the same path twice', { path: 'set/./a', bytes: Buffer.from('y') }],
  ];
  test.each(attacks)('refuses %s, and leaves nothing', async (_, member) => {
    const out = temporaryFolder();
    const archive = join(temporaryFolder(), 'a.tar.gz');
    writeFileSync(archive, gzipSync(tarOf([{ path: 'set/a', bytes: Buffer.from('x') }, member])));
    const unpacking = unpackFolder(archive, join(out, 'set'), async () => {});
    await expect(unpacking).rejects.toMatchObject({ code: 'UNSAFE_ARCHIVE', exitCode: 2 });
    expect(readdirSync(out)).toEqual([]);
  });

  test('keeps folders and long names of GNU and pax', async () => {
    const folder = join(temporaryFolder(), 'set');
    const archive = join(temporaryFolder(), 'a.tar');
    const long = `set/${'d'.repeat(90)}/${'f'.repeat(90)}`;
    const record = ` path=${long}2\n`;
    const pax = `${record.length + 3}${record}`;
    writeFileSync(
      archive,
      tarOf([
        { path: 'set/', type: '5' },
        { path: '././@LongLink', type: 'L', bytes: Buffer.from(`${long}\0`) },
        { path: 'set/short', bytes: Buffer.from('one') },
        { path: 'pax', type: 'x', bytes: Buffer.from(pax) },
        { path: 'set/short', bytes: Buffer.from('two') },
      ]),
    );
    await unpackFolder(archive, folder, async () => {});
    expect(readFileSync(join(folder, 'd'.repeat(90), 'f'.repeat(90)), 'utf8')).toBe('one');
    expect(readFileSync(join(folder, 'd'.repeat(90), `${'f'.repeat(90)}2`), 'utf8')).toBe('two');
  });
});
