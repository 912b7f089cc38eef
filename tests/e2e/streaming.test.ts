/** @file Training at full size without a cache of pixels, with the real command: the same run, bit for bit, as with one. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, picture, tensorBytes, timelessMetrics, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let recipe: string;
let photos: string;

const args = (out: string, ...more: string[]): string[] => [
  ...['train', photos, '--recipe', recipe, '--out', place.path(out), '--threads', '1', '--labels-per-class', '4'],
  ...more,
];
const streamed = ['--set', 'data.cacheSide=none'];
const train = (out: string, ...more: string[]): Promise<Outcome> => place.run(args(out, ...more));

/** Three classes of pictures of many sizes, of PNG and JPEG. */
async function writePhotos(): Promise<string> {
  for (let c = 0; c < 3; c++) {
    const folder = place.path('photos', `class-${c}`);
    mkdirSync(folder, { recursive: true });
    for (let i = 0; i < 14; i++) {
      const png = sharp(await picture(c, i, 40)).resize(17 + 3 * i, 40 - i, { fit: 'fill' });
      const isPng = i % 2 === 0;
      const bytes = await (isPng ? png : png.jpeg().withMetadata({ orientation: 1 + (i % 8) })).toBuffer();
      writeFileSync(join(folder, `${i}.${isPng ? 'png' : 'jpg'}`), bytes);
    }
  }
  return place.path('photos');
}

function expectSameRun(out: string): void {
  expect(timelessMetrics(place.path(out))).toEqual(timelessMetrics(place.path('cached')));
  for (const name of ['last', 'best', 'stage-swav', 'stage-suave']) {
    const file = join('checkpoints', `${name}.safetensors`);
    expect(tensorBytes(place.path(out, file)).equals(tensorBytes(place.path('cached', file))), name).toBe(true);
  }
}

beforeAll(async () => {
  recipe = place.write('tiny.yaml', tinyRecipe.replace('epochs: 2\n    batch', 'epochs: 9\n    batch'));
  photos = await writePhotos();
  // No image is as large: the cache holds all of them at full size.
  const cached = await train('cached', '--set', 'data.cacheSide=4096');
  expect(cached.status, cached.stderr).toBe(0);
});
afterAll(() => place.remove());

describe('a run without a cache', () => {
  it.each([0, 1, 3])('equals one with all images cached at full size, with %i workers', async (workers) => {
    const cache = place.path(`cache-${workers}`);
    const outcome = await train(`streamed-${workers}`, ...streamed, '--workers', `${workers}`, '--cache', cache);
    expect(outcome.status, outcome.stderr).toBe(0);
    expect(outcome.stderr).toMatch(/reading image sizes/);
    expectSameRun(`streamed-${workers}`);
    const [file, ...others] = readdirSync(cache);
    expect(others).toEqual([]);
    expect(statSync(join(cache, file)).size).toBeLessThan(8192);
  });

  it('continues after kill -9 as if nothing had happened', async () => {
    const running = place.start(args('killed', ...streamed));
    await running.seen(/suave epoch 2:/);
    running.child.kill('SIGKILL');
    await running.done;
    expect((await train('killed', ...streamed, '--resume', '--workers', '1')).status).toBe(0);
    expectSameRun('killed');
  });

  it('is measured and predicts without a cache too', async () => {
    const evaluations: string[] = [];
    for (const out of ['cached', 'streamed-1']) {
      const outcome = await place.run(['evaluate', place.path(out), photos, '--json']);
      expect(outcome.status, outcome.stderr).toBe(0);
      evaluations.push(outcome.stdout);
      const predicted = await place.run(['predict', place.path(out), join(photos, 'class-1'), '--json']);
      expect(predicted.status, predicted.stderr).toBe(0);
      evaluations.push(predicted.stdout);
    }
    expect(evaluations.slice(2)).toEqual(evaluations.slice(0, 2));
  });

  it('names a file that is gone, keeps what was learned, and continues when it is back', async () => {
    const running = place.start(args('interrupted', ...streamed, '--workers', '1'));
    await running.seen(/suave epoch 1:/);
    const folder = join(photos, 'class-1');
    renameSync(folder, place.path('aside'));
    const outcome = await running.done;
    renameSync(place.path('aside'), folder);
    expect(outcome.status).toBe(2);
    expect(outcome.stderr).toMatch(/photos\/class-1\/\d+\.(png|jpg)": cannot be opened \(ENOENT\).*--resume/);
    expect(existsSync(place.path('interrupted', 'checkpoints', 'last.safetensors'))).toBe(true);
    expect(readFileSync(place.path('interrupted', 'metrics.jsonl'), 'utf8')).not.toBe('');
    expect((await train('interrupted', ...streamed, '--resume')).status).toBe(0);
    expectSameRun('interrupted');
  });
});
