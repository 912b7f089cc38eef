/** @file The state of libtorch's own random number generators, on the CPU and on CUDA devices. */
import type { Device } from '../dtype.js';
import { native } from '../native.js';
import { refusePromise } from '../synchronous.js';
import { type Tensor, wrap } from '../tensor.js';
import { indexOf } from './availability.js';

/**
 * State of a device's own generator (PyTorch `torch.get_rng_state`, `torch.cuda.get_rng_state`): a uint8 tensor on the cpu,
 * whatever the device, that `setRngState` takes back.
 * @param device  `cpu` by default
 * @throws DeviceError for `cuda` without CUDA
 */
export function getRngState(device: Device = 'cpu'): Tensor<'uint8', 1> {
  return wrap(native.rngState(device)) as Tensor<'uint8', 1>;
}

/**
 * Makes a device's own generator go on from a state that `getRngState` gave; the tensor is copied.
 * @param device  that of the state, `cpu` by default
 * @throws ArgumentError unless it is a uint8 tensor of one dimension on the cpu; TorchError when it is no state of such a generator
 */
export function setRngState(state: Tensor, device: Device = 'cpu'): void {
  native.setRngState(device, state.handle);
}

/**
 * Runs `body` and then puts the generators of the CPU and of all CUDA devices back to where they were (PyTorch
 * `torch.random.fork_rng`).
 * @throws ArgumentError when `body` returns a promise
 */
export function forkRng<T>(body: () => T): T {
  const devices = ['cpu', ...Array.from({ length: native.cudaDevices() }, (_, index) => `cuda:${index}`)];
  const states: [device: string, state: number][] = [];
  try {
    for (const device of devices) states.push([device, keptState(device)]);
    return refusePromise(body(), 'forkRng');
  } finally {
    for (const [device, state] of states) {
      native.setRngState(device, state);
      native.release(state);
    }
  }
}

/** A state that no scope frees. */
function keptState(device: string): number {
  const state = native.rngState(device);
  native.keep(state);
  return state;
}

/** Seeds the generator of the current CUDA device (PyTorch `torch.cuda.manual_seed`). `manualSeed` seeds all devices. @throws DeviceError */
export function manualSeedCuda(seed: number): void {
  native.manualSeedDevice(`cuda:${indexOf(undefined, 'cuda.manualSeed')}`, seed);
}

/** Seeds the generators of all CUDA devices, not that of the CPU (PyTorch `torch.cuda.manual_seed_all`). @throws DeviceError */
export function manualSeedAll(seed: number): void {
  indexOf(undefined, 'cuda.manualSeedAll');
  for (let index = 0; index < native.cudaDevices(); index++) native.manualSeedDevice(`cuda:${index}`, seed);
}
