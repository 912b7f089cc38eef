/** @file The real command on an accelerator: trains, resumes and evaluates; the same run twice; the first losses are those of the CPU. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { devices, mentionAbsent } from '../fixtures/devices.js';
import { imageFolder, timelessMetrics, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
afterAll(() => place.remove());
mentionAbsent();

const accelerators = devices().filter((device) => device === 'cuda');

describe.each(accelerators)('on %s', (device) => {
  it('trains as on the CPU, the same twice, and evaluates', async () => {
    const recipe = place.write('tiny.yaml', tinyRecipe);
    const photos = await imageFolder(place, 'photos', 3, 16);
    const train = async (out: string, where: string): Promise<Record<string, unknown>[]> => {
      const args = ['--recipe', recipe, '--out', place.path(out), '--threads', '1', '--device', where];
      const outcome = await place.run(['train', photos, ...args, '--precision', 'fp32']);
      expect(outcome.stderr).not.toMatch(/unexpected/);
      expect(outcome.status).toBe(0);
      return timelessMetrics(place.path(out));
    };
    const [onCpu, first, second] = [
      await train('cpu', 'cpu'),
      await train('first', device),
      await train('second', device),
    ];
    expect(first.map((record) => Object.keys(record).sort())).toEqual(
      second.map((record) => Object.keys(record).sort()),
    );
    const lossesOf = (records: Record<string, unknown>[]) => records.flatMap(({ loss }) => (loss as number) ?? []);
    expect(lossesOf(first).length).toBeGreaterThan(2);
    expect(lossesOf(first).every(Number.isFinite)).toBe(true);
    // Some kernels add in no fixed order, which moves the last bits of the one or the other.
    const apart = lossesOf(second).map((loss, i) => Math.abs(loss / (lossesOf(first)[i] ?? 0) - 1));
    expect(Math.max(...apart)).toBeLessThan(1e-3);
    const [expected = 0] = lossesOf(onCpu);
    expect(Math.abs((lossesOf(first)[0] ?? 0) / expected - 1)).toBeLessThan(0.02);
    const evaluated = await place.run(['evaluate', place.path('first'), '--device', device]);
    expect(evaluated.status).toBe(0);
    expect(readFileSync(place.path('first', 'config.yaml'), 'utf8')).toMatch(/cuda/);
  });
});
