/** @file The check of the addon's CUDA files on machines without CUDA's headers: it says why there is nothing to check. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('../../packages/torch/scripts/check-cuda-sources.mjs', import.meta.url));

function check(...args: string[]): { status: number | null; output: string } {
  const { status, stdout } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  return { status, output: stdout };
}

test('without headers it is skipped, and says which one is missing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'suave-cuda-headers-'));
  try {
    const { status, output } = check('--cuda-include', folder);
    expect(status).toBe(0);
    expect(output).toBe(`skipped: ${folder} has no cuda_runtime_api.h\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an unknown option is wrong usage', () => {
  const { status, output } = check('--cuda');
  expect(status).toBe(2);
  expect(output).toContain('Usage: check-cuda-sources.mjs');
});
