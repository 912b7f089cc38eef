/** @file Functions of the addon: the library itself: version, threads, seeds, generators. */

export interface RuntimeFunctions {
  version(): string;
  libraryPath(): string;
  config(): string;
  setNumThreads(threads: number): void;
  getNumThreads(): number;
  manualSeed(seed: number): void;
  generatorCreate(device: string, seed: number): number;
  generatorSeed(generator: number, seed: number): void;
  generatorDispose(generator: number): void;
  cudaAvailable(): boolean;
  cudaDevices(): number;
  loadLibrary(path: string): void;
  /** Whether any memory went back to the system. */
  releaseFreeMemory(): boolean;
  setErrorFactory(factory: (code: string, operator: string, operands: string, message: string) => Error): void;
}
