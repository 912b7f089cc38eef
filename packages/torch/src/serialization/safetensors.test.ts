import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import '../index.js';
import { tensor } from '../creation.js';
import type { DType } from '../dtype.js';
import { arange } from '../generated/operators.js';
import { liveTensors, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { fromTypedArray } from '../typed-arrays.js';
import { CheckpointError } from './checkpoint-error.js';
import { readSafetensors, readSafetensorsHeader, SafetensorsFile, writeAtomically, writeSafetensors } from './index.js';
import { formatHeader, parseHeader } from './safetensors-header.js';

const folder = mkdtempSync(join(tmpdir(), 'suave-safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const fresh = () => join(folder, `${files++}.safetensors`);

/** A file of a header as given and `dataBytes` zero bytes. */
function fileOf(header: string | Uint8Array, dataBytes = 0, length?: bigint): string {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  const path = fresh();
  writeFileSync(path, bytes);
  return path;
}

function refusal(path: string): CheckpointError {
  try {
    readSafetensors(path);
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
  throw new Error('expected a CheckpointError, got none');
}

describe('round trip', () => {
  const dtypes: DType[] = [
    'float32',
    'float64',
    'float16',
    'bfloat16',
    'int64',
    'int32',
    'int16',
    'int8',
    'uint8',
    'bool',
  ];

  test('of every dtype, of scalars, empty and transposed tensors, of odd names', () => {
    const path = fresh();
    const before = liveTensors().count;
    scope(() => {
      const tensors = new Map<string, Tensor>();
      for (const dtype of dtypes)
        tensors.set(
          `t.${dtype}`,
          tensor([
            [1, 0, 3],
            [0, 1, 1],
          ]).to(dtype),
        );
      tensors.set('scalar', tensor(7, { dtype: 'int64' }));
      tensors.set('empty', tensor([]).reshape([0, 3]));
      tensors.set(
        'transposed',
        tensor([
          [1, 2, 3],
          [4, 5, 6],
        ]).transpose(0, 1),
      );
      tensors.set('__proto__', tensor([1]));
      tensors.set('Ünïcode "quoted"\n', tensor([2]));
      writeSafetensors(path, tensors, { format: 'pt', note: 'ä' });
      const back = readSafetensors(path);
      expect([...back.tensors.keys()]).toEqual([...tensors.keys()]);
      expect({ ...back.metadata }).toEqual({ format: 'pt', note: 'ä' });
      for (const [name, source] of tensors) {
        const got = back.tensors.get(name)!;
        expect([got.dtype, got.shape]).toEqual([source.dtype, source.shape]);
        expect(got.toArray()).toEqual(source.toArray());
      }
    });
    expect(liveTensors().count).toBe(before);
  });

  test('of a tensor larger than the buffer', () => {
    const path = fresh();
    scope(() => {
      const large = arange(5_000_001, { dtype: 'float32' });
      writeSafetensors(path, new Map([['large', large]]));
      const got = readSafetensors(path).tensors.get('large')!;
      expect(got.eq(large).all().item()).toBe(1);
    });
  });

  test('the header is padded to 8 bytes and every tensor is aligned', () => {
    const path = fresh();
    writeSafetensors(
      path,
      new Map<string, Tensor>([
        ['odd', fromTypedArray(new Uint8Array(3), [3])],
        ['x', tensor([1, 2])],
      ]),
    );
    const header = readSafetensorsHeader(path);
    expect(header.dataStart % 8).toBe(0);
    expect(header.entries.get('x')).toEqual({ dtype: 'float32', shape: [2], start: 0, end: 8 });
    expect(header.entries.get('odd')).toEqual({ dtype: 'uint8', shape: [3], start: 8, end: 11 });
    expect([...header.entries.keys()]).toEqual(['odd', 'x']);
  });

  test('single tensors are read from an open file', () => {
    const path = fresh();
    writeSafetensors(
      path,
      new Map([
        ['a', tensor([1, 2])],
        ['b', tensor([3])],
      ]),
    );
    const file = new SafetensorsFile(path);
    expect(file.names).toEqual(['a', 'b']);
    expect(file.read('b').toArray()).toEqual([3]);
    expect(() => file.read('c')).toThrow(/expected a tensor "c"/);
    file.close();
    expect(() => file.read('a')).toThrow(/the file was closed/);
  });

  test('reads bool bytes other than 0 and 1 as true', () => {
    const path = fileOf('{"b":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}', 2);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = 255;
    writeFileSync(path, bytes);
    expect([...readSafetensors(path).tensors.get('b')!.data()]).toEqual([0, 1]);
  });
});

describe('writing is atomic', () => {
  test('a failure leaves the old file and no other', () => {
    const path = join(mkdtempSync(join(folder, 'atomic-')), 'file');
    writeAtomically(path, (write) => write(new Uint8Array([1])));
    expect(() =>
      writeAtomically(path, (write) => {
        write(new Uint8Array([2, 3]));
        throw new Error('disk full');
      }),
    ).toThrow('disk full');
    expect([...readFileSync(path)]).toEqual([1]);
    expect(readdirSync(join(path, '..'))).toEqual(['file']);
  });

  test('a reserved name and a missing folder are errors that create nothing', () => {
    const path = fresh();
    expect(() => writeSafetensors(path, new Map([['__metadata__', tensor([1])]]))).toThrow(CheckpointError);
    expect(existsSync(path)).toBe(false);
    expect(() => writeSafetensors(join(folder, 'none', 'x'), new Map())).toThrow(/ENOENT/);
  });
});

describe('refuses', () => {
  const entry = (offsets: string, shape = '[2]', dtype = 'F32') =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
  const cases: [string, string, number, RegExp][] = [
    ['no object', '[]', 0, /does not start with {/],
    ['no JSON', '{"a":', 0, /no JSON/],
    ['an overlap', `{"a":${entry('[0,8]')},"b":${entry('[4,12]')}}`, 12, /overlaps/],
    ['a hole', `{"a":${entry('[0,8]')},"b":${entry('[12,20]')}}`, 20, /hole/],
    ['data after the last tensor', `{"a":${entry('[0,8]')}}`, 9, /take 8 bytes, the file holds 9/],
    ['offsets outside', `{"a":${entry('[0,8]')}}`, 4, /bytes 0 to 8 of 4/],
    ['offsets in the wrong order', `{"a":${entry('[8,0]')}}`, 8, /bytes 8 to 0/],
    ['another size', `{"a":${entry('[0,8]', '[3]')}}`, 8, /needs 12 bytes/],
    ['negative sizes', `{"a":${entry('[0,8]', '[-1,-2]')}}`, 8, /no valid shape/],
    ['fractions', `{"a":${entry('[0,8]', '[2.5]')}}`, 8, /no valid shape/],
    [
      'sizes beyond 2^53',
      `{"a":${entry('[0,0]', '[0,9007199254740991,9007199254740991]')}}`,
      0,
      /larger than any file/,
    ],
    ['an unknown dtype', `{"a":${entry('[0,8]', '[2]', 'F4')}}`, 8, /dtype "F4", expected one of F64/],
    ['unknown fields', '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}}', 0, /unknown field "x"/],
    ['a tensor that is no object', '{"a":5}', 0, /described by no object/],
    ['metadata that is no text', '{"__metadata__":{"a":1}}', 0, /is no string/],
    ['missing offsets', '{"a":{"dtype":"F32","shape":[0]}}', 0, /no valid data_offsets/],
  ];
  test.each(cases)('%s', (_, header, dataBytes, message) => {
    expect(refusal(fileOf(header, dataBytes)).message).toMatch(message);
  });

  test('a header longer than the file or the limit, before allocating it', () => {
    expect(refusal(fileOf('{}', 0, 1000n)).message).toMatch(/1000 bytes, the file has 10/);
    expect(refusal(fileOf('{}', 0, 2n ** 63n)).message).toMatch(/more than 100000000/);
  });

  test('files that are none', () => {
    const path = fresh();
    expect(refusal(path).code).toBe('ERR_CHECKPOINT_FILE');
    expect(refusal(folder).code).toBe('ERR_CHECKPOINT_FILE');
    writeFileSync(path, 'PK');
    expect(refusal(path).message).toMatch(/only 2 bytes/);
    writeFileSync(path, new Uint8Array([0xff, 0xfe, 0, 0, 0, 0, 0, 0]));
    expect(refusal(path).code).toBe('ERR_CHECKPOINT_FORMAT');
  });

  test('a cut-off copy of a good file, at every length', () => {
    const path = fresh();
    writeSafetensors(
      path,
      new Map([
        ['a', tensor([1, 2])],
        ['b', tensor([3])],
      ]),
    );
    const bytes = readFileSync(path);
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(path, bytes.subarray(0, length));
      expect(refusal(path)).toBeInstanceOf(CheckpointError);
    }
  });

  test('keys that would change the prototype of objects', () => {
    const path = fileOf(
      '{"__proto__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"__metadata__":{"__proto__":"x"}}',
    );
    const { tensors, metadata } = readSafetensors(path);
    expect([...tensors.keys()]).toEqual(['__proto__']);
    expect(Object.entries(metadata)).toEqual([['__proto__', 'x']]);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });
});

describe('mutated headers', () => {
  const good = new TextEncoder().encode(
    '{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}',
  );
  const outcome = (json: Uint8Array, fileBytes: number): string => {
    try {
      for (const { start, end } of parseHeader('file', json, fileBytes).entries.values())
        if (start < 0 || end < start || end > fileBytes) return 'accepted outside the file';
      return 'accepted';
    } catch (error) {
      return error instanceof CheckpointError ? 'refused' : `crashed: ${String(error)}`;
    }
  };

  test('are accepted inside the file or refused, never anything else', () => {
    const change = fc.record({
      position: fc.nat(good.length - 1),
      kind: fc.constantFrom('set', 'insert', 'remove'),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...[...'0123456789{}[]",:-.eE'].map((c) => c.charCodeAt(0)))),
    });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: -8, max: 8 }),
        (changes, extra) => {
          const bytes = [...good];
          for (const { position, kind, byte } of changes) {
            if (kind === 'set') bytes[position % bytes.length] = byte;
            else if (kind === 'insert') bytes.splice(position, 0, byte);
            else bytes.splice(position, 1);
          }
          expect(outcome(Uint8Array.from(bytes), 8 + bytes.length + 11 + extra)).toMatch(/^(accepted|refused)$/);
        },
      ),
      { numRuns: 4000 },
    );
  });

  test('of arbitrary JSON are refused or accepted as well', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(64), (json, dataBytes) => {
        const bytes = new TextEncoder().encode(json);
        expect(outcome(bytes, 8 + bytes.length + dataBytes)).toMatch(/^(accepted|refused)$/);
      }),
      { numRuns: 1000 },
    );
  });

  test('of written files parse to what was written', () => {
    const shape = fc.array(fc.nat(5), { maxLength: 4 });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { maxLength: 6 }),
        fc.array(shape, { minLength: 6, maxLength: 6 }),
        (names, shapes) => {
          let position = 0;
          const entries = new Map(
            names
              .filter((name) => name !== '__metadata__')
              .map((name, i) => {
                const start = position;
                position += shapes[i]!.reduce((product, size) => product * size, 4);
                return [name, { dtype: 'float32' as const, shape: shapes[i]!, start, end: position }];
              }),
          );
          const bytes = formatHeader(entries, { k: 'v' });
          const back = parseHeader('file', bytes.subarray(8), bytes.length + position);
          expect(new Map([...back.entries].sort())).toEqual(new Map([...entries].sort()));
        },
      ),
    );
  });
});
