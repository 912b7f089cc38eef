/** @file Modes that hold while a function runs: no recording, recording, automatic casting. */
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { native } from '../native.js';
import { refusePromise } from '../synchronous.js';

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
  casting.push({ device, dtype });
  try {
    return refusePromise(body(), 'autocast');
  } finally {
    casting.pop();
    native.autocastEnd(device, before);
  }
}

/** The regions of automatic casting around the current call, the innermost last. */
const casting: { readonly device: 'cpu' | 'cuda'; readonly dtype: 'bfloat16' | 'float16' }[] = [];

/**
 * Runs `body` without the automatic casting around it, so that matrix products keep the precision of their operands
 * (PyTorch `torch.autocast(enabled=False)`); operands that are in a lower precision already must be widened by `body`.
 */
export function withoutAutocast<T>(body: () => T): T {
  const suspended = casting.splice(0);
  for (const { device } of suspended) native.autocastEnd(device, false);
  try {
    return refusePromise(body(), 'withoutAutocast');
  } finally {
    for (const { device, dtype } of suspended) native.autocastBegin(device, dtype);
    casting.push(...suspended);
  }
}
