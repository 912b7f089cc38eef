/** @file Modes that hold while a function runs: no recording, recording, automatic casting. */
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { native } from '../native.js';

function refusePromise<T>(result: T, where: string): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function')
    throw new ArgumentError(
      `${where}: expected a synchronous function, got one that returns a promise. Await outside.`,
    );
  return result;
}

function withGrad<T>(enabled: boolean, body: () => T, where: string): T {
  const before = native.setGradEnabled(enabled);
  try {
    return refusePromise(body(), where);
  } finally {
    native.setGradEnabled(before);
  }
}

/** Runs `body` without recording operations (PyTorch `torch.no_grad`). */
export function noGrad<T>(body: () => T): T {
  return withGrad(false, body, 'noGrad');
}

/** Runs `body` with recording on, inside a `noGrad` too (PyTorch `torch.enable_grad`). */
export function enableGrad<T>(body: () => T): T {
  return withGrad(true, body, 'enableGrad');
}

/** Whether operations are being recorded. */
export function isGradEnabled(): boolean {
  return native.gradEnabled();
}

/**
 * Runs `body` with matrix products and convolutions in a lower precision (PyTorch `torch.autocast`).
 * @param device `cpu` (bfloat16 only) or `cuda`
 */
export function autocast<T>(device: 'cpu' | 'cuda', dtype: Extract<DType, 'bfloat16' | 'float16'>, body: () => T): T {
  if (device === 'cpu' && dtype !== 'bfloat16')
    throw new ArgumentError(`autocast: expected bfloat16 on the cpu, got ${dtype}. Use 'bfloat16', or run in float32.`);
  const before = native.autocastBegin(device, dtype);
  try {
    return refusePromise(body(), 'autocast');
  } finally {
    native.autocastEnd(device, before);
  }
}
