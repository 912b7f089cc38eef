/** @file Reads a label file: a CSV `path,label`, a list of file names, or a list of indices, one a line. */
import { DataError } from '../errors.js';
import { type CsvRecord, parseCsv, readText } from './csv.js';

/** One line of a label file. `label` is null in a list, and '' where a CSV leaves it empty. */
export interface LabelRow {
  readonly line: number;
  readonly path: string;
  readonly label: string | null;
}

/** A label file, read but not yet compared with the images. */
export interface LabelsFile {
  readonly file: string;
  /**
   * `csv` says the labels; `list` (file names, as ImageNet's published subsets) and `indices` (numbers of training
   * images from 0, as the published subsets of CIFAR-10) only which images are labeled, by the class folders they lie in.
   */
  readonly kind: 'csv' | 'list' | 'indices';
  readonly rows: LabelRow[];
}

const headerNames = ['path', 'label'];

function lower(record: CsvRecord | undefined): string[] {
  return record?.fields.map((field) => field.toLowerCase()) ?? [];
}

function hasHeader(record: CsvRecord | undefined): boolean {
  return lower(record).some((field) => headerNames.includes(field));
}

/** Comma, unless the first line is a header in another of the separators that spreadsheets write. */
function readRecords(text: string, file: string): CsvRecord[] {
  const firstLine = text.slice(0, text.search(/[\r\n]|$/));
  for (const delimiter of [';', '\t']) {
    if (!firstLine.includes(',') && firstLine.includes(delimiter)) {
      const records = parseCsv(text, delimiter, file);
      if (hasHeader(records[0])) return records;
    }
  }
  return parseCsv(text, ',', file);
}

function missingColumn(file: string, line: number, column: string, got: string): DataError {
  return new DataError(
    `${file} line ${line}: expected the column "${column}", got ${got}. A label file is a CSV with the columns path,label.`,
    { code: 'MISSING_COLUMN', file },
  );
}

function csvRows(file: string, records: CsvRecord[], pathColumn: number, labelColumn: number): LabelRow[] {
  return records.map(({ line, fields }) => {
    for (const [column, name] of [
      [pathColumn, 'path'],
      [labelColumn, 'label'],
    ] as const) {
      if (column >= fields.length) throw missingColumn(file, line, name, `only "${fields.join(',')}"`);
    }
    return { line, path: fields[pathColumn], label: fields[labelColumn] };
  });
}

/**
 * Reads a label file. Byte-order mark, CRLF, empty lines, a header or none, and further columns are accepted.
 * @throws DataError NO_SUCH_FILE, NOT_TEXT, OPEN_QUOTE, MISSING_COLUMN, EMPTY_LABELS
 */
export function readLabelsFile(file: string): LabelsFile {
  let records = readRecords(readText(file, '--labels'), file);
  if (hasHeader(records[0])) {
    const header = lower(records[0]);
    const isList = header.length === 1 && header[0] === 'path';
    const got = `the header "${records[0].fields.join(',')}"`;
    for (const name of headerNames) {
      if (!isList && !header.includes(name)) throw missingColumn(file, records[0].line, name, got);
    }
    records = records.slice(1);
    if (!isList) {
      const rows = csvRows(file, records, header.indexOf('path'), header.indexOf('label'));
      return checkNotEmpty({ file, kind: 'csv', rows });
    }
  }
  if (records.every((record) => record.fields.length === 1)) {
    const rows = records.map(({ line, fields }) => ({ line, path: fields[0], label: null }));
    const kind = rows.every((row) => /^\d+$/.test(row.path)) ? 'indices' : 'list';
    return checkNotEmpty({ file, kind, rows });
  }
  return checkNotEmpty({ file, kind: 'csv', rows: csvRows(file, records, 0, 1) });
}

function checkNotEmpty(labels: LabelsFile): LabelsFile {
  if (labels.rows.length > 0) return labels;
  throw new DataError(
    `--labels: expected at least one line path,label in "${labels.file}", got none. Add the images whose class you know.`,
    { code: 'EMPTY_LABELS', file: labels.file },
  );
}
