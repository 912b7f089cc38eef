/** @file Memory of CUDA devices: what libtorch's caching allocator holds, and how much there is. All sizes are bytes. */
import type { Device } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { native } from '../native.js';
import { indexOf, requireCuda } from './availability.js';

/**
 * Statistics of the caching allocator by PyTorch's keys, as `allocated_bytes.all.peak` or `num_ooms`
 * (PyTorch `torch.cuda.memory_stats`). Keys are `{statistic}.{all, small_pool, large_pool}.{current, peak, allocated, freed}`.
 * @throws DeviceError without CUDA, or without `features().memoryStatistics`
 */
export function memoryStats(device?: Device | number): Record<string, number> {
  return native.memoryStats(indexOf(device, 'cuda.memoryStats'));
}

function statistic(key: string, device: Device | number | undefined, where: string): number {
  return native.memoryStats(indexOf(device, where))[key] ?? 0;
}

/** Bytes in tensors now (PyTorch `torch.cuda.memory_allocated`). @throws as `memoryStats` */
export function memoryAllocated(device?: Device | number): number {
  return statistic('allocated_bytes.all.current', device, 'cuda.memoryAllocated');
}

/** The most bytes in tensors since the start or `resetPeakMemoryStats` (PyTorch `torch.cuda.max_memory_allocated`). @throws as `memoryStats` */
export function maxMemoryAllocated(device?: Device | number): number {
  return statistic('allocated_bytes.all.peak', device, 'cuda.maxMemoryAllocated');
}

/** Bytes taken from the device, cached ones too (PyTorch `torch.cuda.memory_reserved`). @throws as `memoryStats` */
export function memoryReserved(device?: Device | number): number {
  return statistic('reserved_bytes.all.current', device, 'cuda.memoryReserved');
}

/** The most bytes taken from the device since the start or `resetPeakMemoryStats` (PyTorch `torch.cuda.max_memory_reserved`). @throws as `memoryStats` */
export function maxMemoryReserved(device?: Device | number): number {
  return statistic('reserved_bytes.all.peak', device, 'cuda.maxMemoryReserved');
}

/** Starts the peaks again from what is in use now (PyTorch `torch.cuda.reset_peak_memory_stats`). @throws as `memoryStats` */
export function resetPeakMemoryStats(device?: Device | number): void {
  native.resetPeakMemoryStats(indexOf(device, 'cuda.resetPeakMemoryStats'));
}

/** Sets the sums over time (`allocated`, `freed`, `num_ooms`) to 0 (PyTorch `torch.cuda.reset_accumulated_memory_stats`). @throws as `memoryStats` */
export function resetAccumulatedMemoryStats(device?: Device | number): void {
  native.resetAccumulatedMemoryStats(indexOf(device, 'cuda.resetAccumulatedMemoryStats'));
}

/**
 * Gives cached memory that no tensor uses back to the devices, for other processes (PyTorch `torch.cuda.empty_cache`). It waits
 * for the devices, and does not make more memory available to this process.
 * @throws as `memoryStats`; CaptureError while a graph is being captured
 */
export function emptyCache(): void {
  requireCuda('cuda.emptyCache');
  native.emptyCache();
}

/** Free and total memory of a device, of all processes together (PyTorch `torch.cuda.mem_get_info`). @throws as `memoryStats` */
export function memGetInfo(device?: Device | number): { free: number; total: number } {
  const [free, total] = native.memGetInfo(indexOf(device, 'cuda.memGetInfo'));
  return { free, total };
}

/**
 * Limits what this process takes of a device's memory; more is an `OutOfMemoryError` (PyTorch
 * `torch.cuda.set_per_process_memory_fraction`).
 * @param fraction  above 0, up to 1, of the total memory
 * @throws DeviceError without CUDA, or without `features().memoryFraction`
 */
export function setPerProcessMemoryFraction(fraction: number, device?: Device | number): void {
  const index = indexOf(device, 'cuda.setPerProcessMemoryFraction');
  if (!(fraction > 0 && fraction <= 1))
    throw new ArgumentError(
      `cuda.setPerProcessMemoryFraction: expected a fraction above 0, up to 1, got ${fraction}. It is a part of the total memory.`,
    );
  native.setMemoryFraction(index, fraction);
}

/** Bytes with a unit, in the fewest digits that tell: `1.50 GiB`. */
function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(2)} ${units[unit]}`;
}

/** A table of the statistics that matter, for people (PyTorch `torch.cuda.memory_summary`). @throws as `memoryStats` */
export function memorySummary(device?: Device | number): string {
  const index = indexOf(device, 'cuda.memorySummary');
  return formatMemorySummary(index, native.memoryStats(index));
}

/** @internal The table of `memorySummary` from the statistics of a device. */
export function formatMemorySummary(index: number, stats: Readonly<Record<string, number>>): string {
  const rows: readonly [title: string, key: string, bytes: boolean][] = [
    ['allocated memory', 'allocated_bytes', true],
    ['active memory', 'active_bytes', true],
    ['reserved memory', 'reserved_bytes', true],
    ['unusable memory', 'inactive_split_bytes', true],
    ['allocations', 'allocation', false],
    ['segments', 'segment', false],
  ];
  const head = ['', 'current', 'peak', 'allocated', 'freed'];
  const cells = rows.map(([title, key, bytes]) => [
    title,
    ...head.slice(1).map((column) => {
      const value = stats[`${key}.all.${column}`] ?? 0;
      return bytes ? formatBytes(value) : String(value);
    }),
  ]);
  const table = [head, ...cells];
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return [
    `cuda:${index}: ${stats.num_ooms ?? 0} times out of memory, ${stats.num_alloc_retries ?? 0} retries after emptying the cache`,
    ...lines,
  ].join('\n');
}
