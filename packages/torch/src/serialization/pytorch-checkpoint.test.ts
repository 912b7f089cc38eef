import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import '../index.js';
import { liveTensors, scope } from '../scope.js';
import { AllocationBudget } from './allocation-budget.js';
import { MemorySource } from './byte-source.js';
import { CheckpointError } from './checkpoint-error.js';
import { crc32 } from './crc32.js';
import { type PickleNamespace, PickleTuple } from './pickle-values.js';
import { openCheckpoint, readPyTorchCheckpoint } from './pytorch-checkpoint.js';
import { readZipDirectory } from './zip-directory.js';

const fixtures = JSON.parse(readFileSync(new URL('fixtures/checkpoints.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;
const fixture = (name: string) => new Uint8Array(Buffer.from(fixtures[name]!, 'base64'));
const open = (bytes: Uint8Array) => openCheckpoint(new MemorySource('file', bytes));

const folder = mkdtempSync(join(tmpdir(), 'suave-checkpoints-'));
afterAll(() => rmSync(folder, { recursive: true }));

function refusal(bytes: Uint8Array): string {
  try {
    const checkpoint = open(bytes);
    for (const tensor of checkpoint.tensors.values()) tensor.sha256();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  }
  throw new Error('expected a CheckpointError, got none');
}

/** A copy with other bytes at `at`. */
function patched(bytes: Uint8Array, at: number, values: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

const offsetOf = (bytes: Uint8Array, text: string, from = 0) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(text, from, 'latin1');

describe.each(['zip', 'zip64', 'legacy'])('a %s file', (kind) => {
  test('gives its tensors, views of one storage, and notes on everything else', () => {
    const before = liveTensors().count;
    const checkpoint = open(fixture(kind));
    expect(checkpoint.format).toBe(kind === 'legacy' ? 'legacy' : 'zip');
    scope(() => {
      const values = Object.fromEntries(
        [...checkpoint.tensors].map(([path, tensor]) => [
          path.slice('/state_dict/module.'.length),
          [tensor.dtype, tensor.read().toArray()],
        ]),
      );
      expect(values).toEqual({
        weight: [
          'float32',
          [
            [-1, -0.75, -0.5, -0.25],
            [0, 0.25, 0.5, 0.75],
            [1, 1.25, 1.5, 1.75],
          ],
        ],
        transposed: [
          'float32',
          [
            [-1, 0, 1],
            [-0.75, 0.25, 1.25],
            [-0.5, 0.5, 1.5],
            [-0.25, 0.75, 1.75],
          ],
        ],
        tail: [
          'float32',
          [
            [1, 1.25],
            [1.5, 1.75],
          ],
        ],
        half: ['float16', [0.5, -2]],
        brain: ['bfloat16', [1, -2]],
        count: ['int64', 7],
        mask: ['bool', [true, false]],
        empty: ['float32', []],
      });
    });
    const parameters = [...checkpoint.tensors].filter(([, tensor]) => tensor.isParameter).map(([path]) => path);
    expect(parameters).toEqual(['/state_dict/module.weight']);
    expect(checkpoint.skipped).toEqual([
      { key: '/args', reason: 'an argparse namespace without tensors' },
      { key: '/epoch', reason: 'a number, not a tensor' },
      { key: '/big', reason: 'a number, not a tensor' },
      { key: '/optimizer/param_groups/0/lr', reason: 'a numpy scalar (float64), not a tensor' },
      { key: '/optimizer/param_groups/0/betas', reason: 'a tuple without tensors' },
      { key: '/optimizer/param_groups/0/params', reason: 'a list without tensors' },
    ]);
    const args = (checkpoint.structure as Map<string, PickleNamespace>).get('args')!;
    expect(args.attributes.get('size')).toEqual(new PickleTuple([1, 2]));
    expect(liveTensors().count).toBe(before);
  });

  test('cut off at any length is refused', () => {
    const whole = fixture(kind);
    for (let length = 0; length < whole.length; length += 7)
      expect(() => open(whole.subarray(0, length))).toThrow(CheckpointError);
    expect(refusal(whole.subarray(0, -1))).toMatch(/^file: [^\n]+\.$/);
  });

  test('is read from disk as from memory, until it is closed', () => {
    const path = join(folder, `${kind}.pth`);
    writeFileSync(path, fixture(kind));
    const checkpoint = readPyTorchCheckpoint(path);
    const memory = open(fixture(kind));
    for (const [key, tensor] of checkpoint.tensors) expect(tensor.sha256()).toBe(memory.tensors.get(key)!.sha256());
    checkpoint.close();
    expect(() => checkpoint.tensors.get('/state_dict/module.weight')!.read()).toThrow(/closed/);
  });
});

describe('a file is refused', () => {
  test('that is not there, or a folder', () => {
    expect(() => readPyTorchCheckpoint(join(folder, 'none.pth'))).toThrow(/none\.pth: expected .*no such file/);
    expect(() => readPyTorchCheckpoint(folder)).toThrow(/folder/);
  });

  test.each(['hostile zip', 'hostile legacy'])('that is %s, before any tensor is handed out', (name) => {
    expect(refusal(fixture(name))).toMatch(/"posix\.getcwd".*nothing was run/);
  });

  test('that is something else', () => {
    expect(refusal(new Uint8Array(Buffer.from('These are no weights.\n')))).toMatch(/neither a zip file nor a legacy/);
    expect(refusal(new Uint8Array(0))).toMatch(/neither/);
  });

  test('whose tensor reaches beyond its storage', () => {
    const legacy = fixture('legacy');
    // the sizes (3, 4) of the first tensor: BININT1 3, BININT1 4, TUPLE2
    const sizes = offsetOf(legacy, 'K\u0003K\u0004\u0086');
    expect(sizes).toBeGreaterThan(0);
    expect(refusal(patched(legacy, sizes + 1, [200]))).toMatch(/reaches beyond its storage of 12 elements/);
  });

  test('whose legacy storage has another length, or something behind it', () => {
    const legacy = fixture('legacy');
    expect(refusal(new Uint8Array([...legacy, 0]))).toMatch(/1 bytes follow/);
    const last = legacy.length - 48 - 8;
    expect(refusal(patched(legacy, last, [13]))).toMatch(/13 elements instead of 12/);
    expect(refusal(patched(legacy, last + 7, [127]))).toMatch(/elements instead of 12/);
  });

  test('whose zip entries overlap, are compressed, encrypted, twice there or elsewhere', () => {
    const zip = fixture('zip');
    const directory = offsetOf(zip, 'PK\u0001\u0002');
    const second = offsetOf(zip, 'PK\u0001\u0002', directory + 4);
    const offset = zip.subarray(directory + 42, directory + 46);
    expect(refusal(patched(zip, second + 42, [...offset]))).toMatch(/overlaps/);
    expect(refusal(patched(zip, directory + 10, [8]))).toMatch(/compressed/);
    expect(refusal(patched(zip, directory + 8, [1]))).toMatch(/encrypted/);
    expect(refusal(patched(zip, directory + 42, [1]))).toMatch(/not where the directory says/);
    expect(refusal(patched(zip, directory + 45, [127]))).toMatch(/beyond its end|not where/);
    expect(refusal(patched(zip, second + 23, [1]))).toMatch(/compressed/);
    expect(refusal(patched(zip, second + 31, [127]))).toMatch(/directory is cut off/);
    const third = offsetOf(zip, 'PK\u0001\u0002', second + 4);
    expect(refusal(patched(zip, third + 46, [...zip.subarray(second + 46, second + 60)]))).toMatch(/twice/);
    expect(refusal(patched(zip, zip.length - 12, [99]))).toMatch(/directory/);
  });

  test('whose data or structure does not match its checksum', () => {
    const zip = fixture('zip');
    const source = new MemorySource('file', zip);
    const entries = readZipDirectory(source, new AllocationBudget('file', zip.length));
    const data = entries.get('archive/data/0')!;
    expect(crc32(source, data.start, data.size)).toBe(data.crc32);
    expect(refusal(patched(zip, data.start, [1]))).toMatch(/storage "0" does not match its checksum/);
    expect(refusal(patched(zip, entries.get('archive/data.pkl')!.start + 20, [1]))).toMatch(/structure does not match/);
  });
});
