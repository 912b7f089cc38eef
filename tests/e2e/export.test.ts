/** @file `suave export` with the real command, on a trained run and on what it must refuse. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFolder, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
let run: string;

beforeAll(async () => {
  const photos = await imageFolder(place, 'photos', 3, 20);
  run = place.path('run');
  const recipe = place.write('tiny.yaml', tinyRecipe);
  const args = ['train', photos, '--recipe', recipe, '--out', run, '--threads', '1', '--epochs', '8'];
  expect((await place.run(args)).status).toBe(0);
});
afterAll(() => place.remove());

const onnx = (out: string, ...more: string[]) => ['export', run, '--format', 'onnx', '--out', place.path(out), ...more];

describe('suave export', () => {
  it('compares on the hold-out and measures what 8 bits cost there', async () => {
    const outcome = await place.run(onnx('model', '--quantize', 'int8', '--with-preprocessing', '--json'));
    expect(outcome.stderr).not.toMatch(/error|warning/i);
    expect(outcome.status).toBe(0);
    const result = JSON.parse(outcome.stdout);
    expect(result.comparison).toMatchObject({ images: 8, source: 'held-out' });
    expect(result.comparison.max).toBeLessThan(1e-4);
    expect(result.preparation.max).toBeLessThan(0.01);
    expect(result.quantization.images).toBe(12);
    const evaluation = JSON.parse((await place.run(['evaluate', run, '--json'])).stdout);
    expect(result.quantization.fullAccuracy).toBeCloseTo(evaluation.top1, 12);
    expect(Math.abs(result.quantization.accuracy - evaluation.top1)).toBeLessThanOrEqual(1 / 12 + 1e-9);
    const card = readFileSync(join(place.path('model'), 'README.md'), 'utf8');
    expect(card).toContain(`${(100 * evaluation.top1).toFixed(1)} % of 12 held-out images (95 % interval`);
    expect(card).toMatch(/training images \| 48 labeled, 0 unlabeled/);
    const config = JSON.parse(readFileSync(join(place.path('model'), 'config.json'), 'utf8'));
    expect(config.id2label).toEqual({ 0: 'class-0', 1: 'class-1', 2: 'class-2' });
  });

  it('exports the clusters or features of a stage without classes', async () => {
    const stage = join(run, 'checkpoints', 'stage-swav.safetensors');
    const args = ['export', stage, '--format', 'onnx', '--threads', '1'];
    const clusters = await place.run([...args, '--out', place.path('clusters')]);
    expect(clusters.status).toBe(0);
    expect(clusters.stderr).toMatch(/outputs are clusters, cluster-0 to cluster-11/);
    expect(clusters.stdout).toMatch(/to logits \[N, 12\]/);
    const features = await place.run([...args, '--out', place.path('features'), '--features']);
    expect(features.stdout).toMatch(/to features \[N, 16\]/);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const before = place.entries();
    const { child, done } = place.start(onnx(join('stopped', 'model'), '--quantize', 'int8'));
    while (!existsSync(place.path('stopped'))) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill('SIGINT');
    const { status, stdout, stderr } = await done;
    expect({ status, stdout }, stderr).toEqual({ status: 130, stdout: '' });
    expect(stderr).toMatch(/SIGINT: ending; nothing is written/);
    expect(place.entries()).toEqual(before);
  });

  it('writes weights for Python too', async () => {
    const outcome = await place.run(['export', run, '--format', 'safetensors', '--out', place.path('weights')]);
    expect(outcome.status).toBe(0);
    expect(readdirSync(place.path('weights'))).toEqual(['model.safetensors']);
  });

  /** Every command line must be refused with one sentence that matches. */
  async function expectRefusals(refusals: readonly [string[], RegExp][]): Promise<void> {
    const before = place.entries();
    for (const [args, message] of refusals) {
      const outcome = await place.run(['export', ...args]);
      expect(outcome.status, outcome.stderr).toBe(2);
      expect(outcome.stdout).toBe('');
      expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
      expect(outcome.stderr).toMatch(message);
    }
    expect(place.entries()).toEqual(before);
  }

  it('refuses a checkpoint that is missing, damaged or not of its description, and creates nothing', async () => {
    const weights = readFileSync(join(run, 'checkpoints', 'last.safetensors'));
    const text = place.write('text.safetensors', 'x');
    const cut = place.write('cut.safetensors', weights.subarray(0, weights.length - 50));
    const header = weights.toString('utf8', 8, 8 + Number(weights.readBigUInt64LE(0)));
    const wider = header.replace('\\"width\\":0.25', '\\"width\\":0.50');
    expect(wider).not.toBe(header);
    const mismatch = Buffer.from(weights);
    mismatch.write(wider, 8);
    const target = ['--format', 'onnx', '--out', place.path('refused', 'here')];
    await expectRefusals([
      [[place.path('nowhere'), ...target], /no such run folder or checkpoint/],
      [[text, ...target], /text\.safetensors/],
      [[cut, ...target], /cut\.safetensors/],
      [[place.write('mismatch.safetensors', mismatch), ...target], /expected the module's shapes, got other ones/],
      [[run, ...target, '--data', place.path('no-data')], /no-data/],
    ]);
  });

  it('refuses options and folders that cannot be meant', async () => {
    const [refused, file] = [place.path('refused'), place.write('file', '')];
    await expectRefusals([
      [[run, '--format', 'onnx', '--out', run], /new or empty folder/],
      [[run, '--format', 'onnx', '--out', file], /got a file/],
      [[run, '--format', 'tflite', '--out', refused], /onnx or web or safetensors, got "tflite"/],
      [[run, '--out', refused], /--format/],
      [[run, '--format', 'web', '--features', '--out', refused], /--features: expected with --format onnx/],
      [[run, '--format', 'onnx', '--quantize', 'int4', '--out', refused], /expected int8/],
    ]);
  });
});
