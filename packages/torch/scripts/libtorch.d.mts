/** @file Types of the part of libtorch.mjs that the loader (src/addon/find.ts) shares with the build. */

/** A place where a libtorch may be. */
export interface Candidate {
  readonly origin: 'LIBTORCH' | 'python3' | 'system';
  readonly include: string;
  readonly libraries: string;
}

/** What is known of a libtorch without its headers. */
export interface Runtime {
  readonly origin: Candidate['origin'];
  readonly version: string;
  readonly libraries: string;
  readonly abi: 0 | 1;
  readonly cuda: boolean;
}

/** A libtorch that can be built against. */
export interface Libtorch extends Runtime {
  readonly includes: string[];
  readonly cudaIncludes: string[];
  readonly cudaReason: string;
  readonly gloo: string[];
  readonly identity: string;
}

export function inspectRuntime(
  candidate: Candidate,
): { libtorch: Runtime; reason?: undefined } | { libtorch?: undefined; reason: string };

export function candidates(
  environment?: NodeJS.ProcessEnv,
  options?: { useCache?: boolean },
): Generator<{ origin: Candidate['origin']; candidate?: Candidate; reason?: string }>;

export function findLibtorch(environment?: NodeJS.ProcessEnv): { libtorch: Libtorch | null; passedOver: string[] };
export function buildTag(libtorch: { version: string; cuda: boolean }): string;
export function minorOf(version: string): string;
export function isOf(path: string, libraries: string): boolean;
