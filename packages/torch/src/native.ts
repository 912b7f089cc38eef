/**
 * @file The one file that touches the binary: finds it, loads it, and gives its functions types.
 *
 * Tensors cross the border as numbers (handles); lists of tensors as a `Float64Array` of handles, 0 for none.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LibtorchNotFoundError, torchError } from './errors.js';

/** Names a slot of the native table and its generation; 0 is no tensor. */
export type Handle = number;

/** The functions of the addon. */
export interface Native {
  resolve(name: string, overload: string, argumentNames?: readonly string[]): number;
  invoke(operator: number, ...values: unknown[]): unknown;
  invokeVoid(operator: number, ...values: unknown[]): void;
  schemas(): string[];
  returnKinds(operator: number): string;

  fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: string, device?: string): Handle;
  readBytes(tensor: Handle, into: Uint8Array): void;
  writeBytes(tensor: Handle, from: Uint8Array): void;
  item(tensor: Handle): number;
  shape(tensor: Handle): number[];
  strides(tensor: Handle): number[];
  numel(tensor: Handle): number;
  rank(tensor: Handle): number;
  dtype(tensor: Handle): string;
  device(tensor: Handle): string;
  itemSize(tensor: Handle): number;
  isContiguous(tensor: Handle): boolean;
  sameTensor(a: Handle, b: Handle): boolean;
  alias(tensor: Handle): Handle;

  scopeBegin(): void;
  scopeEnd(escaping?: Float64Array): void;
  scopeDepth(): number;
  keep(tensor: Handle): void;
  release(tensor: Handle): void;
  alive(tensor: Handle): boolean;
  liveCount(): number;
  liveBytes(): number;

  backward(tensor: Handle, gradient: Handle, retainGraph?: boolean, createGraph?: boolean): void;
  grad(
    outputs: Float64Array,
    inputs: Float64Array,
    gradOutputs: Float64Array,
    retainGraph?: boolean,
    createGraph?: boolean,
    allowUnused?: boolean,
  ): Handle[];
  requiresGrad(tensor: Handle): boolean;
  setRequiresGrad(tensors: Float64Array, value: boolean): void;
  isLeaf(tensor: Handle): boolean;
  gradients(parameters: Float64Array): Handle[];
  setGradients(parameters: Float64Array, gradients: Float64Array | null): void;
  gradEnabled(): boolean;
  setGradEnabled(enabled: boolean): boolean;
  autocastBegin(deviceType: string, dtype: string): boolean;
  autocastEnd(deviceType: string, enabledBefore: boolean): void;

  version(): string;
  libraryPath(): string;
  config(): string;
  setNumThreads(threads: number): void;
  getNumThreads(): number;
  manualSeed(seed: number): void;
  generatorCreate(device: string, seed: number): number;
  generatorSeed(generator: number, seed: number): void;
  generatorDispose(generator: number): void;
  cudaAvailable(): boolean;
  cudaDevices(): number;
  loadLibrary(path: string): void;
  setDeterministic(value: boolean): void;
  setErrorFactory(factory: (code: string, operator: string, operands: string, message: string) => Error): void;

  glooAvailable(): boolean;
  glooInit(address: string, rank: number, worldSize: number, timeoutSeconds: number): number;
  glooAllReduce(group: number, tensor: Handle, operation: string): void;
  glooBroadcast(group: number, tensor: Handle, root: number): void;
  glooAllGather(group: number, tensor: Handle): Handle[];
  glooBarrier(group: number): void;
  glooDestroy(group: number): void;
}

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The folder of the binaries in use: `SUAVE_TORCH_BUILD`, else the one that the last build named in `build/current.json`. */
function findBuild(): { folder: string; searched: string[] } {
  const searched: string[] = [];
  const named = process.env.SUAVE_TORCH_BUILD;
  if (named !== undefined && named !== '') {
    const folder = resolve(named);
    if (existsSync(join(folder, 'suave_torch.node'))) return { folder, searched };
    searched.push(join(folder, 'suave_torch.node'));
  } else {
    const record = join(packageRoot, 'build', 'current.json');
    if (existsSync(record)) {
      const { tag } = JSON.parse(readFileSync(record, 'utf8')) as { tag: string };
      const folder = join(packageRoot, 'build', tag);
      if (existsSync(join(folder, 'suave_torch.node'))) return { folder, searched };
      searched.push(join(folder, 'suave_torch.node'));
    } else {
      searched.push(record);
    }
  }
  throw new LibtorchNotFoundError(searched);
}

function load(): { native: Native; folder: string } {
  const { folder } = findBuild();
  try {
    const native = createRequire(import.meta.url)(join(folder, 'suave_torch.node')) as Native;
    native.setErrorFactory(torchError);
    return { native, folder };
  } catch (error) {
    throw new LibtorchNotFoundError([join(folder, 'suave_torch.node')], error);
  }
}

const loaded = load();

/** The addon of this Node environment. */
export const native: Native = loaded.native;

/** Name of the build in use, e.g. `torch-1.13.0`: binaries of custom operators for it lie in a folder of this name. */
export const buildTag: string = loaded.folder.split('/').pop()!;
