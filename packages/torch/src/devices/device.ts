/** @file CUDA devices: the current one of this thread, their properties, waiting for one. */
import type { Device } from '../dtype.js';
import { native } from '../native.js';
import { refusePromise } from '../synchronous.js';
import { indexOf, requireCuda } from './availability.js';

/** Index of the device that `cuda` means in this thread; 0 at first (PyTorch `torch.cuda.current_device`). @throws DeviceError */
export function currentDevice(): number {
  requireCuda('cuda.currentDevice');
  return native.currentDevice();
}

/**
 * Makes a device the one that `cuda` means in this thread (PyTorch `torch.cuda.set_device`). Prefer `withDevice`.
 * @throws DeviceError without CUDA; ArgumentError when there is no such device
 */
export function setDevice(device: Device | number): void {
  native.exchangeDevice(indexOf(device, 'cuda.setDevice'));
}

/**
 * Runs `body` with `cuda` meaning another device in this thread (PyTorch `with torch.cuda.device(…)`).
 * @throws DeviceError without CUDA; ArgumentError when there is no such device, or `body` returns a promise
 */
export function withDevice<T>(device: Device | number, body: () => T): T {
  const before = native.exchangeDevice(indexOf(device, 'cuda.withDevice'));
  try {
    return refusePromise(body(), 'cuda.withDevice');
  } finally {
    native.exchangeDevice(before);
  }
}

/**
 * Waits until all work given to a device so far is done (PyTorch `torch.cuda.synchronize`). Errors of that work come out here.
 * @param device  the current one by default
 * @throws DeviceError without CUDA; CaptureError while a graph is being captured
 */
export function synchronize(device?: Device | number): void {
  native.synchronizeDevice(indexOf(device, 'cuda.synchronize'));
}

/** What a device is (PyTorch `torch.cuda.get_device_properties`); sizes in bytes. */
export interface DeviceProperties {
  readonly name: string;
  /** Compute capability, `major.minor`. */
  readonly major: number;
  readonly minor: number;
  readonly totalMemory: number;
  readonly multiProcessorCount: number;
  readonly maxThreadsPerMultiProcessor: number;
  readonly maxThreadsPerBlock: number;
  readonly sharedMemoryPerBlock: number;
  readonly sharedMemoryPerMultiprocessor: number;
  readonly regsPerMultiprocessor: number;
  readonly warpSize: number;
  readonly l2CacheSize: number;
  /** It shares its memory with the host. */
  readonly isIntegrated: boolean;
}

/** Properties of a device, the current one by default. @throws DeviceError without CUDA, or without `features().deviceProperties` */
export function getDeviceProperties(device?: Device | number): DeviceProperties {
  return native.deviceProperties(indexOf(device, 'cuda.getDeviceProperties')) as unknown as DeviceProperties;
}

/** Name of a device, as `NVIDIA H200` (PyTorch `torch.cuda.get_device_name`). @throws as `getDeviceProperties` */
export function getDeviceName(device?: Device | number): string {
  return getDeviceProperties(device).name;
}

/** Compute capability of a device, as `[9, 0]` (PyTorch `torch.cuda.get_device_capability`). @throws as `getDeviceProperties` */
export function getDeviceCapability(device?: Device | number): [major: number, minor: number] {
  const { major, minor } = getDeviceProperties(device);
  return [major, minor];
}

/**
 * Whether a device computes in bfloat16 at speed: compute capability 8.0 and more (PyTorch `torch.cuda.is_bf16_supported`).
 * @throws as `getDeviceProperties`
 */
export function isBf16Supported(device?: Device | number): boolean {
  return getDeviceProperties(device).major >= 8;
}
