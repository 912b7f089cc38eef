/** @file `npm run docs`: the API reference is made without a warning, and a reader finds things in it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'suave-api-'));
const text = (page: string) =>
  readFileSync(join(out, page), 'utf8')
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&#39;', "'");

beforeAll(() => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { docs: string } };
  const [program = '', ...args] = scripts.docs.split(' ');
  const bin = join(root, 'node_modules', program, 'bin', program);
  const ended = spawnSync(process.execPath, [bin, ...args, '--out', out], { cwd: root, encoding: 'utf8' });
  expect(`${ended.stdout}${ended.stderr}`).not.toMatch(/warning|error/i);
  expect(ended.status).toBe(0);
}, 600_000);

afterAll(() => rmSync(out, { recursive: true }));

it('the first page is the README, and leads to the guide and the memory page', () => {
  const html = readFileSync(join(out, 'index.html'), 'utf8');
  expect(text('index.html')).toContain('libtorch, the C++ library of PyTorch, for TypeScript');
  for (const page of ['PyTorch to TypeScript', 'Memory']) {
    const link = new RegExp(`href="([^"]+)"[^>]*>${page}</a>`).exec(html)?.[1];
    expect(link, page).toMatch(/^documents\//);
    expect(existsSync(join(out, link ?? ''))).toBe(true);
  }
});

it('everything is filed under a subject', () => {
  const page = text('modules/torch.html');
  const subjects = ['Tensors', 'Autograd', 'Neural networks', 'Optimizers', 'Devices', 'Memory and threads', 'Files'];
  for (const subject of [...subjects, 'Distributed', 'Errors', 'Runtime', 'Operators']) expect(page).toContain(subject);
  expect(page).not.toContain('Other');
});

it.each([
  ['classes/torch.Tensor.html', 'A multi-dimensional array of one dtype on one device'],
  ['functions/torch.scope.html', 'frees every tensor made inside it'],
  ['functions/torch.topk.html', 'aten::topk'],
  ['functions/torch.checkpoint.html', 'torch.utils.checkpoint'],
  ['classes/torch.nn.Conv2d.html', 'nn.Conv2d'],
  ['functions/torch.nn.functional.crossEntropy.html', 'F.cross_entropy'],
  ['classes/torch.optim.AdamW.html', 'lr'],
  ['classes/torch.cuda.Graph.html', 'torch.cuda.CUDAGraph'],
  ['functions/torch.readPyTorchCheckpoint.html', 'allow'],
])('%s says %s', (page, words) => {
  expect(text(page)).toContain(words);
});
