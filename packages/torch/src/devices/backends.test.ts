/** @file Switches of the math libraries and of determinism are read back as they were set, with and without CUDA. */
import { afterEach, describe, expect, it } from 'vitest';
import * as torch from '../index.js';

const { backends } = torch;
const [major, minor] = torch.libtorchVersion().split('.').map(Number) as [number, number];

describe('backends', () => {
  const switches: [name: string, get: () => boolean, set: (value: boolean) => void, first: boolean, since?: number][] =
    [
      ['cudnn.enabled', () => backends.cudnn.enabled, (value) => (backends.cudnn.enabled = value), true],
      ['cudnn.benchmark', () => backends.cudnn.benchmark, (value) => (backends.cudnn.benchmark = value), false],
      [
        'cudnn.deterministic',
        () => backends.cudnn.deterministic,
        (value) => (backends.cudnn.deterministic = value),
        false,
      ],
      ['cudnn.allowTF32', () => backends.cudnn.allowTF32, (value) => (backends.cudnn.allowTF32 = value), true],
      [
        'cuda.matmul.allowTF32',
        () => backends.cuda.matmul.allowTF32,
        (value) => (backends.cuda.matmul.allowTF32 = value),
        false,
      ],
      [
        'cuda.matmul.allowFp16ReducedPrecisionReduction',
        () => backends.cuda.matmul.allowFp16ReducedPrecisionReduction,
        (value) => (backends.cuda.matmul.allowFp16ReducedPrecisionReduction = value),
        true,
      ],
      [
        'cuda.matmul.allowBf16ReducedPrecisionReduction',
        () => backends.cuda.matmul.allowBf16ReducedPrecisionReduction,
        (value) => (backends.cuda.matmul.allowBf16ReducedPrecisionReduction = value),
        true,
        2.0,
      ],
      ['cuda.flashSdp', backends.cuda.flashSdpEnabled, backends.cuda.enableFlashSdp, true],
      ['cuda.mathSdp', backends.cuda.mathSdpEnabled, backends.cuda.enableMathSdp, true],
      ['cuda.memEfficientSdp', backends.cuda.memEfficientSdpEnabled, backends.cuda.enableMemEfficientSdp, true, 2.0],
      ['cuda.cudnnSdp', backends.cuda.cudnnSdpEnabled, backends.cuda.enableCudnnSdp, true, 2.4],
      ['mkldnn.enabled', () => backends.mkldnn.enabled, (value) => (backends.mkldnn.enabled = value), true],
    ];

  it.each(switches)('%s', (name, get, set, first, since = 0) => {
    if (major < Math.trunc(since) || (major === Math.trunc(since) && minor < Math.round((since % 1) * 10))) {
      expect(get).toThrow(torch.DeviceError);
      expect(() => set(true)).toThrow(new RegExp(`backends\\.${name}: libtorch .* does not have this switch`));
      return;
    }
    expect(get()).toBe(first);
    set(!first);
    expect(get()).toBe(!first);
    set(first);
    expect(get()).toBe(first);
    expect(() => set(1 as unknown as boolean)).toThrow(torch.ArgumentError);
  });

  it('says what libraries there are', () => {
    expect(backends.mkldnn.isAvailable()).toBe(true);
    if (!torch.cuda.isAvailable()) expect(backends.cudnn.isAvailable()).toBe(false);
    const version = backends.cudnn.version();
    expect(version === null || version > 1000).toBe(true);
  });

  it('cudnn.benchmarkLimit', () => {
    expect(backends.cudnn.benchmarkLimit).toBe(10);
    backends.cudnn.benchmarkLimit = 4;
    expect(backends.cudnn.benchmarkLimit).toBe(4);
    backends.cudnn.benchmarkLimit = 10;
    expect(() => (backends.cudnn.benchmarkLimit = -1)).toThrow(torch.ArgumentError);
  });
});

describe('precision and determinism', () => {
  afterEach(() => {
    torch.setFloat32MatmulPrecision('highest');
    torch.useDeterministicAlgorithms(false);
  });

  it('sets the precision of matrix products, and that of CUDA with it', () => {
    expect(torch.getFloat32MatmulPrecision()).toBe('highest');
    torch.setFloat32MatmulPrecision('high');
    expect(torch.getFloat32MatmulPrecision()).toBe('high');
    expect(backends.cuda.matmul.allowTF32).toBe(true);
    torch.setFloat32MatmulPrecision('highest');
    expect(backends.cuda.matmul.allowTF32).toBe(false);
    expect(() => torch.setFloat32MatmulPrecision('low' as 'high')).toThrow(torch.ArgumentError);
  });

  it('refuses operators without a deterministic form', () => {
    const put = () =>
      torch.scope(() => void torch.zeros([4]).put_(torch.tensor([0, 1], { dtype: 'int64' }), torch.ones([2])));
    expect(torch.areDeterministicAlgorithmsEnabled()).toBe(false);
    put();
    torch.useDeterministicAlgorithms(true);
    expect(torch.areDeterministicAlgorithmsEnabled()).toBe(true);
    expect(torch.isDeterministicAlgorithmsWarnOnlyEnabled()).toBe(false);
    expect(put).toThrow(/deterministic/);
    torch.useDeterministicAlgorithms(true, { warnOnly: true });
    expect(torch.isDeterministicAlgorithmsWarnOnlyEnabled()).toBe(true);
    put();
  });
});
