/**
 * @file Draws the demo's image set: PNG files in train/<class>/ and val/<class>/. Every pixel is a function of the
 * seed, the split and the image's number; many images are rendered as one sheet, which is then cut.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { Draws } from '../augment/random.js';
import { DataError } from '../errors.js';
import { drawNuisance, imageSvg, type Nuisance, type ShapeName, shapeNames, shapes } from './shapes.js';

/** What an image set is made from; the same values give the same bytes. */
export interface ImageSetSpec {
  readonly seed: number;
  /** Side of the square images, pixels. */
  readonly size: number;
  readonly numTrain: number;
  readonly numVal: number;
}

/** The parts of the set; their numbers keep the two streams of draws apart. */
const splits = { train: 0, val: 1 } as const;
type Split = keyof typeof splits;

/** Changes whenever the same spec would give other images, so that no older set is taken for this one. */
const version = 1;
/** Says what the folder holds; written last, so that a folder with it is complete. */
const markerName = 'image-set.json';
const tilesPerRow = 20;
/** PNG files that are encoded at the same time. */
const parallelFiles = 8;

/** Image `index` of a split: classes take turns, the nuisance is drawn from a key without the class. */
export function describeImage(seed: number, split: Split, index: number): { name: ShapeName; nuisance: Nuisance } {
  const draws = new Draws(seed, 0, 'other').at(splits[split], index, 0, 0, 'imageDrawing');
  return { name: shapeNames[index % shapeNames.length], nuisance: drawNuisance(draws) };
}

interface Sheet {
  readonly pixels: Buffer;
  readonly width: number;
  readonly height: number;
}

/** Renders images first … first + count − 1 of a split side by side, row by row. */
async function renderSheet({ seed, size }: ImageSetSpec, split: Split, first: number, count: number): Promise<Sheet> {
  const width = tilesPerRow * size;
  const height = Math.ceil(count / tilesPerRow) * size;
  const tiles = Array.from({ length: count }, (_, tile) => {
    const { name, nuisance } = describeImage(seed, split, first + tile);
    const x = (tile % tilesPerRow) * size;
    const y = Math.floor(tile / tilesPerRow) * size;
    return `<svg x="${x}" y="${y}" width="${size}" height="${size}" viewBox="0 0 1 1">${imageSvg(shapes[name], nuisance, tile)}</svg>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${tiles.join('')}</svg>`;
  const pixels = await sharp(Buffer.from(svg), { unlimited: true }).removeAlpha().raw().toBuffer();
  return { pixels, width, height };
}

/** The square tile of a sheet, as RGB bytes. */
function cutTile({ pixels, width }: Sheet, tile: number, size: number): Buffer {
  const left = (tile % tilesPerRow) * size;
  const top = Math.floor(tile / tilesPerRow) * size;
  const cut = Buffer.alloc(3 * size * size);
  for (let row = 0; row < size; row++) {
    const start = 3 * ((top + row) * width + left);
    pixels.copy(cut, 3 * row * size, start, start + 3 * size);
  }
  return cut;
}

async function drawSplit(
  spec: ImageSetSpec,
  split: Split,
  count: number,
  folder: string,
  onDrawn: (images: number) => void,
): Promise<void> {
  const { size } = spec;
  for (const name of shapeNames) mkdirSync(join(folder, split, name), { recursive: true });
  const digits = String(Math.max(count - 1, 0)).length;
  const perSheet = tilesPerRow * tilesPerRow;
  for (let first = 0; first < count; first += perSheet) {
    const tiles = Math.min(perSheet, count - first);
    const sheet = await renderSheet(spec, split, first, tiles);
    for (let start = 0; start < tiles; start += parallelFiles) {
      const group = Array.from({ length: Math.min(parallelFiles, tiles - start) }, (_, i) => start + i);
      await Promise.all(
        group.map((tile) => {
          const index = first + tile;
          const file = `${String(index).padStart(digits, '0')}.png`;
          const path = join(folder, split, shapeNames[index % shapeNames.length], file);
          return sharp(cutTile(sheet, tile, size), { raw: { width: size, height: size, channels: 3 } })
            .png()
            .toFile(path);
        }),
      );
      onDrawn(group.length);
    }
  }
}

/** What `folder` says about itself, or null where it does not exist. */
function readMarker(folder: string): string | null {
  if (!existsSync(folder)) return null;
  const path = join(folder, markerName);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/**
 * Draws the image set into `folder`, or leaves it when it is there already. A set that was begun and not finished is
 * drawn again; a finished one appears under its name at once.
 * @param folder      must not exist, or hold this very set
 * @param onProgress  told the number of images drawn so far and the total
 * @returns           whether images were drawn
 * @throws DataError  `DEMO_IMAGES` when `folder` holds something else
 */
export async function drawImageSet(
  folder: string,
  spec: ImageSetSpec,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<boolean> {
  const { seed, size, numTrain, numVal } = spec;
  const marker = `${JSON.stringify({ version, seed, size, numTrain, numVal, classes: shapeNames }, null, 2)}\n`;
  const found = readMarker(folder);
  if (found === marker) return false;
  if (found !== null) {
    throw new DataError(
      `demo: expected ${folder} to hold the drawn images of this version, found something else. Use another --out, or remove it.`,
      { code: 'DEMO_IMAGES', file: folder },
    );
  }
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  let done = 0;
  const onDrawn = (images: number): void => {
    done += images;
    onProgress(done, numTrain + numVal);
  };
  await drawSplit(spec, 'train', numTrain, unfinished, onDrawn);
  await drawSplit(spec, 'val', numVal, unfinished, onDrawn);
  writeFileSync(join(unfinished, markerName), marker);
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(unfinished, folder);
  return true;
}

/**
 * A picture of the first images: a row of `perClass` images for each class, every pixel enlarged.
 * @returns PNG bytes
 */
export async function drawContactSheet(spec: ImageSetSpec, perClass: number, scale = 2): Promise<Buffer> {
  const { size } = spec;
  const count = perClass * shapeNames.length;
  const sheet = await renderSheet(spec, 'train', 0, count);
  const width = perClass * size;
  const height = shapeNames.length * size;
  const picture = Buffer.alloc(3 * width * height);
  for (let index = 0; index < count; index++) {
    const tile = cutTile(sheet, index, size);
    const left = Math.floor(index / shapeNames.length) * size;
    const top = (index % shapeNames.length) * size;
    for (let row = 0; row < size; row++) {
      tile.copy(picture, 3 * ((top + row) * width + left), 3 * row * size, 3 * (row + 1) * size);
    }
  }
  return sharp(picture, { raw: { width, height, channels: 3 } })
    .resize(width * scale, height * scale, { kernel: 'nearest' })
    .png()
    .toBuffer();
}
