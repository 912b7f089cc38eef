/** @file The code of packages/torch/README.md runs as a user would run it, and the TypeScript in it compiles under strict settings. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { typeErrors } from './idioms.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const path = join(root, 'packages/torch/README.md');
const text = readFileSync(path, 'utf8');
const [first = '', loop = ''] = [...text.matchAll(/^```(?:js|ts)\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
const door = new URL('../../packages/torch/dist/index.js', import.meta.url).href;

function run(code: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'suave-torch-readme-'));
  const { outputText } = ts.transpileModule(code.replaceAll('@suave/torch', door), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const ended = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: folder,
    encoding: 'utf8',
    input: outputText,
  });
  const saved = existsSync(join(folder, 'product.safetensors'));
  rmSync(folder, { recursive: true });
  expect(ended.stderr).toBe('');
  return `${ended.stdout}${saved ? 'saved' : ''}`;
}

it('the first program prints what its comment says', () => {
  expect(run(first).trim()).toBe(/\/\/ (.+)$/m.exec(first)?.[1]);
});

it('the training loop compiles, learns and saves', () => {
  expect(typeErrors(loop, join(root, 'packages/torch/examples/readme.ts'))).toEqual([]);
  const lines = run(loop).split('\n');
  const losses = lines.slice(0, -1).map((line) => Number(line.split(' ')[1]));
  expect(losses).toHaveLength(4);
  expect(losses[3]).toBeLessThan((losses[0] ?? 0) / 20);
  expect(lines.at(-1)).toBe('saved');
});

it('its links lead somewhere', () => {
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(2);
  expect(links.filter((link) => !existsSync(join(dirname(path), link)))).toEqual([]);
});
