/** @file Small pictures of images, and many of them in one PNG. */
import sharp from 'sharp';
import type { PixelWindow } from '../data/index.js';

/** RGB pixels, row by row. */
export interface Picture {
  readonly bytes: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** How pictures are laid out. */
export interface GridOptions {
  readonly columns: number;
  /** Side of a cell and width of the gaps, pixels. */
  readonly cell: number;
  readonly gap: number;
  /** `contain`: the whole picture; `cover`: the cell is filled. */
  readonly fit: 'contain' | 'cover';
  /** At most 256 colors. */
  readonly palette: boolean;
}

/** A copy of an image of a window. */
export function pictureOf({ pixels, offsets, heights, widths }: PixelWindow, index: number): Picture {
  const [height, width] = [heights[index], widths[index]];
  return { bytes: pixels.narrow(0, offsets[index], height * width * 3).data() as Uint8Array, height, width };
}

/** RGBA pixels [side, side] of a picture; an enlarged one keeps its pixels visible. */
export function fitToSquare({ bytes, height, width }: Picture, side: number, fit: GridOptions['fit']): Promise<Buffer> {
  const kernel = Math.max(height, width) < side ? 'nearest' : 'lanczos3';
  return sharp(bytes, { raw: { width, height, channels: 3 } })
    .ensureAlpha()
    .resize(side, side, { fit, kernel, background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .raw()
    .toBuffer();
}

/**
 * Pictures row by row on a transparent ground, as a PNG.
 * @param pictures  undefined leaves its cell empty
 */
export async function drawGrid(pictures: readonly (Picture | undefined)[], options: GridOptions): Promise<Buffer> {
  const { cell, fit } = options;
  const squares: (Uint8Array | undefined)[] = [];
  for (const picture of pictures) squares.push(picture && (await fitToSquare(picture, cell, fit)));
  return encodeGrid(squares, options);
}

/** The same of squares [cell, cell] of RGBA. */
export function encodeGrid(
  squares: readonly (Uint8Array | undefined)[],
  { columns, cell, gap, palette }: Omit<GridOptions, 'fit'>,
): Promise<Buffer> {
  const width = columns * (cell + gap) - gap;
  const height = Math.ceil(squares.length / columns) * (cell + gap) - gap;
  const grid = new Uint8Array(4 * width * height);
  for (const [i, square] of squares.entries()) {
    if (square === undefined) continue;
    const top = Math.floor(i / columns) * (cell + gap);
    const left = (i % columns) * (cell + gap);
    for (let y = 0; y < cell; y++) {
      grid.set(square.subarray(4 * y * cell, 4 * (y + 1) * cell), 4 * ((top + y) * width + left));
    }
  }
  return sharp(grid, { raw: { width, height, channels: 4 } })
    .png({ compressionLevel: 9, palette })
    .toBuffer();
}
