/** @file Modes that hold while a function runs, on this thread alone: no recording, recording, inference. */
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

/** Runs `body` without recording operations (PyTorch `torch.no_grad`). @throws ArgumentError when it returns a promise */
export function noGrad<T>(body: () => T): T {
  return withGrad(false, body, 'noGrad');
}

/**
 * Runs `body` with recording on, inside a `noGrad` too (PyTorch `torch.enable_grad`).
 * @throws ArgumentError when it returns a promise
 */
export function enableGrad<T>(body: () => T): T {
  return withGrad(true, body, 'enableGrad');
}

/** Whether operations are being recorded on this thread. */
export function isGradEnabled(): boolean {
  return native.gradEnabled();
}

/**
 * Runs `body` without recording and without the bookkeeping that would allow to record later (PyTorch `torch.inference_mode`):
 * faster than `noGrad` for small tensors. Tensors made inside are inference tensors for good: outside they can be read, but
 * neither changed in place nor saved for a backward; `clone()` them outside to get ordinary ones.
 * @param enabled  false leaves the mode inside of another region; recording is on there
 * @throws ArgumentError when `body` returns a promise
 */
export function inferenceMode<T>(body: () => T, enabled = true): T {
  native.inferenceBegin(enabled);
  try {
    return refusePromise(body(), 'inferenceMode');
  } finally {
    native.inferenceEnd();
  }
}

/** Whether inference mode is on, on this thread. */
export function isInferenceModeEnabled(): boolean {
  return native.inferenceEnabled();
}
