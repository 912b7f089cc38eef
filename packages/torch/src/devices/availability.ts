/** @file Whether CUDA is there, and which parts of it this build can use. */
import type { Device } from '../dtype.js';
import { ArgumentError, DeviceError } from '../errors.js';
import { native } from '../native.js';

/** Whether this libtorch has CUDA and a device is there (PyTorch `torch.cuda.is_available`). Never throws. */
export function isAvailable(): boolean {
  return native.cudaAvailable();
}

/** Number of devices; 0 without CUDA (PyTorch `torch.cuda.device_count`). */
export function deviceCount(): number {
  return native.cudaDevices();
}

/**
 * Parts of the CUDA face. `streams` and `events` are there wherever libtorch has CUDA; the others need CUDA's headers when the
 * addon is built, or a libtorch new enough to offer them for every kind of device.
 */
export type Feature =
  | 'streams'
  | 'events'
  | 'memoryStatistics'
  | 'memoryFraction'
  | 'deviceProperties'
  | 'graphs'
  | 'syncDebugMode';

const FEATURES: readonly Feature[] = [
  'streams',
  'events',
  'memoryStatistics',
  'memoryFraction',
  'deviceProperties',
  'graphs',
  'syncDebugMode',
];

/** Which parts of the CUDA face this build of the addon has; all false when libtorch has no CUDA. */
export function features(): Readonly<Record<Feature, boolean>> {
  const present = new Set(native.cudaFeatures());
  return Object.fromEntries(FEATURES.map((feature) => [feature, present.has(feature)])) as Record<Feature, boolean>;
}

/** Versions that libtorch was built with, e.g. `12.4` (PyTorch `torch.version.cuda`) and cuDNN's number; null without. */
export function versions(): { cuda: string | null; cudnn: number | null } {
  const [cuda, cudnn] = native.cudaVersions();
  return {
    cuda: cuda > 0 ? `${Math.trunc(cuda / 1000)}.${Math.trunc((cuda % 1000) / 10)}` : null,
    cudnn: cudnn > 0 ? cudnn : null,
  };
}

/**
 * The index that a device names; the current one for `cuda` and by default.
 * @internal
 * @throws DeviceError without CUDA; ArgumentError when it names no CUDA device that is there
 */
export function indexOf(device: Device | number | undefined, where: string): number {
  requireCuda(where);
  const index =
    device === undefined || device === 'cuda'
      ? native.currentDevice()
      : typeof device === 'number'
        ? device
        : /^cuda:\d+$/.test(device)
          ? Number(device.slice(5))
          : Number.NaN;
  const count = native.cudaDevices();
  if (!Number.isInteger(index) || index < 0 || index >= count)
    throw new ArgumentError(
      `${where}: expected 'cuda' or a device from cuda:0 to cuda:${count - 1}, got ${String(device)}. Check cuda.deviceCount().`,
    );
  return index;
}

/**
 * @internal
 * @throws DeviceError unless a CUDA device is there
 */
export function requireCuda(where: string): void {
  if (native.cudaAvailable()) return;
  throw new DeviceError(
    native.cudaBuilt()
      ? `${where}: libtorch has CUDA, but finds no device. Check the driver with nvidia-smi, and CUDA_VISIBLE_DEVICES.`
      : `${where}: this libtorch has no CUDA. Use a libtorch with CUDA, or the device 'cpu'; cuda.isAvailable() tells.`,
    'ERR_TORCH_NO_CUDA',
  );
}
