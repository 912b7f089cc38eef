/**
 * @file Every module against PyTorch's: keys, first values, printed text, outputs, gradients of inputs and parameters, and
 * running statistics; and its gradients against finite differences.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test as testOnHost } from 'vitest';
import { placeModule, itOnDevice as test, within } from '../../../../tests/fixtures/torch-devices.js';
import '../index.js';
import { fromTypedArray, tensor } from '../../../../tests/fixtures/sources-on-device.js';
import { gradCheck } from '../autograd/index.js';
import { manualSeed } from '../generator.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import * as nn from './index.js';

interface Run {
  readonly shapes: number[][];
  readonly outputs: number[][];
  readonly inputGradients: number[][];
  readonly parameterGradients: Record<string, number[]>;
  readonly buffers: Record<string, number[]>;
}

interface Expected {
  readonly keys: Record<string, number[]>;
  readonly parameters: string[];
  readonly text?: string;
  readonly initial: Record<string, number[]>;
  readonly inputs: { shape: number[]; dtype: 'float64' | 'int64'; values: number[] }[];
  readonly runs: Partial<Record<'train' | 'eval', Run>>;
}

const { cases } = JSON.parse(readFileSync(new URL('./fixtures/modules.json', import.meta.url), 'utf8')) as {
  cases: Record<string, Expected>;
};

/** The values that the fixture's maker calls a wave. */
function wave(shape: readonly number[], phase = 0): Tensor {
  const numel = shape.reduce((product, size) => product * size, 1);
  return fromTypedArray(
    Float64Array.from({ length: numel }, (_, i) => Math.sin(1.7 * i + phase) + 0.1),
    shape,
  );
}

type Forward = { forward(...inputs: Tensor[]): Tensor };
type Call = (module: nn.Module, ...inputs: Tensor[]) => (Tensor | null)[];
const plain: Call = (module, ...inputs) => [(module as unknown as Forward).forward(...inputs)];

const bool = (rows: number[][]) => tensor(rows.map((row) => row.map((value) => value === 1)));
const hidden = () => bool([[0, 0, 1, 0], [0, 1, 0, 0]]); // biome-ignore format: a matrix
const causal = () => bool([[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]); // biome-ignore format: a matrix
const attend =
  (options: () => nn.MultiheadAttentionCall = () => ({})): Call =>
  (module, ...inputs) => {
    const [q, k = q, v = q] = inputs as [Tensor, Tensor?, Tensor?];
    return (module as nn.MultiheadAttention).forward(q, k, v, options());
  };
const scaled =
  (factor: number): Call =>
  (module, x) =>
    plain(module, x!.mul(factor));
/** Draws: generators of devices give other numbers, so that these are compared on the CPU alone. */
const seeded: Call = (module, x) => {
  manualSeed(3);
  return plain(module, x!);
};
const weight = (...shape: number[]) => wave(shape).abs();

const makers: Record<string, [make: () => nn.Module, call?: Call]> = {
  Linear: [() => new nn.Linear(3, 2)],
  'Linear of three dimensions, no bias': [() => new nn.Linear(3, 2, { bias: false })],
  Conv1d: [() => new nn.Conv1d(2, 4, 3, { stride: 2, padding: 1, dilation: 2, groups: 2 })],
  'Conv1d same': [() => new nn.Conv1d(2, 2, 4, { padding: 'same' })],
  Conv2d: [() => new nn.Conv2d(2, 4, [3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 })],
  'Conv2d same': [() => new nn.Conv2d(1, 2, [3, 4], { padding: 'same', dilation: [2, 1], bias: false })],
  'Conv2d valid': [() => new nn.Conv2d(1, 2, 3, { padding: 'valid' })],
  'Conv2d reflect': [() => new nn.Conv2d(1, 2, 3, { padding: [1, 2], paddingMode: 'reflect' })],
  'Conv2d replicate': [() => new nn.Conv2d(1, 2, 3, { padding: [1, 2], paddingMode: 'replicate' })],
  'Conv2d circular': [() => new nn.Conv2d(1, 2, 3, { padding: [1, 2], paddingMode: 'circular' })],
  'Conv2d same, reflect': [() => new nn.Conv2d(1, 1, [2, 3], { padding: 'same', paddingMode: 'reflect' })],
  Conv3d: [() => new nn.Conv3d(1, 2, [1, 2, 2], { padding: [0, 1, 0] })],
  ConvTranspose1d: [() => new nn.ConvTranspose1d(2, 2, 3, { stride: 2, padding: 1, outputPadding: 1 })],
  ConvTranspose2d: [
    () => {
      const options = { stride: 2, padding: [1, 0], outputPadding: [1, 0], groups: 2, dilation: [1, 2] } as const;
      return new nn.ConvTranspose2d(2, 4, [3, 2], options);
    },
  ],
  'ConvTranspose2d to a size': [
    () => new nn.ConvTranspose2d(1, 2, 3, { stride: 3, bias: false }),
    (module, x) => [(module as nn.ConvTranspose2d).forward(x!, [8, 7])],
  ],
  BatchNorm1d: [() => new nn.BatchNorm1d(3)],
  'BatchNorm1d of sequences': [() => new nn.BatchNorm1d(2, { eps: 1e-3, momentum: 0.3 })],
  BatchNorm2d: [() => new nn.BatchNorm2d(2)],
  'BatchNorm2d without affine': [() => new nn.BatchNorm2d(2, { affine: false })],
  'BatchNorm2d without statistics': [() => new nn.BatchNorm2d(2, { trackRunningStats: false })],
  'BatchNorm2d cumulative': [
    () => new nn.Sequential(new nn.BatchNorm2d(2, { momentum: null })),
    (module, x) => [x!, x!.mul(2), x!.add(1)].flatMap((each) => plain(module, each)),
  ],
  BatchNorm3d: [() => new nn.BatchNorm3d(2)],
  LayerNorm: [() => new nn.LayerNorm(4)],
  'LayerNorm of two dimensions': [() => new nn.LayerNorm([2, 3], { eps: 1e-3 })],
  'LayerNorm without affine': [() => new nn.LayerNorm(4, { elementwiseAffine: false })],
  GroupNorm: [() => new nn.GroupNorm(2, 4)],
  'GroupNorm without affine': [() => new nn.GroupNorm(1, 2, { affine: false })],
  InstanceNorm1d: [() => new nn.InstanceNorm1d(2, { affine: true })],
  InstanceNorm2d: [() => new nn.InstanceNorm2d(2)],
  'InstanceNorm2d with all': [() => new nn.InstanceNorm2d(2, { affine: true, trackRunningStats: true })],
  'InstanceNorm2d of one image': [() => new nn.InstanceNorm2d(2)],
  Embedding: [() => new nn.Embedding(5, 3)],
  'Embedding with padding': [() => new nn.Embedding(5, 3, { paddingIdx: -3, scaleGradByFreq: true })],
  MultiheadAttention: [() => new nn.MultiheadAttention(4, 2), attend()],
  'MultiheadAttention of itself': [() => new nn.MultiheadAttention(4, 2, { batchFirst: true }), attend()],
  'MultiheadAttention of one sequence': [() => new nn.MultiheadAttention(4, 2), attend()],
  'MultiheadAttention with masks': [
    () => new nn.MultiheadAttention(4, 2, { batchFirst: true }),
    attend(() => ({ keyPaddingMask: hidden(), attnMask: causal() })),
  ],
  'MultiheadAttention with mixed masks': [
    () => new nn.MultiheadAttention(4, 2, { batchFirst: true, bias: false }),
    attend(() => ({ keyPaddingMask: hidden(), attnMask: wave([3, 4], 2), averageAttnWeights: false })),
  ],
  'MultiheadAttention without weights': [
    () => new nn.MultiheadAttention(4, 2),
    attend(() => ({ attnMask: causal(), needWeights: false })),
  ],
  'MultiheadAttention of other sizes': [
    () => new nn.MultiheadAttention(4, 2, { kdim: 3, vdim: 2, batchFirst: true, addBiasKv: true, addZeroAttn: true }),
    attend(() => ({ keyPaddingMask: hidden() })),
  ],
  Dropout: [() => new nn.Dropout(0.3)],
  Dropout2d: [() => new nn.Dropout2d()],
  'Dropout in training': [() => new nn.Dropout(0.3), seeded],
  'Dropout1d in training': [() => new nn.Dropout1d(0.4), seeded],
  'Dropout2d in training': [() => new nn.Dropout2d(), seeded],
  MaxPool1d: [() => new nn.MaxPool1d(3, { stride: 2, padding: 1 })],
  MaxPool2d: [() => new nn.MaxPool2d([3, 2], { stride: 2, padding: [1, 0], dilation: [1, 2], ceilMode: true })],
  MaxPool3d: [() => new nn.MaxPool3d(2)],
  AvgPool1d: [() => new nn.AvgPool1d(3, { stride: 2, padding: 1 })],
  AvgPool2d: [() => new nn.AvgPool2d([3, 2], { stride: 2, padding: [1, 0], countIncludePad: false })],
  AvgPool3d: [() => new nn.AvgPool3d(2, { stride: 1 })],
  AdaptiveAvgPool1d: [() => new nn.AdaptiveAvgPool1d(3)],
  AdaptiveAvgPool2d: [() => new nn.AdaptiveAvgPool2d([null, 2])],
  AdaptiveMaxPool1d: [() => new nn.AdaptiveMaxPool1d(3)],
  AdaptiveMaxPool2d: [() => new nn.AdaptiveMaxPool2d(2)],
  ReLU: [() => new nn.ReLU()],
  'ReLU in place': [() => new nn.ReLU({ inplace: true }), scaled(1)],
  ReLU6: [() => new nn.ReLU6(), scaled(10)],
  LeakyReLU: [() => new nn.LeakyReLU(0.2)],
  PReLU: [() => new nn.PReLU({ count: 4 })],
  ELU: [() => new nn.ELU(0.7)],
  SELU: [() => new nn.SELU()],
  GELU: [() => new nn.GELU()],
  'GELU by tanh': [() => new nn.GELU({ approximate: 'tanh' })],
  SiLU: [() => new nn.SiLU({ inplace: true }), scaled(1)],
  Mish: [() => new nn.Mish()],
  Hardswish: [() => new nn.Hardswish(), scaled(5)],
  Hardsigmoid: [() => new nn.Hardsigmoid(), scaled(5)],
  Softplus: [() => new nn.Softplus({ beta: 2, threshold: 1 })],
  Sigmoid: [() => new nn.Sigmoid()],
  LogSigmoid: [() => new nn.LogSigmoid()],
  Tanh: [() => new nn.Tanh()],
  Softmax: [() => new nn.Softmax(0)],
  LogSoftmax: [() => new nn.LogSoftmax(-1)],
  GLU: [() => new nn.GLU()],
  Identity: [() => new nn.Identity()],
  Flatten: [() => new nn.Flatten(0, 1)],
  Unflatten: [() => new nn.Unflatten(1, [2, 2])],
  Upsample: [() => new nn.Upsample({ scaleFactor: 2 })],
  'Upsample of sequences': [() => new nn.Upsample({ size: 5, mode: 'linear', alignCorners: true })],
  'Upsample bilinear': [() => new nn.Upsample({ scaleFactor: [1.5, 2.5], mode: 'bilinear' })],
  'Upsample bicubic': [() => new nn.Upsample({ size: [4, 5], mode: 'bicubic', alignCorners: true })],
  'Upsample trilinear': [() => new nn.Upsample({ scaleFactor: 2, mode: 'trilinear' })],
  'Upsample nearest-exact': [() => new nn.Upsample({ size: 5, mode: 'nearest-exact' })],
  'interpolate area': [
    () => new nn.Identity(),
    (_, x) => [nn.functional.interpolate(x!, { scaleFactor: 0.5, mode: 'area' })],
  ],
  'interpolate antialiased': [
    () => new nn.Identity(),
    (_, x) => [nn.functional.interpolate(x!, { size: [3, 2], mode: 'bicubic', antialias: true })],
  ],
  PixelShuffle: [() => new nn.PixelShuffle(2)],
  PixelUnshuffle: [() => new nn.PixelUnshuffle(2)],
  'weightNorm of Linear': [() => nn.weightNorm(new nn.Linear(3, 2))],
  'weightNorm of Conv2d': [() => nn.weightNorm(new nn.Conv2d(2, 3, 2), { dim: 1 })],
  'weightNorm of the whole': [() => nn.weightNorm(new nn.Linear(3, 2, { bias: false }), { dim: null })],
  'Sequential by name': [
    () =>
      new nn.Sequential({
        conv: new nn.Conv2d(1, 2, 2),
        norm: new nn.BatchNorm2d(2),
        act: new nn.ReLU(),
        flat: new nn.Flatten(),
        head: new nn.Linear(8, 3),
      }),
  ],
  CrossEntropyLoss: [() => new nn.CrossEntropyLoss()],
  'CrossEntropyLoss with all': [
    () => new nn.CrossEntropyLoss({ weight: weight(4), ignoreIndex: 3, labelSmoothing: 0.1, reduction: 'sum' }),
  ],
  'CrossEntropyLoss of pixels': [() => new nn.CrossEntropyLoss({ reduction: 'none' })],
  'CrossEntropyLoss of probabilities': [() => new nn.CrossEntropyLoss({ labelSmoothing: 0.2 })],
  NLLLoss: [() => new nn.NLLLoss({ weight: weight(4) })],
  MSELoss: [() => new nn.MSELoss()],
  L1Loss: [() => new nn.L1Loss({ reduction: 'sum' })],
  SmoothL1Loss: [() => new nn.SmoothL1Loss({ beta: 0.5, reduction: 'none' })],
  HuberLoss: [() => new nn.HuberLoss({ delta: 0.5 })],
  BCELoss: [() => new nn.BCELoss({ weight: weight(4) })],
  BCEWithLogitsLoss: [() => new nn.BCEWithLogitsLoss({ weight: weight(3, 1), posWeight: weight(4) })],
  KLDivLoss: [() => new nn.KLDivLoss({ reduction: 'batchmean' })],
  'KLDivLoss of logarithms': [() => new nn.KLDivLoss({ logTarget: true, reduction: 'sum' })],
  CosineSimilarity: [() => new nn.CosineSimilarity({ dim: 0 })],
  CosineEmbeddingLoss: [() => new nn.CosineEmbeddingLoss({ margin: -0.2 })],
  TripletMarginLoss: [() => new nn.TripletMarginLoss({ margin: 2, swap: true })],
};

/** Gives parameters and buffers the values that the fixture's maker gives them. */
function fill(module: nn.Module): void {
  const state = new Map<string, Tensor>();
  [...module.stateDict()].forEach(([key, own], i) => {
    if (own.dtype === 'int64') return;
    const values = wave(own.shape, 0.3 + i);
    state.set(key, key.endsWith('running_var') || key.endsWith('weight_g') ? values.abs().add(0.5) : values);
  });
  module.loadStateDict(state, { strict: false });
}

function inputsOf({ inputs }: Expected): Tensor[] {
  return inputs.map(({ shape, dtype, values }) => {
    if (dtype === 'int64') return fromTypedArray(BigInt64Array.from(values, BigInt), shape);
    return fromTypedArray(Float64Array.from(values), shape, { requiresGrad: true });
  });
}

function expectClose(got: Tensor | null, expected: readonly number[], what: string): void {
  const values = Array.from(got!.contiguous().data() as ArrayLike<number | bigint>, Number);
  expect(values.length, what).toBe(expected.length);
  values.forEach((value, i) => {
    const allowed = within(1e-11, 'float64') * Math.max(1, Math.abs(expected[i]!));
    expect(Math.abs(value - expected[i]!), `${what}[${i}]: ${value}, expected ${expected[i]}`).toBeLessThan(allowed);
  });
}

/** Their gradients are by intention not those of the values: a row is left out, others are divided by their frequency. */
const NOT_DERIVATIVES = new Set(['Embedding with padding']);

const present = (values: readonly (Tensor | null)[]) => values.filter((value) => value !== null);

testOnHost('the fixture and this file have the same cases', () => {
  expect(Object.keys(makers)).toEqual(Object.keys(cases));
});

describe.each(Object.entries(cases))('%s', (name, expected) => {
  const [make, call = plain] = makers[name]!;
  const inFloat64 = () => placeModule(make().to({ dtype: 'float64' }));

  testOnHost("has PyTorch's keys, first values and text", () => {
    manualSeed(7);
    using module = make();
    const state = module.stateDict();
    expect(Object.fromEntries([...state].map(([key, value]) => [key, value.shape]))).toEqual(expected.keys);
    expect([...state.keys()]).toEqual(Object.keys(expected.keys));
    expect([...module.namedParameters().keys()]).toEqual(expected.parameters);
    for (const [key, values] of Object.entries(expected.initial)) {
      const got = Array.from(state.get(key)!.data() as ArrayLike<number | bigint>, Number);
      const single = state.get(key)!.dtype === 'float32';
      if (key.endsWith('weight_g')) expectClose(state.get(key)!, got, key);
      else expect(got, key).toEqual(single ? values.map(Math.fround) : got);
    }
    if (expected.text !== undefined) expect(module.toString()).toBe(expected.text);
  });

  for (const [mode, run] of Object.entries(expected.runs))
    (call === seeded ? testOnHost : test)(`gives the same in ${mode}`, () => checkRun(mode, run));

  function checkRun(mode: string, run: Run): void {
    using module = inFloat64();
    scope(() => {
      fill(module);
      module.train(mode === 'train');
      const inputs = inputsOf(expected);
      const outputs = present(call(module, ...inputs));
      expect(outputs.map(({ shape }) => shape)).toEqual(run.shapes);
      outputs.forEach((output, i) => {
        expectClose(output, run.outputs[i]!, `output ${i}`);
      });
      outputs
        .map((output) => output.mul(wave(output.shape, 0.5)).sum())
        .reduce((sum, term) => sum.add(term))
        .backward();
      const gradients = present(inputs.map((input) => input.grad));
      expect(gradients.length).toBe(run.inputGradients.length);
      gradients.forEach((gradient, i) => {
        expectClose(gradient, run.inputGradients[i]!, `gradient of input ${i}`);
      });
      const parameters = module.namedParameters();
      for (const [key, values] of Object.entries(run.parameterGradients))
        expectClose(parameters.get(key)!.grad, values, `gradient of ${key}`);
      const buffers = module.namedBuffers();
      expect([...buffers.keys()]).toEqual(Object.keys(run.buffers));
      for (const [key, values] of Object.entries(run.buffers)) expectClose(buffers.get(key)!, values, key);
    });
  }

  for (const mode of Object.keys(NOT_DERIVATIVES.has(name) ? {} : expected.runs))
    test(`has the gradient of its definition in ${mode}`, () => {
      using module = inFloat64();
      scope(() => {
        fill(module);
        module.train(mode === 'train');
        const inputs = inputsOf(expected);
        const body = (...values: Tensor[]) => present(call(module, ...values.slice(0, inputs.length)));
        expect(gradCheck(body, [...inputs, ...module.parameters()])).toBe(true);
      });
    });
});
