/**
 * @file Damaged and hostile files: 100,000 mutations of small good files of each format. Each is read, or refused with a
 * CheckpointError; nothing else happens, and what the reader asks for never exceeds four times the size of the file.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { AllocationBudget } from './allocation-budget.js';
import { type ByteSource, MemorySource } from './byte-source.js';
import { CheckpointError } from './checkpoint-error.js';
import { crc32 } from './crc32.js';
import { openCheckpoint } from './pytorch-checkpoint.js';
import { SafetensorsFile } from './safetensors.js';
import { formatHeader, layOut } from './safetensors-header.js';
import { readZipDirectory } from './zip-directory.js';

/** A build that was named is a second one, of which the reading of files asks little. */
const RUNS = process.env.SUAVE_TORCH_BUILD === undefined ? 100_000 : 20000;
/** Some seconds each on a free processor. */
const TIMEOUT_MS = 600_000;

// most files are refused: stack traces would take most of the time
Error.stackTraceLimit = 0;

const fixtures = JSON.parse(readFileSync(new URL('fixtures/checkpoints.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;
const fixture = (name: string) => new Uint8Array(Buffer.from(fixtures[name]!, 'base64'));

/** Whole numbers below a bound; the same for every run of the test (mulberry32). */
function randomBelow(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const NUMBERS = [0, 1, -1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, -0x80000000, 0x10000000];

/** One to four changes: other bytes, extreme numbers, copied, removed or repeated pieces, a cut. */
function mutate(seed: Uint8Array, below: (bound: number) => number): Uint8Array {
  let bytes = seed.slice();
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(bytes.length || 1);
    const length = 1 + below(16);
    const from = below(bytes.length || 1);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    switch (below(8)) {
      case 0:
        bytes[at] = below(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 2:
        if (at + 4 <= bytes.length) view.setInt32(at, NUMBERS[below(NUMBERS.length)]!, true);
        break;
      case 3:
        if (at + 8 <= bytes.length) view.setBigInt64(at, BigInt(NUMBERS[below(NUMBERS.length)]!) << 20n, true);
        break;
      case 4:
        bytes.copyWithin(at, from, from + length);
        break;
      case 5:
        bytes = new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
        break;
      case 6: {
        const piece = bytes.subarray(from, from + length);
        bytes = new Uint8Array([...bytes.subarray(0, at), ...piece, ...piece, ...bytes.subarray(at)]);
        break;
      }
      default:
        if (below(8) === 0) bytes = bytes.slice(0, at);
    }
  }
  return bytes;
}

/** Counts what is read as if every read were a new buffer, as it is for a file. */
class CountingSource extends MemorySource {
  requested = 0;

  override read(position: number, length: number): Uint8Array {
    const bytes = super.read(position, length);
    this.requested += length;
    return bytes;
  }
}

/** Opens a file and reads everything in it, one tensor after the other. */
type Reader = (source: CountingSource) => void;

function fuzz(seeds: readonly Uint8Array[], change: (seed: Uint8Array, run: number) => Uint8Array, read: Reader): void {
  let refused = 0;
  for (let run = 0; run < RUNS; run++) {
    const source = new CountingSource('file', change(seeds[run % seeds.length]!, run));
    try {
      read(source);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw new Error(`run ${run}: ${String(error)}`, { cause: error });
      refused++;
    }
  }
  // a reader that refuses everything, or nothing, would show nothing
  expect(refused).toBeGreaterThan(RUNS / 3);
  expect(refused).toBeLessThan(RUNS);
}

function expectWithin(requested: number, source: ByteSource): void {
  if (requested > 4 * source.size) throw new Error(`${requested} bytes requested for a file of ${source.size}`);
}

const readTorch: Reader = (source) => {
  const budget = new AllocationBudget('file', source.size);
  try {
    const { tensors } = openCheckpoint(source, budget);
    for (const tensor of tensors.values()) {
      source.requested = 0;
      let made = 0;
      for (const chunk of tensor.chunks()) made += chunk.length;
      expectWithin(tensor.isContiguous ? made : made + source.requested, source);
      if (made !== tensor.byteLength) throw new Error(`${made} bytes of a tensor of ${tensor.byteLength}`);
    }
  } finally {
    expectWithin(budget.requested, source);
  }
};

/** A mutation of a zip file's structure under a checksum that fits, so that the pickle is read. */
function zipWithMutatedPickle(seed: Uint8Array, below: (bound: number) => number): Uint8Array {
  const source = new MemorySource('seed', seed);
  const entry = readZipDirectory(source, new AllocationBudget('seed', seed.length)).get('archive/data.pkl')!;
  const mutated = mutate(seed.subarray(entry.start, entry.start + entry.size), below);
  const bytes = seed.slice();
  bytes.set(mutated.subarray(0, entry.size), entry.start);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const directory = text.indexOf('PK\u0001\u0002', 0, 'latin1');
  text.writeUInt32LE(crc32(new MemorySource('', bytes), entry.start, entry.size), directory + 16);
  return bytes;
}

describe('100,000 mutated files', { timeout: TIMEOUT_MS }, () => {
  test('of the zip format, half of them in the pickle under a right checksum', () => {
    const below = randomBelow(1);
    const change = (seed: Uint8Array, run: number) =>
      run % 4 < 2 ? mutate(seed, below) : zipWithMutatedPickle(seed, below);
    fuzz([fixture('zip'), fixture('zip64')], change, readTorch);
  });

  test('of the legacy format', () => {
    const below = randomBelow(2);
    fuzz([fixture('legacy')], (seed) => mutate(seed, below), readTorch);
  });

  test('of safetensors', () => {
    const below = randomBelow(3);
    const entries = layOut([
      ['a.weight', { dtype: 'float32', shape: [2, 3] }],
      ['b', { dtype: 'bool', shape: [3] }],
      ['c', { dtype: 'bfloat16', shape: [] }],
      ['d', { dtype: 'int64', shape: [0, 2] }],
    ]);
    const header = formatHeader(entries, { format: 'pt' });
    const seed = new Uint8Array([...header, ...new Uint8Array(29)]);
    fuzz(
      [seed],
      (bytes) => mutate(bytes, below),
      (source) => {
        let file: SafetensorsFile;
        try {
          file = new SafetensorsFile(source);
        } finally {
          expectWithin(source.requested, source);
        }
        source.requested = 0;
        for (const name of file.names) file.sha256(name);
        expectWithin(source.requested, source);
      },
    );
  });
});
