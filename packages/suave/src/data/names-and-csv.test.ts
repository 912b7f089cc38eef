import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../../tests/fixtures/image-folders.js';
import { formatCsv, parseCsv } from './csv.js';
import { readLabelsFile } from './labels-file.js';
import { compareNatural, sortNaturally, uniqueNames } from './natural-order.js';

describe('natural order', () => {
  test('compares digits by value and keeps folders together', () => {
    const paths = ['b/10.png', 'b/9.png', 'a10', 'a2', 'a/1', 'B', 'a', 'b-1/0.png', 'b/009.png'];
    expect(sortNaturally(paths, (path) => path)).toEqual([
      'B',
      'a',
      'a/1',
      'a2',
      'a10',
      'b/009.png',
      'b/9.png',
      'b/10.png',
      'b-1/0.png',
    ]);
  });

  test('is a total order', () => {
    const name = fc.stringMatching(/^[ab01/]{0,6}$/);
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareNatural(a, b))).toBe(-Math.sign(compareNatural(b, a)) + 0);
        expect(compareNatural(a, b) === 0).toBe(a === b);
        if (compareNatural(a, b) <= 0 && compareNatural(b, c) <= 0) expect(compareNatural(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  test('names that are equal in NFC are one name, under the first spelling', () => {
    expect(uniqueNames(['é'.normalize('NFD'), 'b', 'é', '猫'])).toEqual(['b', 'é'.normalize('NFD'), '猫']);
  });
});

describe('csv', () => {
  test('reads back what it writes', () => {
    const field = fc.oneof(fc.string(), fc.constantFrom('a,b', 'say "hi"', ' blank ', 'two\nlines', '猫', 'x\r\ny'));
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field)), (rows) => {
        const kept = rows.filter((row) => row.some((each) => each !== ''));
        expect(parseCsv(formatCsv(rows), ',', 'f').map((record) => record.fields)).toEqual(kept);
      }),
    );
  });

  test('counts lines as an editor does', () => {
    const records = parseCsv('a,1\r\n\r\n"b\nc",2\n\n d , 3 \n', ',', 'f');
    expect(records).toEqual([
      { line: 1, fields: ['a', '1'] },
      { line: 3, fields: ['b\nc', '2'] },
      { line: 6, fields: ['d', '3'] },
    ]);
  });

  test('a quote that never ends is an error with its line', () => {
    expect(() => parseCsv('a,b\n"c,d', ',', 'labels.csv')).toThrow(/labels\.csv line 2: expected a closing quote/);
  });
});

describe('label file', () => {
  const folder = temporaryFolder();
  const read = (content: string | Uint8Array) => {
    const file = join(folder, 'labels.csv');
    writeFileSync(file, content);
    return readLabelsFile(file);
  };
  const rows = (content: string | Uint8Array) => read(content).rows.map(({ path, label }) => [path, label]);

  test.each([
    ['header', 'path,label\na.png,cat\nb.png,dog\n'],
    ['no header', 'a.png,cat\nb.png,dog\n'],
    ['byte-order mark, CRLF, empty lines', '\ufeffpath,label\r\n\r\na.png,cat\r\n\r\nb.png,dog'],
    ['quotes and blanks', '"a.png", cat\nb.png,"dog"\n'],
    ['other columns, other order', 'Label,id,Path\ncat,1,a.png\ndog,2,b.png\n'],
    ['semicolons', 'path;label\na.png;cat\nb.png;dog\n'],
  ])('accepts %s', (_, content) => {
    expect(read(content).kind).toBe('csv');
    expect(rows(content)).toEqual([
      ['a.png', 'cat'],
      ['b.png', 'dog'],
    ]);
  });

  test('accepts UTF-16 with a byte-order mark', () => {
    expect(rows(Buffer.from('\ufeffa.png,猫\n', 'utf16le'))).toEqual([['a.png', '猫']]);
  });

  test('accepts a list of file names, with a header or none', () => {
    expect(rows('\ufeffn01_1.JPEG\r\nn02_2.JPEG\r\n')).toEqual([
      ['n01_1.JPEG', null],
      ['n02_2.JPEG', null],
    ]);
    expect(read('path\na.png\n')).toMatchObject({ kind: 'list', rows: [{ line: 2, path: 'a.png', label: null }] });
  });

  test.each([
    ['path,class\na.png,cat\n', /line 1: expected the column "label", got the header "path,class"/],
    ['label\ncat\n', /line 1: expected the column "path"/],
    ['path,label\na.png,cat\nb.png\n', /line 3: expected the column "label", got only "b\.png"/],
    ['a.png,cat\nb.png\n', /line 2: expected the column "label"/],
  ])('names the missing column of %j', (content, message) => {
    expect(() => read(content)).toThrow(expect.objectContaining({ code: 'MISSING_COLUMN', exitCode: 2 }));
    expect(() => read(content)).toThrow(message);
  });

  test('an empty file, a missing file and a file in another encoding are errors', () => {
    expect(() => read('\n')).toThrow(expect.objectContaining({ code: 'EMPTY_LABELS' }));
    expect(() => read('path,label\n')).toThrow(expect.objectContaining({ code: 'EMPTY_LABELS' }));
    expect(() => readLabelsFile(join(folder, 'nothing.csv'))).toThrow(/nothing\.csv", which does not exist/);
    expect(() => read(Buffer.from([0x61, 0xe9, 0x2c, 0x62]))).toThrow(/expected UTF-8 text/);
  });
});
