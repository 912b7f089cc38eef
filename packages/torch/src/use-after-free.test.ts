/** @file Use after free is a typed error: of every operator at every place, and of every function of our own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as torch from './index.js';
import { native } from './native.js';

const { nn, optim } = torch;
type Tensor = torch.Tensor;

function disposed(shape = [2, 3]): Tensor {
  const tensor = torch.ones(shape);
  tensor.dispose();
  return tensor;
}

/** `aten::add.Tensor(Tensor self, …) -> …` as name, overload and the types of the arguments. */
function parse(schema: string): { name: string; overload: string; types: string[] } {
  const open = schema.indexOf('(');
  const [name, overload = ''] = schema.slice(0, open).split('.') as [string, string?];
  const types: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let i = open + 1; i < schema.length; i++) {
    const letter = schema[i]!;
    if (letter === '(' || letter === '[') depth++;
    const end = letter === ')' && depth === 0;
    if ((letter === ',' && depth === 0) || end) {
      const argument = schema.slice(start, i).trim();
      const type = argument.replace(/\(\w+(\s*->\s*[\w*|]+)?!?\)/, '').split(' ')[0]!;
      if (argument !== '' && argument !== '*') types.push(type);
      start = i + 1;
    }
    if (end) break;
    if (letter === ')' || letter === ']') depth--;
  }
  return { name, overload, types };
}

describe('every operator, at every place where it takes a tensor', () => {
  const live = torch.ones([2, 3]);
  const gone = disposed();
  const valid = (type: string): unknown => {
    if (/^Tensor\??\[\d*\]\??$/.test(type)) return Float64Array.of(live.handle);
    if (type === 'Tensor') return live.handle;
    if (type.includes('?')) return undefined;
    if (/^(int|SymInt|float|Scalar|number|ScalarType|Layout|MemoryFormat)$/.test(type)) return 1;
    if (/^(int|SymInt|float|Scalar|number)\[\d*\]$/.test(type)) return [1];
    if (type === 'bool') return true;
    if (/^bool\[\d*\]$/.test(type)) return [true];
    if (type === 'str') return '';
    if (type === 'Device') return 'cpu';
    return null; // a kind that cannot be given: places behind it cannot be reached
  };

  it('throws DisposedTensorError before it runs', () => {
    let places = 0;
    for (const schema of native.schemas()) {
      const { name, overload, types } = parse(schema);
      const id = native.resolve(name, overload);
      const before: unknown[] = [];
      for (const type of types) {
        const isList = /^Tensor\??\[\d*\]\??$/.test(type);
        if (isList || /^Tensor\??$/.test(type)) {
          places++;
          const bad = isList ? Float64Array.of(live.handle, gone.handle) : gone.handle;
          let error: unknown;
          try {
            native.invokeVoid(id, ...before, bad);
          } catch (thrown) {
            error = thrown;
          }
          if (!(error instanceof torch.DisposedTensorError))
            expect.fail(`${schema}, argument ${before.length}: expected DisposedTensorError, got ${error}`);
        }
        const value = valid(type);
        if (value === null) break;
        before.push(value);
      }
    }
    expect(places).toBeGreaterThan(4000);
  });

  it('of a method too', () => {
    const without = new Set(['constructor', 'dispose', 'isDisposed', 'toJSON', 'toString']);
    const words = Object.getOwnPropertyNames(torch.Tensor.prototype).filter((name) => !without.has(name));
    let typed = 0;
    for (const name of words) {
      let error: unknown;
      try {
        const value = (gone as unknown as Record<string, unknown>)[name];
        if (typeof value === 'function') (value as (...values: unknown[]) => unknown).call(gone);
      } catch (thrown) {
        error = thrown;
      }
      if (error instanceof torch.DisposedTensorError) typed++;
      // Without their other arguments many operators complain of those first; nothing may succeed or crash.
      expect(error, name).toBeInstanceOf(Error);
    }
    expect(typed).toBeGreaterThan(300);
  });
});

const folder = mkdtempSync(join(tmpdir(), 'use-after-free-'));

const layers: [string, () => torch.nn.Layer, number[]][] = [
  ['Linear', () => new nn.Linear(3, 2), [2, 3]],
  ['Conv2d', () => new nn.Conv2d(3, 2, 3), [1, 3, 8, 8]],
  ['BatchNorm1d', () => new nn.BatchNorm1d(3), [2, 3]],
  ['BatchNorm2d', () => new nn.BatchNorm2d(3), [1, 3, 8, 8]],
  ['LayerNorm', () => new nn.LayerNorm([3]), [2, 3]],
  ['ReLU', () => new nn.ReLU(), [2, 3]],
  ['GELU', () => new nn.GELU(), [2, 3]],
  ['Flatten', () => new nn.Flatten(), [2, 3]],
  ['MaxPool2d', () => new nn.MaxPool2d(2), [1, 3, 8, 8]],
  ['AvgPool2d', () => new nn.AvgPool2d(2), [1, 3, 8, 8]],
  ['AdaptiveAvgPool2d', () => new nn.AdaptiveAvgPool2d(1), [1, 3, 8, 8]],
  ['WeightNormLinear', () => new nn.WeightNormLinear(3, 2), [2, 3]],
];

/** Each gets a disposed and a live tensor, both [2, 3]. */
const uses: [string, (gone: Tensor, live: Tensor) => unknown][] = [
  ['keep', (gone) => torch.keep(gone)],
  ['at', (gone) => gone.at(0)],
  ['at, by a tensor', (gone, live) => live.at(gone)],
  ['shape', (gone) => gone.shape],
  ['data', (gone) => gone.data()],
  ['toArray', (gone) => gone.toArray()],
  ['bytes', (gone) => gone.bytes()],
  ['setBytes_', (gone) => gone.setBytes_(new Uint8Array(24))],
  ['item', (gone) => gone.item()],
  ['requiresGrad', (gone) => gone.requiresGrad],
  ['requiresGrad =', (gone) => Object.assign(gone, { requiresGrad: true })],
  ['grad', (gone) => gone.grad],
  ['grad =', (gone) => Object.assign(gone, { grad: null })],
  ['grad =, the value', (gone, live) => Object.assign(live, { grad: gone })],
  ['backward', (gone) => gone.backward()],
  ['backward, the gradient', (gone, live) => live.backward(gone)],
  ['cpu', (gone) => gone.cpu()],
  ['grad, outputs', (gone, live) => torch.grad([gone], [live])],
  ['grad, inputs', (gone, live) => torch.grad([live], [gone])],
  ['gradientsOf', (gone, live) => torch.gradientsOf([live, gone])],
  ['setGradients', (gone, live) => torch.setGradients([live, gone], null)],
  ['setGradients, the values', (gone, live) => torch.setGradients([live], [gone])],
  ['setRequiresGrad', (gone, live) => torch.setRequiresGrad([live, gone], false)],
  ['cat', (gone, live) => torch.cat([live, gone])],
  ['options', (gone) => torch.bincount(torch.tensor([0, 1], { dtype: 'int64' }), { weights: gone })],
  ['ops', (gone, live) => torch.ops('add.Tensor')(live, gone)],
  ['ops, a list', (gone, live) => torch.ops('stack')([live, gone])],
  ['shareTensor', (gone) => torch.shareTensor(gone)],
  [
    'writeSafetensors',
    (gone, live) => torch.writeSafetensors(join(folder, 'x'), new Map(Object.entries({ live, gone }))),
  ],
  ['nn.parameter', (gone) => nn.parameter(gone)],
  ['nn.buffer', (gone) => nn.buffer(gone)],
  ['nn.init.zeros_', (gone) => nn.init.zeros_(gone)],
  ['nn.init.kaimingUniform_', (gone) => nn.init.kaimingUniform_(gone)],
  ['nn.init.normal_', (gone) => nn.init.normal_(gone)],
  ['nn.functional.normalize', (gone) => nn.functional.normalize(gone)],
  ['nn.functional.crossEntropy', (gone, live) => nn.functional.crossEntropy(gone, live)],
  ['nn.functional.crossEntropy, targets', (gone, live) => nn.functional.crossEntropy(live, gone)],
  [
    'loadStateDict, the state',
    (gone) => new nn.Linear(3, 2, { bias: false }).loadStateDict(new Map([['weight', gone]])),
  ],
  ['clipGradients_', (gone) => optim.clipGradients_([gone], 1)],
  ['clipGradientsPerTensor_', (gone) => optim.clipGradientsPerTensor_([gone], 1)],
  ['emaUpdate_, target', (gone, live) => optim.emaUpdate_([gone], [live], 0.9)],
  ['emaUpdate_, source', (gone, live) => optim.emaUpdate_([live], [gone], 0.9)],
  ['SGD', (gone) => new optim.SGD([gone], { lr: 1, momentum: 0.9 }).step()],
  ['AdamW', (gone) => new optim.AdamW([gone]).step()],
  ['LARS', (gone) => new optim.LARS([gone], { lr: 1 }).step()],
];

describe('every function of our own', () => {
  for (const [name, use] of uses) {
    it(name, () => {
      torch.scope(() => {
        expect(() => use(disposed(), torch.ones([2, 3]))).toThrow(torch.DisposedTensorError);
      });
    });
  }

  for (const [name, make, shape] of layers) {
    it(`nn.${name}, its input and itself disposed of`, () => {
      const layer = make();
      expect(() => layer.forward(disposed(shape))).toThrow(torch.DisposedTensorError);
      const holds = layer.parameters().length > 0;
      layer.dispose();
      if (holds) expect(() => layer.forward(torch.ones(shape))).toThrow(torch.DisposedTensorError);
    });
  }

  it('prints as what it is, since an error while printing helps nobody', () => {
    expect(String(disposed())).toMatch(/disposed/);
  });

  it('a generator that was disposed of', () => {
    const generator = new torch.Generator({ seed: 1 });
    generator.dispose();
    generator.dispose();
    expect(() => generator.manualSeed(2)).toThrow(torch.ArgumentError);
    expect(() => torch.randn([2], { generator })).toThrow(/generator: expected a live Generator/);
  });

  it('a process group', (context) => {
    if (!torch.glooAvailable()) return context.skip('this build has no Gloo');
    const group = new torch.GlooGroup({ address: `file://${join(folder, 'store')}`, rank: 0, worldSize: 1 });
    for (const use of [
      (t: Tensor) => group.allReduceSum_(t),
      (t: Tensor) => group.allReduceMax_(t),
      (t: Tensor) => group.allGather(t),
      (t: Tensor) => group.broadcast_(t, 0),
    ])
      expect(() => use(disposed())).toThrow(torch.DisposedTensorError);
    group.dispose();
    expect(() => group.barrier()).toThrow(/disposed of/);
    rmSync(folder, { recursive: true });
  });
});
