/** @file The device of commands that do not train. Loads libtorch: call after the thread count is set. */
import { UsageError } from '../errors.js';

/**
 * Sets libtorch's threads and picks the device: what is asked for, else CUDA where there is one.
 * @throws UsageError when CUDA is asked for and not there
 */
export async function chooseDevice(asked: 'cpu' | 'cuda' | undefined, threads: number): Promise<'cpu' | 'cuda'> {
  const { cuda, libtorchVersion, setNumThreads } = await import('@suave/torch');
  setNumThreads(threads);
  const hasCuda = cuda.isAvailable();
  if (asked === 'cuda' && !hasCuda) {
    throw new UsageError(
      `--device cuda: libtorch ${libtorchVersion()} finds no CUDA device. Use --device cpu, or see suave doctor.`,
    );
  }
  return asked ?? (hasCuda ? 'cuda' : 'cpu');
}
