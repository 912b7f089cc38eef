/** @file Golden group 10: files of `torch.save` in both formats, every tensor by its bytes, the structure around them, and files to refuse. */
import { readFileSync } from 'node:fs';
import {
  type CheckpointTensor,
  NumpyArray,
  NumpyScalar,
  PickleNamespace,
  PickleTuple,
  type PickleValue,
  readPyTorchCheckpoint,
  scope,
} from '@suave/torch';
import { expect } from 'vitest';
import { type GoldenCase, goldenGroup, goldenPath } from './harness.js';

/** What the expectations say of one tensor. */
interface ExpectedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256_contiguous_le: string;
  readonly stride?: readonly number[];
  readonly storage_offset?: number;
  readonly is_parameter?: boolean;
  readonly sum?: number | string;
  readonly first?: readonly (number | string)[];
}

/** What the expectations say of one file. */
interface ExpectedFile {
  readonly negative?: boolean;
  readonly format?: string;
  readonly tensors?: Readonly<Record<string, ExpectedTensor>>;
  readonly structure?: unknown;
}

const expectations = new Map<string, Record<string, ExpectedFile>>();

function expectedOf(golden: GoldenCase): ExpectedFile {
  const { json_file: json = '10_checkpoints_expected.json', binary_file: binary = '' } = golden.entry;
  let files = expectations.get(json);
  if (!files) {
    files = JSON.parse(readFileSync(goldenPath(json), 'utf8')) as Record<string, ExpectedFile>;
    expectations.set(json, files);
  }
  const found = files[binary.slice(binary.lastIndexOf('/') + 1)];
  if (!found) throw new Error(`${golden.id}: no expectation for ${binary} in ${json}.`);
  return found;
}

const fileOf = (golden: GoldenCase): string => goldenPath(golden.entry.binary_file!);

function floatText(value: number): unknown {
  if (Number.isFinite(value)) return value;
  return { __float__: Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf' };
}

function arrayValues({ dtype, shape, data }: NumpyArray): unknown {
  const buffer = data.slice().buffer;
  const flat: Record<string, () => Iterable<number | bigint>> = {
    float64: () => new Float64Array(buffer),
    float32: () => new Float32Array(buffer),
    int64: () => new BigInt64Array(buffer),
    int32: () => new Int32Array(buffer),
    int16: () => new Int16Array(buffer),
    int8: () => new Int8Array(buffer),
    uint8: () => new Uint8Array(buffer),
    bool: () => new Uint8Array(buffer),
  };
  const values = Array.from(flat[dtype]!(), (value) => (dtype === 'bool' ? value !== 0 : Number(value)));
  const nest = (axis: number, start: number, count: number): unknown => {
    if (axis === shape.length) return values[start];
    const step = count / shape[axis]!;
    return Array.from({ length: shape[axis]! }, (_, i) => nest(axis + 1, start + i * step, step));
  };
  return nest(0, 0, values.length);
}

function dictOf(entries: Iterable<readonly [PickleValue, PickleValue]>): Record<string, unknown> {
  return Object.fromEntries([...entries].map(([key, value]) => [String(key), encode(value)]));
}

/** The structure in the notation of the golden README. */
function encode(value: PickleValue): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return floatText(value);
  if (typeof value === 'bigint') return { __bigint__: String(value) };
  if (value instanceof Uint8Array) return { __bytes__: [...value] };
  if (Array.isArray(value)) return value.map(encode);
  if (value instanceof Map) return dictOf(value);
  if (value instanceof Set) return { __set__: [...value].map(encode) };
  if (value instanceof PickleTuple) return { __tuple__: value.items.map(encode) };
  if (value instanceof PickleNamespace) return { __Namespace__: dictOf(value.attributes) };
  if (value instanceof NumpyScalar) return { __numpy_scalar__: encode(value.value), dtype: value.dtype };
  if (value instanceof NumpyArray) return { __ndarray__: arrayValues(value), dtype: value.dtype };
  return value.kind === 'a tensor' ? '<tensor>' : value.kind;
}

function rowMajorStride(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}

/** Strides of axes with one element, and of empty tensors, say nothing. */
function strideThatMatters(shape: readonly number[], stride: readonly number[]): number[] {
  const isEmpty = shape.includes(0);
  return stride.map((step, axis) => (isEmpty || shape[axis] === 1 ? 0 : step));
}

/** Non-finite values are written as text. */
function numberOf(value: number | string): number {
  return typeof value === 'number' ? value : Number(value.replace('inf', 'Infinity'));
}

function checkTensor(tensor: CheckpointTensor, expected: ExpectedTensor): void {
  const { dtype, shape } = expected;
  expect({ dtype: tensor.dtype, shape: [...tensor.shape] }).toEqual({ dtype, shape });
  expect(tensor.storageOffset).toBe(expected.storage_offset ?? 0);
  expect(strideThatMatters(shape, tensor.stride)).toEqual(
    strideThatMatters(shape, expected.stride ?? rowMajorStride(shape)),
  );
  expect(tensor.isParameter).toBe(expected.is_parameter ?? false);
  expect(tensor.sha256()).toBe(expected.sha256_contiguous_le);
  scope(() => {
    const read = tensor.read();
    expect({ dtype: read.dtype, shape: read.shape }).toEqual({ dtype, shape });
    const first = Array.from(read.data().subarray(0, expected.first?.length ?? 0) as ArrayLike<number>, Number);
    expect(first).toEqual(expected.first?.map(numberOf) ?? []);
  });
}

function accept(golden: GoldenCase): void {
  const expected = expectedOf(golden);
  using checkpoint = readPyTorchCheckpoint(fileOf(golden));
  if (expected.format !== undefined) expect(expected.format.startsWith(checkpoint.format)).toBe(true);
  const tensors = expected.tensors ?? {};
  expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
  for (const [path, entry] of Object.entries(tensors)) checkTensor(checkpoint.tensors.get(path)!, entry);
  const { structure } = expected;
  if (typeof structure === 'string' && structure.startsWith('flat')) {
    expect([...checkpoint.tensors.keys()]).toEqual(Object.keys(tensors));
    expect(checkpoint.skipped).toEqual([]);
  } else if (structure !== undefined) {
    expect(encode(checkpoint.structure)).toEqual(structure);
  }
}

function refuse(golden: GoldenCase): void {
  let thrown: unknown = null;
  try {
    readPyTorchCheckpoint(fileOf(golden)).close();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ name: 'CheckpointError', code: expect.stringMatching(/^ERR_CHECKPOINT_/) });
  expect((thrown as Error).message).toMatch(/^[^\n]+\.$/);
}

goldenGroup('10', [
  { when: (golden) => expectedOf(golden).negative === true, hostOnly: true, run: refuse },
  { when: (golden) => expectedOf(golden).tensors !== undefined, hostOnly: true, run: accept },
]);
