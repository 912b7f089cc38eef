import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const compiler = process.env.CXX ?? 'g++';
const source = fileURLToPath(new URL('../native/tests/slots_test.cpp', import.meta.url));

it('never gives a handle twice, and keeps every handle below 2^53 (the table alone, in C++)', (context) => {
  if (spawnSync(compiler, ['--version']).status !== 0) return context.skip(`no C++ compiler named ${compiler}`);
  const folder = mkdtempSync(join(tmpdir(), 'slots-'));
  try {
    const program = join(folder, 'slots_test');
    execFileSync(compiler, ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Werror', source, '-o', program], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const run = spawnSync(program, { encoding: 'utf8' });
    expect(run.stdout).toMatch(/all good/);
    expect(run.status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
