/** @file Runs a task in several real processes that meet over Gloo. */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./rank-process.mjs', import.meta.url));

/**
 * Starts one process per entry of `inputs`; the rank is its position. The processes run compiled code.
 * @param task  a task that `rank-process.mjs` knows
 * @returns     the numbers that each rank sent back
 */
export async function runRanks(task: string, inputs: readonly object[]): Promise<number[][]> {
  const folder = mkdtempSync(join(tmpdir(), 'suave-ranks-'));
  try {
    return await Promise.all(
      inputs.map(
        (input, rank) =>
          new Promise<number[]>((resolve, reject) => {
            const child = fork(SCRIPT, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
            let numbers: number[] | undefined;
            let errors = '';
            child.stderr?.on('data', (chunk: Buffer) => {
              errors += chunk.toString();
            });
            child.on('message', (message) => {
              numbers = message as number[];
            });
            child.on('error', reject);
            child.on('exit', (code) => {
              if (code === 0 && numbers) resolve(numbers);
              else reject(new Error(`rank ${rank} of "${task}" ended with ${code}: ${errors}`));
            });
            child.send({ task, input, rank, worldSize: inputs.length, address: `file://${join(folder, 'meeting')}` });
          }),
      ),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
