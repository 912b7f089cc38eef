/** @file Functions of the addon: streams, events, memory and graphs of accelerators; switches of the math libraries; random states. */
import type { Handle } from '../native.js';

export interface DeviceFunctions {
  cudaBuilt(): boolean;
  cudaFeatures(): string[];
  cudaVersions(): [runtime: number, cudnn: number];
  currentDevice(): number;
  exchangeDevice(index: number): number;
  synchronizeDevice(index: number): void;

  streamNew(device: number, priority: number): number;
  streamCurrent(device: number): number;
  streamDefault(device: number): number;
  streamExchange(device: number, stream: number): number;
  streamQuery(device: number, stream: number): boolean;
  streamSynchronize(device: number, stream: number): void;
  streamRecordTensor(device: number, stream: number, tensor: Handle): void;

  eventNew(timing: boolean): number;
  eventRecord(event: number, device: number, stream: number): void;
  eventBlock(event: number, device: number, stream: number): void;
  eventQuery(event: number): boolean;
  eventSynchronize(event: number): void;
  eventElapsed(start: number, end: number): number;
  eventDispose(event: number): void;

  memoryStats(device: number): Record<string, number>;
  resetPeakMemoryStats(device: number): void;
  resetAccumulatedMemoryStats(device: number): void;
  emptyCache(): void;
  memGetInfo(device: number): [free: number, total: number];
  setMemoryFraction(device: number, fraction: number): void;
  deviceProperties(device: number): Record<string, number | string | boolean>;

  graphNew(): number;
  graphBegin(graph: number, poolFirst: number, poolSecond: number, mode: number): void;
  graphEnd(graph: number): void;
  graphReplay(graph: number): void;
  graphReset(graph: number): void;
  graphDispose(graph: number): void;
  graphPool(graph: number): [first: number, second: number];
  graphRegisterGenerator(graph: number, generator: number): void;
  isCapturing(): boolean;

  setSyncDebugMode(mode: number): void;
  getSyncDebugMode(): number;
  syncCountBegin(): number;
  syncCountEnd(counter: number): number;

  getSwitch(name: string): boolean;
  setSwitch(name: string, value: boolean): void;
  getBenchmarkLimit(): number;
  setBenchmarkLimit(limit: number): void;
  getFloat32MatmulPrecision(): string;
  setFloat32MatmulPrecision(precision: string): void;
  setDeterministicAlgorithms(on: boolean, warnOnly: boolean): void;
  deterministicAlgorithms(): number;
  mkldnnAvailable(): boolean;

  rngState(device: string): Handle;
  setRngState(device: string, state: Handle): void;
  manualSeedDevice(device: string, seed: number): void;
  generatorState(generator: number): Handle;
  generatorSetState(generator: number, state: Handle): void;
  generatorDevice(generator: number): string;
}
