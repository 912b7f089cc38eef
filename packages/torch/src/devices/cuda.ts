/** @file NVIDIA devices, as `torch.cuda`. Everything but the questions throws a `DeviceError` where there is none. */
export { deviceCount, type Feature, features, isAvailable, versions } from './availability.js';
export {
  currentDevice,
  type DeviceProperties,
  getDeviceCapability,
  getDeviceName,
  getDeviceProperties,
  isBf16Supported,
  setDevice,
  synchronize,
  withDevice,
} from './device.js';
export { Event } from './event.js';
export { type CaptureOptions, Graph, type GraphPool, isCurrentStreamCapturing } from './graph.js';
export { type Graphed, type GraphedOptions, type GraphedResult, makeGraphed } from './make-graphed.js';
export {
  emptyCache,
  maxMemoryAllocated,
  maxMemoryReserved,
  memGetInfo,
  memoryAllocated,
  memoryReserved,
  memoryStats,
  memorySummary,
  resetAccumulatedMemoryStats,
  resetPeakMemoryStats,
  setPerProcessMemoryFraction,
} from './memory.js';
export { manualSeedAll, manualSeedCuda as manualSeed } from './random.js';
export { currentStream, defaultStream, Stream, type StreamOptions, setStream, withStream } from './stream.js';
export { countSynchronizations, getSyncDebugMode, type SyncDebugMode, setSyncDebugMode } from './sync-debug.js';
