/** @file What makes the host wait for a CUDA device: told by libtorch as warnings or errors, or counted. */
import { ArgumentError } from '../errors.js';
import { native } from '../native.js';
import { refusePromise } from '../synchronous.js';
import { requireCuda } from './availability.js';

/** What happens when an operator makes the host wait: nothing, a warning on standard error, or a `TorchError`. */
export type SyncDebugMode = 'default' | 'warn' | 'error';

const MODES: readonly SyncDebugMode[] = ['default', 'warn', 'error'];

/**
 * Says what happens when an operator makes the host wait for a CUDA device, for the whole process (PyTorch
 * `torch.cuda.set_sync_debug_mode`); `default`, which is nothing, at first. libtorch sees reading a value, copies to pageable memory
 * and waits for streams; it does not see waits that were asked for (`cuda.synchronize`, events) or those inside CUDA's libraries.
 * @throws DeviceError without CUDA, or without `features().syncDebugMode`; ArgumentError on another word
 */
export function setSyncDebugMode(mode: SyncDebugMode): void {
  requireCuda('cuda.setSyncDebugMode');
  const index = MODES.indexOf(mode);
  if (index < 0)
    throw new ArgumentError(`cuda.setSyncDebugMode: expected 'default', 'warn' or 'error', got '${String(mode)}'.`);
  native.setSyncDebugMode(index);
}

/** What happens when an operator makes the host wait (PyTorch `torch.cuda.get_sync_debug_mode`). @throws as `setSyncDebugMode` */
export function getSyncDebugMode(): SyncDebugMode {
  requireCuda('cuda.getSyncDebugMode');
  return MODES[native.getSyncDebugMode()] ?? 'default';
}

/**
 * Counts how often `body` makes the host wait for a CUDA device, as far as `setSyncDebugMode` sees it, without printing or
 * refusing anything. Waits of other threads are warned of on standard error meanwhile.
 * @throws as `setSyncDebugMode`; ArgumentError when `body` returns a promise
 * @example const { count } = cuda.countSynchronizations(() => trainStep(batch));
 */
export function countSynchronizations<T>(body: () => T): { result: T; count: number } {
  requireCuda('cuda.countSynchronizations');
  const counter = native.syncCountBegin();
  let count = 0;
  let result: T;
  try {
    result = refusePromise(body(), 'cuda.countSynchronizations');
  } finally {
    count = native.syncCountEnd(counter);
  }
  return { result, count };
}
