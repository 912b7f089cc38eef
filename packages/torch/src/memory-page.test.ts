/** @file The code blocks of docs/memory.md do what they say. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { compiledDoor } from './testing/in-worker.js';

const page = readFileSync(new URL('../../../docs/memory.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);

it('has blocks', () => expect(blocks.length).toBeGreaterThanOrEqual(4));

it.each(blocks.map((block, i) => [i + 1, block] as const))('block %i runs, and its assertions hold', (_, block) => {
  const { outputText } = ts.transpileModule(block.replaceAll('@suave/torch', compiledDoor), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', outputText], { encoding: 'utf8' });
  expect({ status: run.status, stderr: run.stderr, stdout: run.stdout }).toEqual({ status: 0, stderr: '', stdout: '' });
});
