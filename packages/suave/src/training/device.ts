/** @file Sets libtorch up for the device of a run, before anything is computed on it. */
import { backends, cuda } from '@suave/torch';
import type { Config } from '../recipes/index.js';

/** cuBLAS sums in the same order each time only with a workspace of this kind; it reads the variable when it is loaded. */
const cublasWorkspace = ':4096:8';

/**
 * Chooses how a GPU computes, for this process: `gpu.deterministic`, `gpu.tf32`. All work of the run goes to a stream of its own, since the
 * default one cannot be captured. Nothing on the CPU.
 */
export function prepareDevice({ device, gpu }: Pick<Config, 'device' | 'gpu'>): void {
  if (device === 'cpu') return;
  process.env.CUBLAS_WORKSPACE_CONFIG ??= cublasWorkspace;
  backends.cudnn.deterministic = gpu.deterministic;
  backends.cudnn.benchmark = !gpu.deterministic;
  backends.cudnn.allowTF32 = gpu.tf32;
  backends.cuda.matmul.allowTF32 = gpu.tf32;
  if (cuda.currentStream().id === cuda.defaultStream().id) cuda.setStream(new cuda.Stream());
}

/** Whether convolutions of a run have their channels innermost. */
export function usesChannelsLast({
  device,
  precision,
  gpu,
  model,
}: Pick<Config, 'device' | 'precision' | 'gpu' | 'model'>): boolean {
  if (gpu.channelsLast !== 'auto') return gpu.channelsLast === 'on';
  return device === 'cuda' && precision !== 'fp32' && !model.arch.startsWith('vit');
}
