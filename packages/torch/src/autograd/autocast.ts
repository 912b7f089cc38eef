/** @file Automatic casting to a lower precision while a function runs, on this thread alone. */
import { ArgumentError } from '../errors.js';
import { native } from '../native.js';
import { refusePromise } from '../synchronous.js';

/** What operators are cast to. */
export type AutocastDType = 'bfloat16' | 'float16';

/** How casting is done. */
export interface AutocastOptions {
  /**
   * Remember the casts of leaves that require grad until the outermost region ends, so that weights used several times are cast
   * once; true by default.
   */
  cacheEnabled?: boolean;
}

/** libtorch's kernels know float16 on the CPU since about 2.2; 2.4 has them all. */
function halfOnCpu(): boolean {
  const [major = 0, minor = 0] = native.version().split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 4);
}

/**
 * Runs `body` with matrix products and convolutions in a lower precision, and what needs it (losses, norms, sums) in float32
 * (PyTorch `torch.autocast`). Regions nest; the inner one's dtype ends with it. Backward passes belong outside.
 * @param device  whose operators are cast
 * @param dtype   `bfloat16`; `float16` on `cuda` (with a `GradScaler`), and on `cpu` since libtorch 2.4
 * @throws ArgumentError when the device does not do that dtype, or `body` returns a promise
 * @example const loss = autocast('cpu', 'bfloat16', () => model.forward(x).crossEntropyLoss(y)); loss.backward();
 */
export function autocast<T>(
  device: 'cpu' | 'cuda',
  dtype: AutocastDType,
  body: () => T,
  options: AutocastOptions = {},
): T {
  if (device !== 'cpu' && device !== 'cuda')
    throw new ArgumentError(`autocast: expected device 'cpu' or 'cuda', got '${device as string}'`);
  if (dtype !== 'bfloat16' && dtype !== 'float16')
    throw new ArgumentError(`autocast: expected dtype 'bfloat16' or 'float16', got '${dtype as string}'`);
  if (device === 'cpu' && dtype === 'float16' && !halfOnCpu())
    throw new ArgumentError(
      `autocast: libtorch ${native.version()} casts to bfloat16 only on the cpu, got float16. Use 'bfloat16', or run in float32.`,
    );
  const before = native.autocastBegin(device, dtype, options.cacheEnabled ?? true);
  try {
    return refusePromise(body(), 'autocast');
  } finally {
    native.autocastEnd(before);
  }
}

/**
 * Runs `body` without the automatic casting around it, so that matrix products keep the precision of their operands
 * (PyTorch `torch.autocast(enabled=False)`); operands that are in a lower precision already must be widened by `body`.
 * @throws ArgumentError when `body` returns a promise
 */
export function withoutAutocast<T>(body: () => T): T {
  const before = native.autocastBegin('', '', true);
  try {
    return refusePromise(body(), 'withoutAutocast');
  } finally {
    native.autocastEnd(before);
  }
}

/** What operators on a device are being cast to on this thread, null outside of `autocast`. */
export function autocastDtype(device: 'cpu' | 'cuda'): AutocastDType | null {
  const dtype = native.autocastDtype(device);
  return dtype === '' ? null : (dtype as AutocastDType);
}
