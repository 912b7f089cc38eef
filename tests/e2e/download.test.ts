/** @file `suave download` against a server of this machine, and training on what it brought. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveOfFiles, binaryFiles, cifarSet } from '../fixtures/cifar-files.js';
import { tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
const archive = archiveOfFiles('cifar-10-batches-bin', binaryFiles(cifarSet('cifar10', ['cat', 'dog', 'owl'], 4)));
const checksum = createHash('sha256').update(archive).digest('hex');
let server: Server;
let address: string;
/** An address at which nobody listens. */
let closed: string;
/** Range headers of all requests. */
const ranges: (string | undefined)[] = [];

async function listen(on: Server): Promise<string> {
  await new Promise<void>((listening) => on.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(on.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    if (request.url === '/missing') {
      response.writeHead(404).end();
      return;
    }
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = { 'content-range': `bytes ${start}-${archive.length - 1}/${archive.length}` };
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': archive.length - start,
      ...(start > 0 ? range : {}),
    });
    // '/slow' sends a half of what is asked for and then waits.
    if (request.url === '/slow' && start === 0) response.write(archive.subarray(0, 20_000));
    else response.end(archive.subarray(start));
  });
  address = await listen(server);
  const other = createServer();
  closed = await listen(other);
  await new Promise((done) => other.close(done));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  place.remove();
});

function download(out: string, path: string, ...more: string[]): string[] {
  return ['download', 'cifar10', '--out', out, '--url', `${address}${path}`, ...more];
}

describe('suave download', () => {
  it('brings a set on which suave train works, with the official test images as validation', async () => {
    const done = await place.run(download('set', '/set.tar.gz', '--checksum', checksum, '--json'));
    expect(done.status, done.stderr).toBe(0);
    expect(done.stderr).toMatch(/downloading .* of [\s\S]*checksum agrees; unpacking/);
    const report = JSON.parse(done.stdout) as Record<string, unknown>;
    expect(report).toMatchObject({ name: 'cifar10', form: 'binary', classes: 3, train: 60, val: 12, resumedBytes: 0 });
    expect(report.downloadedBytes).toBe(archive.length);

    const recipe = place.write('tiny.yaml', tinyRecipe);
    const trained = await place.run([
      ...['train', 'set', '--recipe', recipe, '--out', 'run', '--threads', '1', '--epochs', '1'],
      ...['--set', 'optimizer.warmupEpochs=0', '--labels-per-class', '4', '--json'],
    ]);
    expect(trained.status, trained.stderr).toBe(0);
    const labeled = readFileSync(place.path('run', 'splits', 'labeled.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1);
    expect(labeled).toHaveLength(12);
    for (const line of labeled) expect(line).toMatch(/^train\/(cat|dog|owl)\/\d{5},\1$/);
    const measured = await place.run(['evaluate', 'run', '--json', '--threads', '1']);
    expect(measured.status, measured.stderr).toBe(0);
    expect(JSON.parse(measured.stdout)).toMatchObject({ images: 12 });

    const again = await place.run(download('set', '/set.tar.gz', '--checksum', checksum));
    expect([again.status, again.stdout]).toEqual([0, expect.stringMatching(/^cifar10 \(binary\): 60 .*there already/)]);
  });

  it('is interrupted with what has come, and continues', async () => {
    const running = place.start(download('slow', '/slow', '--checksum', checksum));
    await running.seen(/downloading/);
    const hasCome = () =>
      readdirSync(place.path('slow')).some(
        (name) => name.endsWith('.part') && statSync(place.path('slow', name)).size >= 20_000,
      );
    while (!hasCome()) await new Promise((wait) => setTimeout(wait, 20));
    running.child.kill('SIGINT');
    const stopped = await running.done;
    expect([stopped.status, stopped.stdout]).toEqual([130, '']);
    expect(stopped.stderr).toMatch(/interrupted; what was downloaded is kept/);
    ranges.length = 0;
    const done = await place.run(download('slow', '/slow', '--checksum', checksum));
    expect(done.status, done.stderr).toBe(0);
    expect(ranges).toEqual(['bytes=20000-']);
    expect(done.stdout).toMatch(/were there\)?/);
    expect(readdirSync(place.path('slow'))).toEqual(['cifar-10-batches-bin']);
  });

  const failures: [what: string, args: () => string[], status: number, sentence: RegExp][] = [
    ['another file than the published one', () => download('a', '/set.tar.gz'), 2, /expected MD5 c32a1d4ab5d0/],
    ['an address without a file', () => download('b', '/missing'), 2, /HTTP status 404/],
    [
      'a server that does not answer',
      () => ['download', 'cifar10', '--out', 'c', '--url', `${closed}/x`, '--retries', '0'],
      1,
      /ECONNREFUSED/,
    ],
    ['ImageNet', () => ['download', 'imagenet', '--out', 'd'], 2, /account at image-net\.org/],
    ['an unknown set', () => ['download', 'cifar', '--out', 'd'], 2, /Did you mean "cifar10"/],
    ['an unknown form', () => download('d', '/x', '--form', 'text'), 2, /binary or python/],
  ];
  it.each(failures)('refuses %s with one sentence', async (_, args, status, sentence) => {
    const outcome = await place.run(args());
    expect(outcome.status, outcome.stderr).toBe(status);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr.trim().split('\n').at(-1)).toMatch(sentence);
    expect(outcome.stderr).not.toMatch(/\n {4}at /);
    for (const name of ['a', 'b', 'c']) {
      if (place.entries().includes(name)) expect(readdirSync(place.path(name))).toEqual([]);
    }
    expect(place.entries()).not.toContain('d');
  });
});
