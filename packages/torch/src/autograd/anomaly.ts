/** @file Anomaly mode: a failure in the backward pass names the operator and the line that called it. */
import { fileURLToPath } from 'node:url';
import { native } from '../native.js';
import { refusePromise } from '../synchronous.js';

/** Frames of a call that are kept. */
const depth = 30;

/** Frames of this package that every call of an operator goes through. */
const passage = [
  ...['generated/operators', 'generated/methods', 'generated/out', 'operator-runtime', 'scope', 'tensor'],
  ...['autograd/anomaly', 'autograd/modes', 'synchronous', 'autograd/gradients', 'autograd/checkpoint'],
].map((name) => `${fileURLToPath(new URL(`../${name}`, import.meta.url))}${import.meta.url.slice(-3)}:`);

/** The JavaScript stack above the call of an operator; the addon asks for it when it records one. */
function callStack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  const stack = new Error().stack ?? '';
  Error.stackTraceLimit = limit;
  return stack
    .split('\n')
    .slice(1)
    .filter((frame) => !passage.some((path) => frame.includes(path)))
    .join('\n');
}

/**
 * Runs `body` so that a failure in a backward pass names the operator and the JavaScript stack of the forward call that it
 * differentiates (PyTorch `torch.autograd.detect_anomaly`); a NaN in a gradient is a failure. Forward and backward both belong
 * inside. Every recorded operator then takes a stack and every gradient is searched for NaN: for debugging only. While a region
 * is open, backward passes on other threads are searched too.
 * @param options  `checkNan`: false for the stacks alone
 * @throws AnomalyError from the backward pass inside
 * @throws ArgumentError when `body` returns a promise
 * @example detectAnomaly(() => x.sqrt().mul(0).sum().backward());
 */
export function detectAnomaly<T>(body: () => T, options: { checkNan?: boolean } = {}): T {
  const checkNan = options.checkNan ?? true;
  native.anomalyBegin(callStack, checkNan);
  try {
    return refusePromise(body(), 'detectAnomaly');
  } finally {
    native.anomalyEnd(checkNan);
  }
}

/** Whether anomaly mode is on, on this thread. */
export function isAnomalyEnabled(): boolean {
  return native.anomalyEnabled();
}
