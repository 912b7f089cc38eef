/**
 * @file Switches of the math libraries, as `torch.backends`. They hold for the whole process, worker threads too; those of CUDA
 * can be set without CUDA, where nothing reads them.
 */
import { ArgumentError } from '../errors.js';
import { native } from '../native.js';
import { isAvailable } from './availability.js';

function set(name: string, value: boolean): void {
  if (typeof value !== 'boolean')
    throw new ArgumentError(`backends.${name}: expected true or false, got ${String(value)}.`);
  native.setSwitch(name, value);
}

/** NVIDIA's library of convolutions and recurrent networks (PyTorch `torch.backends.cudnn`). */
export const cudnn = {
  /** Whether libtorch has cuDNN and a device is there. */
  isAvailable(): boolean {
    return isAvailable() && native.cudaVersions()[1] > 0;
  },

  /** Version as one number, e.g. 90100; null without cuDNN. */
  version(): number | null {
    const [, version] = native.cudaVersions();
    return version > 0 ? version : null;
  },

  /** Whether it is used; true at first. */
  get enabled(): boolean {
    return native.getSwitch('cudnn.enabled');
  },
  set enabled(value: boolean) {
    set('cudnn.enabled', value);
  },

  /** Whether the fastest algorithm is measured for each new shape: good where shapes repeat. False at first. */
  get benchmark(): boolean {
    return native.getSwitch('cudnn.benchmark');
  },
  set benchmark(value: boolean) {
    set('cudnn.benchmark', value);
  },

  /** How many algorithms `benchmark` tries; 0 tries all. 10 at first. @throws ArgumentError unless it is an integer of 0 or more */
  get benchmarkLimit(): number {
    return native.getBenchmarkLimit();
  },
  set benchmarkLimit(value: number) {
    if (!Number.isInteger(value) || value < 0)
      throw new ArgumentError(
        `backends.cudnn.benchmarkLimit: expected an integer of 0 or more, got ${value}. 0 tries all.`,
      );
    native.setBenchmarkLimit(value);
  },

  /** Whether only algorithms that always give the same bits are used; false at first. */
  get deterministic(): boolean {
    return native.getSwitch('cudnn.deterministic');
  },
  set deterministic(value: boolean) {
    set('cudnn.deterministic', value);
  },

  /** Whether float32 convolutions may round their operands to TensorFloat-32 (10 bits of fraction); true at first, as in PyTorch. */
  get allowTF32(): boolean {
    return native.getSwitch('cudnn.allowTF32');
  },
  set allowTF32(value: boolean) {
    set('cudnn.allowTF32', value);
  },
};

/** Matrix products on CUDA (PyTorch `torch.backends.cuda.matmul`). */
const matmul = {
  /** Whether float32 products may round their operands to TensorFloat-32; false at first. See `setFloat32MatmulPrecision` too. */
  get allowTF32(): boolean {
    return native.getSwitch('cuda.matmul.allowTF32');
  },
  set allowTF32(value: boolean) {
    set('cuda.matmul.allowTF32', value);
  },

  /** Whether sums inside float16 products may be in float16; true at first. */
  get allowFp16ReducedPrecisionReduction(): boolean {
    return native.getSwitch('cuda.matmul.allowFp16ReducedPrecisionReduction');
  },
  set allowFp16ReducedPrecisionReduction(value: boolean) {
    set('cuda.matmul.allowFp16ReducedPrecisionReduction', value);
  },

  /** Whether sums inside bfloat16 products may be in bfloat16; true at first. @throws DeviceError before libtorch 2.0 */
  get allowBf16ReducedPrecisionReduction(): boolean {
    return native.getSwitch('cuda.matmul.allowBf16ReducedPrecisionReduction');
  },
  set allowBf16ReducedPrecisionReduction(value: boolean) {
    set('cuda.matmul.allowBf16ReducedPrecisionReduction', value);
  },
};

/** Kernels of CUDA (PyTorch `torch.backends.cuda`). */
export const cuda = {
  matmul,
  /** Whether `scaledDotProductAttention` may use FlashAttention; true at first. */
  flashSdpEnabled: (): boolean => native.getSwitch('cuda.flashSdp'),
  /** Allows or forbids FlashAttention. */
  enableFlashSdp: (enabled: boolean): void => set('cuda.flashSdp', enabled),
  /** Whether it may use the plain composition of operators; true at first. */
  mathSdpEnabled: (): boolean => native.getSwitch('cuda.mathSdp'),
  /** Allows or forbids the plain composition of operators. */
  enableMathSdp: (enabled: boolean): void => set('cuda.mathSdp', enabled),
  /** Whether it may use memory-efficient attention; true at first. @throws DeviceError before libtorch 2.0 */
  memEfficientSdpEnabled: (): boolean => native.getSwitch('cuda.memEfficientSdp'),
  /** Allows or forbids memory-efficient attention. */
  enableMemEfficientSdp: (enabled: boolean): void => set('cuda.memEfficientSdp', enabled),
  /** Whether it may use cuDNN's; true at first. @throws DeviceError before libtorch 2.4 */
  cudnnSdpEnabled: (): boolean => native.getSwitch('cuda.cudnnSdp'),
  /** Allows or forbids cuDNN's attention. */
  enableCudnnSdp: (enabled: boolean): void => set('cuda.cudnnSdp', enabled),
};

/** oneDNN, the library of convolutions and products on the CPU (PyTorch `torch.backends.mkldnn`). */
export const mkldnn = {
  /** Whether libtorch has it. */
  isAvailable: (): boolean => native.mkldnnAvailable(),

  /** Whether it is used; true at first. */
  get enabled(): boolean {
    return native.getSwitch('mkldnn.enabled');
  },
  set enabled(value: boolean) {
    set('mkldnn.enabled', value);
  },
};
