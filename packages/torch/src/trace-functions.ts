/** @file Which functions of the addon, beside operators, a trace writes down, and what their arguments are. */
import type { Native } from './native.js';

/** How a function of the addon is written down. */
export interface FunctionPlan {
  /** Names of its arguments; one with a star is a tensor, with two stars a list of tensors, in parentheses left out. */
  readonly names: readonly string[];
  /** Whether it reads values of tensors on the host. */
  readonly readsHost?: boolean;
  /** Whether its result is one tensor or a list of them. */
  readonly result?: 'tensor' | 'tensors';
}

const plan = (names: string, rest: Omit<FunctionPlan, 'names'> = {}): FunctionPlan => ({
  names: names === '' ? [] : names.split(' '),
  ...rest,
});

/** Functions whose arguments have names. */
export const PLANS: Partial<Record<keyof Native, FunctionPlan>> = {
  fromBytes: plan('(bytes) shape dtype device', { result: 'tensor' }),
  borrow: plan('(bytes) shape dtype', { result: 'tensor' }),
  readBytes: plan('tensor* (into)', { readsHost: true }),
  writeBytes: plan('tensor* (from)'),
  expose: plan('tensor*', { readsHost: true }),
  item: plan('tensor*', { readsHost: true }),
  itemBigInt: plan('tensor*', { readsHost: true }),

  backward: plan('tensor* gradient* retainGraph createGraph'),
  backwardMany: plan('tensors** gradients** retainGraph createGraph inputs**'),
  grad: plan('outputs** inputs** gradOutputs** retainGraph createGraph allowUnused', { result: 'tensors' }),
  gradient: plan('tensor*', { result: 'tensor' }),
  gradients: plan('parameters**', { result: 'tensors' }),
  setGradients: plan('parameters** gradients**'),
  setGradEnabled: plan('enabled'),
  inferenceBegin: plan('enabled'),
  inferenceEnd: plan(''),
  autocastBegin: plan('device dtype cacheEnabled'),
  autocastEnd: plan('before'),
  anomalyBegin: plan('(stack) checkNan'),
  anomalyEnd: plan('checkNan'),

  flagOnCpu: plan('flag*', { readsHost: true }),
  copyWhere: plan('flag* targets** sources**'),

  glooAllReduce: plan('group tensor* operation', { readsHost: true }),
  glooBroadcast: plan('group tensor* root', { readsHost: true }),
  glooAllGather: plan('group tensor*', { readsHost: true, result: 'tensors' }),
  glooBarrier: plan('group'),
  syncBatchNorm: plan('group tensors** momentum eps', { readsHost: true, result: 'tensor' }),

  manualSeed: plan('seed'),
  setNumThreads: plan('threads'),
  generatorCreate: plan('device seed'),
  generatorSeed: plan('generator seed'),
  exchangeDevice: plan('index'),
  synchronizeDevice: plan('index'),
  streamExchange: plan('device stream'),
  streamSynchronize: plan('device stream'),
  setSwitch: plan('name value'),
  setFloat32MatmulPrecision: plan('precision'),
  setDeterministicAlgorithms: plan('on warnOnly'),
  manualSeedDevice: plan('device seed'),

  streamRecordTensor: plan('device stream tensor*'),
  rngState: plan('device', { readsHost: true, result: 'tensor' }),
  setRngState: plan('device state*'),
  generatorState: plan('generator', { readsHost: true, result: 'tensor' }),
  generatorSetState: plan('generator state*'),
};

/** Functions that are not written down: they ask what a tensor is, keep books, or are called as operators. */
const BOOKKEEPING: readonly (keyof Native)[] = [
  ...(['invoke', 'invokeVoid', 'invokeTraced', 'invokeVoidTraced', 'resolve', 'returnKinds', 'schemas'] as const),
  ...(['traceBegin', 'traceEnd', 'traceCall', 'traceMade', 'setHandleRing', 'setErrorFactory', 'loadLibrary'] as const),
  ...(['shape', 'strides', 'numel', 'rank', 'dtype', 'device', 'itemSize', 'storageOffset', 'layout'] as const),
  ...(['isLazy', 'gradFn', 'isContiguous', 'sameTensor', 'alias', 'inJavaScriptMemory'] as const),
  ...(['requiresGrad', 'setRequiresGrad', 'isLeaf', 'retainGrad', 'gradEnabled', 'inferenceEnabled'] as const),
  ...(['autocastDtype', 'anomalyEnabled', 'checkpointBegin', 'checkpointEnd', 'checkpointAbort'] as const),
  ...(['checkpointInputs', 'checkpointDeliver', 'checkpointAlwaysServe'] as const),
  ...(['scopeBegin', 'scopeEnd', 'scopeDepth', 'keep', 'release', 'alive'] as const),
  ...(['liveCount', 'liveBytes', 'peakCount', 'liveDevices', 'releaseFreeMemory'] as const),
  ...(['shareTensor', 'fromShared', 'disposeShared', 'sharedCount'] as const),
  ...(['version', 'libraryPath', 'config', 'getNumThreads', 'generatorDispose', 'generatorDevice'] as const),
  ...(['cudaBuilt', 'cudaFeatures', 'cudaVersions', 'cudaAvailable', 'cudaDevices', 'currentDevice'] as const),
  ...(['streamCurrent', 'streamDefault', 'memoryStats', 'memGetInfo', 'deviceProperties', 'isCapturing'] as const),
  ...(['getSwitch', 'getBenchmarkLimit', 'getFloat32MatmulPrecision', 'deterministicAlgorithms'] as const),
  ...([
    'mkldnnAvailable',
    'glooAvailable',
    'alike',
    'getSyncDebugMode',
    'setSyncDebugMode',
    'syncCountBegin',
    'syncCountEnd',
  ] as const),
];

const bookkeeping: ReadonlySet<string> = new Set(BOOKKEEPING);

/** Whether calls of a function of the addon are written down. One that has no plan is, without arguments. */
export function isTraced(name: string): name is keyof Native {
  return !bookkeeping.has(name);
}
