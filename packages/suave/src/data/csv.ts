/** @file The little CSV that label files need: quoted fields, byte-order mark, CRLF, empty lines. */
import { readFileSync } from 'node:fs';
import { DataError } from '../errors.js';

/** One record and the line (from 1) on which it starts. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: string[];
}

/**
 * Reads a text file as UTF-8, or as UTF-16 where a byte-order mark says so; the mark is removed.
 * @throws DataError NO_SUCH_FILE, NOT_TEXT
 */
export function readText(path: string, where: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const got = code === 'ENOENT' ? 'which does not exist' : code === 'EISDIR' ? 'which is a folder' : `got ${code}`;
    throw new DataError(`${where}: expected a readable file, got "${path}", ${got}. Check the path.`, {
      code: 'NO_SUCH_FILE',
      file: path,
      cause,
    });
  }
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`${where}: expected UTF-8 text, got other bytes in "${path}". Save the file as UTF-8.`, {
      code: 'NOT_TEXT',
      file: path,
      cause,
    });
  }
}

/**
 * Splits CSV text into records (RFC 4180; LF, CRLF or CR ends a record). Empty lines give no record. Blanks around
 * an unquoted field are dropped; a quoted field is kept as it is.
 * @throws DataError OPEN_QUOTE when a quoted field never ends
 */
export function parseCsv(text: string, delimiter: string, file: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let position = 0;
  let line = 1;
  let fields: string[] = [];
  let recordLine = 1;

  const readQuoted = (): string => {
    const start = line;
    let value = '';
    position++;
    for (;;) {
      const quote = text.indexOf('"', position);
      if (quote < 0) {
        throw new DataError(`${file} line ${start}: expected a closing quote, got the end of the file. Add the ".`, {
          code: 'OPEN_QUOTE',
          file,
        });
      }
      const part = text.slice(position, quote);
      line += part.split('\n').length - 1;
      value += part;
      position = quote + 1;
      if (text[position] !== '"') return value;
      value += '"';
      position++;
    }
  };
  const isEnd = (char: string | undefined) => char === undefined || char === '\n' || char === '\r';
  const readPlain = (): string => {
    const start = position;
    while (!isEnd(text[position]) && text[position] !== delimiter) position++;
    return text.slice(start, position);
  };

  while (position < text.length) {
    while (text[position] === ' ') position++;
    if (text[position] === '"') fields.push(readQuoted() + readPlain().trimEnd());
    else fields.push(readPlain().trim());
    if (text[position] === delimiter) {
      position++;
      if (isEnd(text[position])) fields.push('');
      else continue;
    }
    if (fields.some((field) => field !== '')) records.push({ line: recordLine, fields });
    if (text[position] === '\r' && text[position + 1] === '\n') position++;
    position++;
    line++;
    recordLine = line;
    fields = [];
  }
  return records;
}

/** One field as CSV: quoted when it needs to be. */
export function csvField(value: string): string {
  return /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** Records as CSV text with LF line ends. */
export function formatCsv(records: readonly (readonly string[])[]): string {
  return records.map((fields) => `${fields.map(csvField).join(',')}\n`).join('');
}
