/** @file Whether an operator runs on a kind of device: tried once with little tensors, since a schema alone does not tell. */
import { noGrad } from '../autograd/index.js';
import { MissingOperatorError, TorchError } from '../errors.js';
import { scope } from '../scope.js';

/** By name and kind of device. */
const known = new Map<string, boolean>();

/** Whether `attempt` runs without an error of libtorch on the kind of a device, as `cuda`; it is run at most once for each. */
export function probe(name: string, device: string, attempt: () => void): boolean {
  const key = `${name} ${device.split(':')[0]}`;
  let runs = known.get(key);
  if (runs === undefined) {
    runs = scope(() => {
      try {
        noGrad(attempt);
        return true;
      } catch (error) {
        if (error instanceof TorchError || error instanceof MissingOperatorError) return false;
        throw error;
      }
    });
    known.set(key, runs);
  }
  return runs;
}
