/** @file How exact and how repeatable results must be. Both settings hold for the whole process, worker threads too. */
import { ArgumentError } from '../errors.js';
import { native } from '../native.js';

/** `highest`: float32; `high`: TensorFloat-32 or two bfloat16; `medium`: bfloat16, where the device gains from it. */
export type Float32MatmulPrecision = 'highest' | 'high' | 'medium';

const PRECISIONS: readonly string[] = ['highest', 'high', 'medium'] satisfies Float32MatmulPrecision[];

/**
 * Sets in what precision float32 matrix products may be computed inside (PyTorch `torch.set_float32_matmul_precision`);
 * `highest` at first. Anything else sets `backends.cuda.matmul.allowTF32` too.
 * @throws ArgumentError on another word
 */
export function setFloat32MatmulPrecision(precision: Float32MatmulPrecision): void {
  if (!PRECISIONS.includes(precision))
    throw new ArgumentError(
      `setFloat32MatmulPrecision: expected 'highest', 'high' or 'medium', got '${String(precision)}'.`,
    );
  native.setFloat32MatmulPrecision(precision);
}

/** The precision in which float32 matrix products may be computed inside (PyTorch `torch.get_float32_matmul_precision`). */
export function getFloat32MatmulPrecision(): Float32MatmulPrecision {
  return native.getFloat32MatmulPrecision() as Float32MatmulPrecision;
}

/**
 * Makes operators use algorithms that give the same bits every time, and those that have none throw a `TorchError` (PyTorch
 * `torch.use_deterministic_algorithms`). On CUDA set the environment variable `CUBLAS_WORKSPACE_CONFIG=:4096:8` too, before the
 * process starts.
 * @param options.warnOnly  warn on standard error instead of throwing; false by default
 */
export function useDeterministicAlgorithms(on: boolean, options: { warnOnly?: boolean } = {}): void {
  native.setDeterministicAlgorithms(on, options.warnOnly ?? false);
}

/** Whether `useDeterministicAlgorithms` is on (PyTorch `torch.are_deterministic_algorithms_enabled`). */
export function areDeterministicAlgorithmsEnabled(): boolean {
  return native.deterministicAlgorithms() > 0;
}

/** Whether it warns instead of throwing (PyTorch `torch.is_deterministic_algorithms_warn_only_enabled`). */
export function isDeterministicAlgorithmsWarnOnlyEnabled(): boolean {
  return native.deterministicAlgorithms() === 1;
}
