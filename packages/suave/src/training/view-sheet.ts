/**
 * @file What the network saw: a picture of the views of the first step of a stage, one row for an image, one column for a view. Cut from
 * the same random numbers as the step itself, so that looking changes no bit of the training.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Tensor } from '@suave/torch';
import sharp from 'sharp';
import type { Normalization } from '../augment/index.js';
import type { PixelWindow } from '../data/index.js';
import { writeFileAtomic } from '../runs/index.js';
import type { StageBatches, ViewBlock } from './batches.js';

/** What `<stage>.json` says of the picture beside it. */
export interface ViewSheetLayout {
  /** What each column shows, from the left. */
  columns: string[];
  rows: number;
  /** Side of a cell and width of the gaps between cells, pixels. */
  cell: number;
  gap: number;
}

/** RGB pixels, row by row. */
interface Picture {
  readonly bytes: Uint8Array;
  readonly height: number;
  readonly width: number;
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
 * Writes `FOLDER/<stage>.png` and `.json`, unless they are there.
 * @throws DataError IMAGES_CHANGED where an image of the first step cannot be read any more; the errors of writing a file
 */
export async function writeViewSheet(folder: string, stage: string, batches: StageBatches): Promise<void> {
  const path = join(folder, `${stage}.png`);
  if (existsSync(path)) return;
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
    pictures: Array.from(indices, (index) => originalOf(window, index)),
  };
  return [
    original,
    ...views.map(({ name, images, normalization }) => ({ name, pictures: picturesOf(images, normalization) })),
  ];
}

function originalOf({ pixels, offsets, heights, widths }: PixelWindow, index: number): Picture {
  const [height, width] = [heights[index], widths[index]];
  return { bytes: pixels.narrow(0, offsets[index], height * width * 3).data() as Uint8Array, height, width };
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
    const png = await encodeSheet(columns, cell, false);
    if (png.length <= maxBytes) return { png, cell };
  }
  const cell = fitting.at(-1)!;
  return { png: await encodeSheet(columns, cell, true), cell };
}

/** All cells on a transparent ground. */
async function encodeSheet(columns: readonly Column[], cell: number, palette: boolean): Promise<Uint8Array> {
  const width = columns.length * (cell + gap) - gap;
  const height = rowsOf(columns) * (cell + gap) - gap;
  const sheet = new Uint8Array(4 * width * height);
  for (const [column, { pictures }] of columns.entries()) {
    const fitted = await Promise.all(pictures.map((picture) => fitToCell(picture, cell)));
    for (const [row, pixels] of fitted.entries()) {
      for (let y = 0; y < cell; y++) {
        const start = (row * (cell + gap) + y) * width + column * (cell + gap);
        sheet.set(pixels.subarray(4 * y * cell, 4 * (y + 1) * cell), 4 * start);
      }
    }
  }
  return sharp(sheet, { raw: { width, height, channels: 4 } })
    .png({ compressionLevel: 9, palette })
    .toBuffer();
}

/** RGBA of a picture as large as the cell allows; enlarged ones keep their pixels visible. */
function fitToCell({ bytes, height, width }: Picture, cell: number): Promise<Uint8Array> {
  const enlarged = Math.max(height, width) < cell;
  return sharp(bytes, { raw: { width, height, channels: 3 } })
    .ensureAlpha()
    .resize(cell, cell, {
      fit: 'contain',
      background: { r: 0, g: 0, b: 0, alpha: 0 },
      kernel: enlarged ? 'nearest' : 'lanczos3',
    })
    .raw()
    .toBuffer();
}
