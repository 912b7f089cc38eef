import { readFileSync } from 'node:fs';
import { describe, expect, it as itOnHost } from 'vitest';
import * as torch from '../../../tests/fixtures/sources-on-device.js';
import { itOnDevice as it } from '../../../tests/fixtures/torch-devices.js';

type Block = [shape: number[], values: number[]];
type Place =
  | { at: number }
  | { slice: [number | null, number | null, number] }
  | { new: true }
  | { rest: true }
  | { flag: boolean }
  | { positions: Block }
  | { mask: [number[], boolean[]] };
interface Case {
  shape: number[];
  places: Place[];
  read: Block;
  value: Block;
  accumulate: boolean;
  written: Block;
}

const cases: Case[] = readFileSync(new URL('fixtures/index-cases.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

function placeOf(place: Place): torch.Index {
  if ('at' in place) return place.at;
  if ('slice' in place) return torch.slice(...place.slice);
  if ('new' in place) return null;
  if ('rest' in place) return '...';
  if ('flag' in place) return place.flag;
  const isMask = 'mask' in place;
  const [shape, values] = isMask ? place.mask : place.positions;
  return torch.tensor(values as number[], { dtype: isMask ? 'bool' : 'int64' }).view(shape);
}

function countUp(shape: number[]): torch.Tensor {
  return torch.arange(shape.reduce((product, size) => product * size, 1)).view(shape);
}

const flat = (x: torch.Tensor): Block => [x.shape, x.reshape([-1]).toArray() as number[]];

describe('against PyTorch', () => {
  it(`reads what ${cases.length} drawn indices name, and writes there`, () => {
    const before = torch.liveTensors().count;
    const wrong: unknown[] = [];
    for (const { shape, places, read, value, accumulate, written } of cases)
      torch.scope(() => {
        const index = places.map(placeOf);
        const x = countUp(shape);
        const got = flat(x.at(...index));
        x.setAt(index, torch.tensor(value[1], { dtype: 'int64' }).view(value[0]), { accumulate });
        const after = flat(x);
        if (JSON.stringify(got) !== JSON.stringify(read)) wrong.push({ shape, places, got, read });
        if (JSON.stringify(after) !== JSON.stringify(written)) wrong.push({ shape, places, value, after, written });
      });
    expect(wrong).toEqual([]);
    expect(cases.length).toBeGreaterThan(150);
    expect(torch.liveTensors().count).toBe(before);
  });

  it('leaves no tensor behind but the result, outside scopes too', () => {
    const x = countUp([3, 4]);
    const before = torch.liveTensors().count;
    const part = x.at([0, 2], null, torch.slice(1, 3));
    expect(torch.liveTensors().count).toBe(before + 1);
    part.dispose();
    x.setAt([[true, false, true], 1], 5).setAt([0, [1, 1]], 7, { accumulate: true });
    expect(() => x.at(0, 9)).toThrow();
    expect(() => x.setAt([[0, 1], 1.5], 1)).toThrow();
    expect(torch.liveTensors().count).toBe(before);
  });
});

describe('at', () => {
  const x = countUp([2, 3, 4]);

  it('takes plain arrays of positions and booleans', () => {
    expect(x.at(1, [2, -3], [0, 1]).toArray()).toEqual([20, 13]);
    expect(x.at('...', [true, false, false, true]).shape).toEqual([2, 3, 2]);
    expect(x.at([]).shape).toEqual([0, 3, 4]);
    expect(x.at(torch.tensor([1, 0], { dtype: 'int32' }), 0, 0).toArray()).toEqual([12, 0]);
  });

  it('gives a view where PyTorch does, a handle of its own even without places', () => {
    const y = torch.zeros([2, 2]);
    y.at(0).fill_(1);
    const all = y.at('...');
    all.add_(1);
    all.dispose();
    expect(y.toArray()).toEqual([
      [2, 2],
      [1, 1],
    ]);
    const leaf = torch.tensor([1, 2, 3], { requiresGrad: true });
    leaf.at([0, 0, 2]).sum().backward();
    expect(leaf.grad?.toArray()).toEqual([2, 0, 1]);
  });

  itOnHost.each<[string, () => unknown, RegExp]>([
    ['too many dimensions', () => x.at(0, 0, 0, 0), /at: place 3: expected at most 3 dimensions.*\[2, 3, 4\]/],
    ['a position out of range', () => x.at(0, 3), /at: place 1: expected a position from -3 to 2, got 3/],
    ['a fraction', () => x.at(0.5), /at: place 0: expected an integer position, got 0\.5/],
    ['two rests', () => x.at('...', 0, '...'), /at: place 2: expected at most one '\.\.\.'/],
    ['a mask of another shape', () => x.at(0, [true, false]), /place 1: expected a mask of shape \[3\].*got \[2\]/],
    ['uint8', () => x.at(torch.tensor([1], { dtype: 'uint8' })), /got uint8\. Use to\('bool'\) for a mask/],
    ['floats', () => x.at(torch.tensor([1])), /expected a tensor of integers or bool, got float32/],
    ['mixed arrays', () => x.at([1, true] as never), /an array of integers or one of booleans/],
    ['nothing', () => x.at(undefined as never), /place 0: expected a number, slice\(\), null/],
    ['positions out of range', () => x.at([0, 5]), /out of bounds/],
    ['a backward slice', () => torch.slice(3, 0, -1), /step of at least 1, got -1\. Use flip\(\)/],
    ['a fraction in a slice', () => torch.slice(0.5), /slice: expected integers or null, got 0\.5/],
  ])('refuses %s', (_, read, message) => {
    expect(read).toThrow(message);
    expect(read).toThrow(torch.TorchError);
  });
});

describe('setAt', () => {
  it('writes numbers, bigints, rows and other dtypes in place, and differentiates', () => {
    const x = torch.zeros([2, 3]);
    expect(x.setAt(0, 1.5)).toBe(x);
    x.setAt(['...', 2], torch.tensor([[[7n, 8n]]]).view([1, 1, 2]));
    expect(x.toArray()).toEqual([
      [1.5, 1.5, 7],
      [0, 0, 8],
    ]);
    x.setAt([x.gt(1)], -1);
    expect(x.toArray()).toEqual([
      [-1, -1, -1],
      [0, 0, -1],
    ]);
    expect(
      torch
        .zeros([2], { dtype: 'int64' })
        .setAt([[1]], 2n ** 60n)
        .data()[1],
    ).toBe(2n ** 60n);
    const weight = torch.tensor([2, 3], { requiresGrad: true });
    const y = torch.zeros([3]);
    y.setAt(torch.slice(0, 2), weight.mul(5));
    y.sum().backward();
    expect(weight.grad?.toArray()).toEqual([5, 5]);
  });

  it('adds, each mention of a position once more', () => {
    const counts = torch.zeros([4]).setAt([[0, 2, 2, 2]], 1, { accumulate: true });
    expect(counts.toArray()).toEqual([1, 0, 3, 0]);
    expect(torch.ones([2]).setAt(1, 5, { accumulate: true }).toArray()).toEqual([1, 6]);
  });

  it('refuses what is no value, and a value of another shape', () => {
    expect(() => torch.zeros([2]).setAt(0, 'x' as never)).toThrow(/setAt: expected a number or a Tensor/);
    expect(() => torch.zeros([2]).setAt(2, 1)).toThrow(/setAt: place 0: expected a position from -2 to 1/);
    expect(() => torch.zeros([2, 2]).setAt(0, torch.zeros([3]))).toThrow(torch.TorchError);
    expect(() => torch.zeros([2]).setAt([[0]], torch.tensor([1n]))).toThrow(/dtype/);
  });
});
