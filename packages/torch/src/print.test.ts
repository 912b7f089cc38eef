import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import * as torch from './index.js';

interface Case {
  shape: number[];
  dtype: torch.DType;
  values: (number | string | boolean | [number | string, number | string])[] | { start: number; step: number };
  text: string;
  build?: keyof typeof builds;
  requiresGrad?: boolean;
  options?: Partial<torch.PrintOptions>;
}

/** JSON has no nan, inf and -0. */
function revive(_: string, value: unknown): unknown {
  return typeof value === 'string' && /^(-?inf|nan|-0\.0|0\.0)$/.test(value)
    ? Number(value.replace('inf', 'Infinity').replace('nan', 'NaN'))
    : value;
}

const cases: Case[] = readFileSync(new URL('fixtures/print-cases.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line, revive));

const builds = {
  double: (x: torch.Tensor) => x.add(x),
  sum: (x: torch.Tensor) => x.sum(),
  transpose: (x: torch.Tensor) => x.transpose(0, -1),
  select: (x: torch.Tensor) => x.select(0, 1),
  conj: (x: torch.Tensor) => x.conj(),
  imag: (x: torch.Tensor) => torch.imag(x.conj()),
  sparse: (x: torch.Tensor) => x.toSparse(),
  meta: (x: torch.Tensor) => x.to({ device: 'meta' }),
  strided: (x: torch.Tensor) => x.at('...', torch.slice(null, null, 2)),
  relu: (x: torch.Tensor) => x.relu(),
  inplace: (x: torch.Tensor) => x.clone().setAt(0, 1),
};

function build({ shape, dtype, values, build, requiresGrad = false }: Case): torch.Tensor {
  let x: torch.Tensor;
  if (Array.isArray(values)) {
    const flat = torch.tensor(
      (dtype === 'int64' ? values.map((value) => BigInt(value as number | string)) : values) as number[],
      { dtype },
    ) as torch.Tensor;
    x = flat.reshape(shape);
  } else {
    const numel = shape.reduce((product, size) => product * size, 1);
    x = torch.arange(numel, { dtype: 'float64' }).mul(values.step).add(values.start).to(dtype).view(shape);
  }
  if (requiresGrad) x.requiresGrad = true;
  return build === undefined ? x : builds[build](x);
}

afterEach(() => torch.setPrintOptions({ profile: 'default' }));

describe('the text of a tensor', () => {
  it.each(cases.map((each, i) => [i, each.text.split('\n')[0]?.slice(0, 60), each] as const))(
    'is that of PyTorch: %i %s',
    (_, __, each) => {
      torch.scope(() => {
        const x = build(each);
        torch.setPrintOptions(each.options ?? {});
        const { count } = torch.liveTensors();
        expect(String(x)).toBe(each.text);
        expect(torch.liveTensors().count).toBe(count);
      });
    },
  );

  it('fetches only what is shown', () => {
    const big = torch.zeros([4000, 4000]);
    const start = process.hrtime.bigint();
    for (let i = 0; i < 20; i++) String(big);
    const shown = process.hrtime.bigint() - start;
    const again = process.hrtime.bigint();
    big.data();
    expect(shown / 20n).toBeLessThan(process.hrtime.bigint() - again);
  });

  it('says that a tensor is disposed of', () => {
    const x = torch.tensor([1]);
    x.dispose();
    expect([`${x}`, inspect({ x }), inspect({ x }, { depth: 0 })]).toEqual([
      'tensor(disposed)',
      '{ x: tensor(disposed) }',
      '{ x: [Tensor disposed] }',
    ]);
  });
});

describe('in objects, arrays and messages', () => {
  const x = torch.tensor([
    [1, 2],
    [3, 4],
  ]);

  it('stays aligned under inspect', () => {
    expect(inspect(x)).toBe('tensor([[1., 2.],\n        [3., 4.]])');
    expect(inspect({ weight: x, bias: torch.tensor([1]) })).toBe(
      '{\n  weight: tensor(\n    [[1., 2.],\n     [3., 4.]]),\n  bias: tensor([1.])\n}',
    );
    expect(inspect([torch.tensor([1]), torch.tensor([2])])).toBe('[ tensor([1.]), tensor([2.]) ]');
    expect(inspect({ a: { b: { c: torch.tensor([1]) } } }, { depth: 2 })).toBe(
      '{ a: { b: { c: [Tensor float32 [1]] } } }',
    );
    expect(inspect({ a: { b: { c: x } } }, { depth: null })).toContain('c: tensor(\n');
    expect(inspect({ long: x }, { depth: 0 })).toBe('{ long: [Tensor float32 [2, 2]] }');
  });

  it('has text, but no JSON', () => {
    expect(`x is ${torch.tensor([1, 2])}`).toBe('x is tensor([1., 2.])');
    expect(() => JSON.stringify({ x })).toThrow(/no JSON form\. Use toArray\(\)/);
    expect(JSON.stringify(x.toArray())).toBe('[[1,2],[3,4]]');
  });
});

describe('setPrintOptions', () => {
  it('changes what is given, and goes back to a profile', () => {
    torch.setPrintOptions({ precision: 2 });
    torch.setPrintOptions({ threshold: 10 });
    expect(torch.printOptions()).toEqual({ precision: 2, threshold: 10, edgeItems: 3, lineWidth: 80, sciMode: null });
    torch.setPrintOptions({ profile: 'full' });
    expect(String(torch.arange(2000))).not.toContain('...');
    torch.setPrintOptions({ profile: 'short' });
    expect(String(torch.tensor([0.5, Math.PI]))).toBe('tensor([0.50, 3.14])');
  });

  it('refuses what it does not know, and changes nothing then', () => {
    expect(() => torch.setPrintOptions({ precision: 3, edgeItems: 0 })).toThrow(
      /edgeItems: expected an integer of at least 1/,
    );
    expect(() => torch.setPrintOptions({ sciMode: 1 as never })).toThrow(/sciMode: expected true, false or null/);
    expect(() => torch.setPrintOptions({ linewidth: 3 } as never)).toThrow(/unknown setting linewidth\. Known are/);
    expect(() => torch.setPrintOptions({ profile: 'tiny' as never })).toThrow(/profile default, short or full/);
    expect(torch.printOptions().precision).toBe(4);
  });
});
