/**
 * @file What the network saw: a picture of the views of the first step of a stage, one row for an image, one column for a view. Cut from
 * the same random numbers as the step itself, so that looking changes no bit of the training.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Tensor } from '@suave/torch';
import type { Normalization } from '../augment/index.js';
import { writeFileAtomic } from '../runs/index.js';
import type { StageBatches } from './batches.js';
import { drawGrid, type Picture, pictureOf } from './pictures.js';
import type { ViewBlock } from './seen-views.js';

/** What `<stage>.json` says of the picture beside it. */
export interface ViewSheetLayout {
  /** What each column shows, from the left. */
  columns: string[];
  rows: number;
  /** Side of a cell and width of the gaps between cells, pixels. */
  cell: number;
  gap: number;
}

/** A column of the sheet: at most one picture a row. */
interface Column {
  readonly name: string;
  readonly pictures: readonly Picture[];
}

const rows = 8;
const gap = 2;
/** Sides of a cell to try, until the file is small enough. */
const cells = [96, 64, 48, 32] as const;
const maxBytes = 300 * 1024;

/**
 * Writes `FOLDER/<stage>.png` and `.json`.
 * @param anew  also where they are there: they may be of another run, whose other files were removed
 * @throws DataError IMAGES_CHANGED where an image of the first step cannot be read any more; the errors of writing a file
 */
export async function writeViewSheet(
  folder: string,
  stage: string,
  batches: StageBatches,
  { anew }: { anew: boolean },
): Promise<void> {
  const path = join(folder, `${stage}.png`);
  if (!anew && existsSync(path)) return;
  const columns = await batches.lookAtFirst(rows, (blocks) => blocks.flatMap(columnsOf));
  const { png, cell } = await drawSheet(columns);
  const layout: ViewSheetLayout = { columns: columns.map(({ name }) => name), rows: rowsOf(columns), cell, gap };
  mkdirSync(folder, { recursive: true });
  writeFileAtomic(join(folder, `${stage}.json`), `${JSON.stringify(layout)}\n`);
  writeFileAtomic(path, png); // the picture last: with it the pair is whole
}

/** The images of a stream as they are, then each of their views. */
function columnsOf({ stream, indices, window, views }: ViewBlock, position: number): Column[] {
  const original: Column = {
    name: position === 0 ? 'original' : `${stream} original`,
    pictures: Array.from(indices, (index) => pictureOf(window, index)),
  };
  return [
    original,
    ...views.map(({ name, images, normalization }) => ({ name, pictures: picturesOf(images, normalization) })),
  ];
}

/** Normalized [n, 3, height, width] back to bytes. */
function picturesOf(images: Tensor, { mean, std }: Normalization): Picture[] {
  const [count, , height, width] = images.shape;
  const values = images.to('float32').cpu().contiguous().data() as Float32Array;
  const area = height * width;
  return Array.from({ length: count }, (_, i) => {
    const bytes = new Uint8ClampedArray(3 * area); // rounds and keeps to 0 … 255
    for (let channel = 0; channel < 3; channel++) {
      const start = (3 * i + channel) * area;
      for (let p = 0; p < area; p++) bytes[3 * p + channel] = 255 * (values[start + p] * std[channel] + mean[channel]);
    }
    return { bytes: new Uint8Array(bytes.buffer), height, width };
  });
}

const rowsOf = (columns: readonly Column[]): number => Math.max(...columns.map(({ pictures }) => pictures.length));

/** The largest sheet that is small enough as a file; the smallest one with 256 colors where none is. */
async function drawSheet(columns: readonly Column[]): Promise<{ png: Uint8Array; cell: number }> {
  const largest = Math.max(...columns.slice(1).flatMap(({ pictures }) => pictures.map(({ width }) => width)));
  const fitting = cells.filter((cell) => cell <= 3 * largest || cell === cells.at(-1));
  for (const cell of fitting) {
    const png = await sheetOf(columns, cell, false);
    if (png.length <= maxBytes) return { png, cell };
  }
  const cell = fitting.at(-1)!;
  return { png: await sheetOf(columns, cell, true), cell };
}

/** All cells in rows; a column without a picture in a row leaves its cell empty. */
function sheetOf(columns: readonly Column[], cell: number, palette: boolean): Promise<Uint8Array> {
  const pictures = Array.from({ length: rowsOf(columns) }, (_, row) => columns.map((column) => column.pictures[row]));
  return drawGrid(pictures.flat(), { columns: columns.length, cell, gap, fit: 'contain', palette });
}
