/** @file The set-up script where it may do nothing. That a second set-up does nothing is checked by `.ci/run`. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

function setUp(args: string[], environment: NodeJS.ProcessEnv = process.env) {
  const script = join(root, 'scripts/setup.mjs');
  return spawnSync(process.execPath, [script, ...args], { cwd: root, encoding: 'utf8', env: environment });
}

test('a machine without compiler and apt-get gets one message with all that is missing', () => {
  const result = setUp([], { PATH: '/nonexistent' });
  expect(result.status).toBe(1);
  expect(result.stdout).toBe('');
  expect(result.stderr).toContain('there is no apt-get on this machine');
  const [, line] = /apt-get install -y --no-install-recommends (.*)/.exec(result.stderr) ?? [];
  expect(line).toMatch(/cmake g\+\+ make$/);
  expect(result.stderr.match(/this machine lacks/g)).toHaveLength(1);
});

test('a user without root is told so', ({ skip }) => {
  if (process.getuid?.() === 0) return skip('the tests run as root');
  const bin = mkdtempSync(join(tmpdir(), 'suave-path-'));
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'apt-get'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const result = setUp([], { PATH: bin });
  rmSync(bin, { recursive: true });
  expect(result.status).toBe(1);
  expect(result.stderr).toContain('needs root, and there is no sudo');
});

test('a wrong role is wrong usage', () => {
  const result = setUp(['--for', 'nothing']);
  expect(result.status).toBe(2);
  expect(result.stderr).toContain('--for start|test|bench');
});
