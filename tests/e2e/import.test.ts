/** @file `suave import` on files of both kinds, training from a file of PyTorch, and what is refused. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { readSafetensors, scope, zeros } from '@suave/torch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBackbone } from '../../packages/suave/src/models/index.js';
import { legacyCheckpoint } from '../fixtures/legacy-checkpoint.js';
import { imageFolder, tinyRecipe, Workplace } from './command.js';

const place = new Workplace();
/** Bytes of every tensor of the checkpoint, by its path. */
const expected: Record<string, { dtype: string; shape: number[]; sha256: string }> = {};

beforeAll(() => {
  scope(() => {
    const backbone = createBackbone('resnet8', { width: 0.25 });
    const state = new Map([...backbone.stateDict()].map(([key, tensor]) => [`module.${key}`, tensor]));
    state.set('module.prototypes.weight', zeros([3, 4]));
    for (const [key, tensor] of state) {
      const sha256 = createHash('sha256').update(tensor.bytes()).digest('hex');
      expected[`/${key}`] = { dtype: tensor.dtype, shape: tensor.shape, sha256 };
    }
    const bytes = legacyCheckpoint(state);
    writeFileSync(place.path('swav.pth.tar'), bytes);
    writeFileSync(place.path('cut.pth'), bytes.subarray(0, bytes.length - 9));
    writeFileSync(place.path('hostile.pth'), '\x80\x02cposix\nsystem\n(X\x02\x00\x00\x00lstR.', 'latin1');
    backbone.dispose();
  });
  place.write('text.pth', 'These are no weights.\n');
});
afterAll(() => place.remove());

describe('suave import', () => {
  it('prints every tensor with its hash', async () => {
    const { status, stdout, stderr } = await place.run(['import', 'swav.pth.tar', '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ tensors: expected, skipped: [] });
  });

  it('writes the backbone as safetensors, which it reads again', async () => {
    const written = await place.run(['import', 'swav.pth.tar', '--out', 'swav.safetensors']);
    expect(written.stdout).toMatch(/^network {3}SwAV, backbone resnet8: \d+ of \d+ entries \(100 %\)$/m);
    expect(written.stdout).toMatch(/^skipped {3}1: a head, and only the backbone is taken$/m);
    const { tensors, metadata } = readSafetensors(place.path('swav.safetensors'));
    expect(metadata).toMatchObject({ layout: 'SwAV', backbone: 'resnet8' });
    const names = Object.keys(expected).map((path) => path.slice('/module.'.length));
    expect([...tensors.keys()].sort()).toEqual(names.filter((name) => name !== 'prototypes.weight').sort());
    for (const tensor of tensors.values()) tensor.dispose();
    const again = await place.run(['import', 'swav.safetensors', '--json']);
    const { tensors: read } = JSON.parse(again.stdout) as { tensors: typeof expected };
    expect(read['/conv1.weight']).toEqual(expected['/module.conv1.weight']);
  });

  const cases: [what: string, args: string[], sentence: RegExp][] = [
    ['no such file', ['none.pth', '--json'], /none\.pth.*no such file/],
    ['a text', ['text.pth'], /text\.pth: not a checkpoint of PyTorch/],
    ['a file that is cut off', ['cut.pth', '--json'], /cut\.pth.*ends at byte/],
    ['a hostile pickle', ['hostile.pth', '--json'], /hostile\.pth.*"posix\.system".*nothing was run/],
    ['a part that is unknown', ['swav.pth.tar', '--part', 'head'], /--part: expected backbone or backbone\+head/],
    ['a network that is unknown', ['swav.pth.tar', '--which', 'pupil'], /--which: expected student or teacher/],
    ['a network that is not there', ['swav.pth.tar', '--which', 'student', '--json'], /with a student/],
    ['another architecture', ['swav.pth.tar', '--arch', 'resnet8', '--out', 'x.safetensors'], /90 % of the backbone/],
  ];
  it.each(cases)('refuses %s', async (_what, args, sentence) => {
    const before = place.entries();
    const { status, stdout, stderr } = await place.run(['import', ...args]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(place.entries()).toEqual(before);
  });
});

describe('suave train', () => {
  it('starts from a file of PyTorch and says what it took', async () => {
    const recipe = place.write('tiny.yaml', tinyRecipe);
    const photos = await imageFolder(place, 'photos', 3, 8);
    const { status, stderr } = await place.run([
      ...['train', photos, '--recipe', recipe, '--out', 'run', '--threads', '1', '--epochs', '1'],
      ...['--init', 'swav.pth.tar', '--set', 'optimizer.warmupEpochs=0'],
    ]);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/--init .*swav\.pth\.tar: \d+ entries loaded \(\d+ of the backbone's \d+, 100 %\)/);
  });
});
