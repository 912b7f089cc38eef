import { describe, expect, it } from 'vitest';
import * as torch from './index.js';

const { nn, optim } = torch;
/** As plain JavaScript calls them: without a compiler that refuses. */
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose
const loose = <T>(value: T) => value as any;

describe('options that plain JavaScript gets wrong', () => {
  const layers = loose(nn);
  it.each<[string, () => unknown, RegExp]>([
    ['Linear', () => new layers.Linear(2, 3, { bais: false }), /Linear: unknown option 'bais'; it takes bias, dtype/],
    ['Linear by place', () => new layers.Linear(2, 3, false), /Linear: expected an object with options.*got false/],
    ['Conv2d', () => new layers.Conv2d(2, 3, 3, { paddding: 1 }), /Conv2d: unknown option 'paddding'/],
    ['Conv2d by place', () => new layers.Conv2d(2, 3, 3, 1, 1), /Conv2d: expected an object.*got 1.*by name/],
    ['ConvTranspose2d', () => new layers.ConvTranspose2d(2, 3, 3, 2), /ConvTranspose2d: expected an object.*got 2/],
    ['MaxPool2d', () => new layers.MaxPool2d(3, 2), /MaxPool2d: expected an object.*got 2/],
    ['AvgPool2d', () => new layers.AvgPool2d(3, { strid: 2 }), /AvgPool2d: unknown option 'strid'/],
    ['BatchNorm2d', () => new layers.BatchNorm2d(3, 1e-3), /BatchNorm2d: expected an object/],
    ['LayerNorm', () => new layers.LayerNorm(3, { affine: false }), /LayerNorm: unknown option 'affine'/],
    ['GroupNorm', () => new layers.GroupNorm(1, 2, 1e-3), /GroupNorm: expected an object/],
    ['Embedding', () => new layers.Embedding(3, 2, 0), /Embedding: expected an object/],
    ['Dropout', () => new layers.Dropout(0.5, true), /Dropout: expected an object/],
    ['MultiheadAttention', () => new layers.MultiheadAttention(4, 2, 0.1), /MultiheadAttention: expected an object/],
    ['SyncBatchNorm', () => new layers.SyncBatchNorm(3), /SyncBatchNorm: expected a group.*SingleProcess/],
    ['tensor', () => torch.tensor([1], loose({ requires_grad: true })), /tensor: unknown option 'requires_grad'/],
    ['Module.to', () => new nn.Linear(1, 1).to(loose({ devise: 'cpu' })), /Module\.to: unknown option 'devise'/],
  ])('%s', (_, make, message) => {
    expect(() => torch.scope(make)).toThrow(torch.ArgumentError);
    expect(() => torch.scope(make)).toThrow(message);
  });

  it.each(['SGD', 'Adam', 'AdamW', 'RMSprop', 'Adagrad', 'LARS'] as const)('%s', (name) => {
    const Optimizer = loose(optim[name]);
    const { weight } = new nn.Linear(2, 2);
    expect(() => new Optimizer([weight], { lr: 0.1, weight_decay: 0.1 })).toThrow(
      new RegExp(`${name}: unknown option 'weight_decay'; it takes lr`),
    );
    expect(() => new Optimizer([weight], 0.1)).toThrow(new RegExp(`${name}: expected an object.*got 0\\.1`));
    expect(new Optimizer([weight], { lr: 0.25, weightDecay: 0.5 }).paramGroups[0]).toMatchObject({
      lr: 0.25,
      weightDecay: 0.5,
    });
  });

  it('a state dict that is no Map', () => {
    expect(() => new nn.Linear(2, 2).loadStateDict(loose({ weight: 1 }))).toThrow(/expected a Map.*Object\.entries/);
  });
});

describe('Module.to with a device or dtype alone', () => {
  it('takes either', () => {
    const layer = new nn.Linear(2, 3).to('float64');
    expect([layer.weight.dtype, layer.to('cpu').weight.dtype, layer.weight.requiresGrad]).toEqual([
      'float64',
      'float64',
      true,
    ]);
    expect(new nn.Linear(2, 3).to('meta').weight.device).toBe('meta');
    expect(() => new nn.Linear(2, 3).to(loose('flaot64'))).toThrow(/expected one of float32/);
    if (!torch.cuda.isAvailable()) expect(() => new nn.Linear(2, 3).to('cuda')).toThrow(torch.DeviceError);
  });
});
