import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CheckpointError } from './checkpoint-error.js';
import { parsePickle } from './pickle.js';
import { NumpyArray, NumpyScalar, type PickleDict, PickleTuple } from './pickle-values.js';

const fixtures = JSON.parse(readFileSync(new URL('fixtures/checkpoints.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;
const fixture = (name: string) => new Uint8Array(Buffer.from(fixtures[name]!, 'base64'));
const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

function refusal(bytes: Uint8Array): string {
  try {
    parsePickle(bytes, 'file');
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  }
  throw new Error('expected a CheckpointError, got none');
}

describe('plain data', () => {
  test.each([2, 3, 4])('of protocol %i', (protocol) => {
    const value = parsePickle(fixture(`protocol ${protocol}`)) as PickleDict;
    const numbers = [0, -1, 255, 65535, -(2 ** 31), 2 ** 40, 2n ** 70n, -(2n ** 70n), 1.5, Infinity];
    expect(value.get('numbers')).toEqual([...numbers, true, false, null]);
    expect(value.get('text')).toBe("naïve ☃ 'quoted'\n");
    expect([...(value.get('bytes') as Uint8Array)]).toEqual([0, 255, 10]);
    expect(value.get('no bytes')).toHaveLength(0);
    const { items } = value.get('tuples') as PickleTuple;
    expect(items.map((item) => (item as PickleTuple).items.length)).toEqual([0, 1, 2, 3, 4]);
    expect(value.get('set')).toEqual(new Set([3]));
    expect([...(value.get('ordered') as PickleDict)]).toEqual([
      ['b', 1],
      ['a', 2],
    ]);
    const array = value.get('array') as NumpyArray;
    expect([array.dtype, array.shape]).toEqual(['float32', [2, 3]]);
    expect([...new Float32Array(array.data.slice().buffer)]).toEqual([0, 1, 2, 3, 4, 5]);
    const columns = value.get('columns') as NumpyArray;
    expect([...new Int16Array(columns.data.slice().buffer)]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(value.get('scalar')).toEqual(new NumpyScalar('int64', -9));
  });

  test('of a CIFAR batch as Python 2 wrote it', () => {
    const batch = parsePickle(fixture('cifar')) as PickleDict;
    expect(batch.get('batch_label')).toBe('training batch 1 of 5');
    expect(batch.get('labels')).toEqual([6, 9]);
    const data = batch.get('data') as NumpyArray;
    expect(data).toBeInstanceOf(NumpyArray);
    expect([data.dtype, data.shape, [...data.data]]).toEqual(['uint8', [2, 3], [0, 1, 254, 255, 128, 127]]);
  });

  test('of protocol 0', () => {
    const value = parsePickle(fixture('text')) as PickleDict;
    expect(value.get('labels')).toEqual([6, 9, 12345678901234567890n, true]);
    expect(value.get('rate')).toBe(0.5);
    expect(value.get('naïve')).toEqual(new PickleTuple([1, 2]));
  });
});

describe('a pickle is refused', () => {
  test('that names a function, and nothing is called', () => {
    expect(refusal(fixture('hostile pickle'))).toMatch(/"posix\.getcwd".*nothing was run/);
  });

  const cases: [what: string, bytes: Uint8Array | string, message: RegExp][] = [
    ['that is empty', '', /expected 1 more bytes/],
    ['that is cut off', fixture('cifar').subarray(0, 100), /cut off|damaged/],
    ['with something behind it', 'N.N', /1 bytes behind it/],
    ['with an unknown opcode', '\x82\x01.', /opcode 0x82/],
    ['of a later protocol', '\x80\x06N.', /protocol 6/],
    ['without operands', 's.', /without its operand/],
    ['without a mark', 't.', /without its mark/],
    ['with values left over', 'NN.', /left over/],
    ['with a reference to nothing', 'h\x07.', /reference to nothing/],
    ['with a text longer than the file', 'X\xff\xff\xff\x0fa.', /expected 268435455 more bytes/],
    ['with a text of negative length', 'T\xff\xff\xff\xffa.', /length -1/],
    ['with a text that is no UTF-8', 'X\x01\x00\x00\x00\xff.', /no UTF-8/],
    ['with an endless number', `\x8b\x00\x20\x00\x00${'a'.repeat(8192)}.`, /integer of 8192 bytes/],
    ['with a line without end', `I${'1'.repeat(9000)}`, /found no end/],
    ['with a persistent id', 'NQ.', /persistent id/],
    ['that calls what is no class', 'N)R.', /call of None/],
    ['that builds a list', ']}b.', /a list gets a dictionary/],
    ['that appends to a number', 'K\x01K\x02a.', /appended to a number/],
    ['with a key without a value', '}(K\x01u.', /key without a value/],
    ['with an array of objects', 'cnumpy\ndtype\n(U\x02O8K\x00K\x01tR.', /numpy type "O8"/],
    ['with a class made of other things', 'ccollections\nOrderedDict\n(K\x01tR.', /OrderedDict is made from a number/],
  ];
  test.each(cases)('%s', (_what, bytes, message) => {
    const text = refusal(typeof bytes === 'string' ? ascii(bytes) : bytes);
    expect(text).toMatch(message);
    expect(text).toMatch(/^file: [^\n]+\.$/);
  });

  test.each([
    ['empty dictionaries', '}'],
    ['marks', '('],
    ['references', '\x94'],
  ])('that is made of %s to fill the memory', (_what, opcode) => {
    const text = refusal(ascii(`N${opcode.repeat(1_100_000)}.`));
    expect(text).toMatch(/more than 1000000 containers/);
  });

  test('that copies its own content again and again', () => {
    const once = `X\x00\x10\x00\x00${'a'.repeat(4096)}q\x00U\x06latin1q\x01c_codecs\nencode\nq\x02`;
    expect(refusal(ascii(`(${once}${'h\x02(h\x00h\x01tR'.repeat(40)}t.`))).toMatch(/more than 4 times its size/);
  });
});
