/** @file Writes a map as a file, in the form that its name asks for. */
import { resolve } from 'node:path';
import sharp from 'sharp';
import { CompleteFile } from '../data/complete-file.js';
import { checkNewFile } from '../out-file.js';
import type { MapFigure } from './map-figure.js';
import { mapHtml } from './map-html.js';
import { mapSvg } from './map-svg.js';

const extensions = ['.svg', '.png', '.html'] as const;

/** Pixels of a PNG for each pixel of the drawing. */
const pngScale = 2;

/**
 * Checks the name of a figure before any work.
 * @throws UsageError `OUT_FORMAT`, `OUT_EXISTS`, `OUT_NO_FOLDER`
 */
export const checkMapFile = (out: string): (typeof extensions)[number] => checkNewFile('umap', out, extensions);

/**
 * Draws and writes a figure; the file is complete or absent.
 * @param seed  of the order in which points are drawn
 * @throws as `checkMapFile`
 */
export async function writeMap(out: string, figure: MapFigure, seed: number): Promise<void> {
  const bytes = await encoded(figure, checkMapFile(out), seed);
  const file = new CompleteFile(resolve(out));
  try {
    file.append(bytes);
    file.commit();
  } catch (error) {
    file.discard();
    throw error;
  }
}

async function encoded(figure: MapFigure, extension: (typeof extensions)[number], seed: number): Promise<Uint8Array> {
  if (extension === '.html') return Buffer.from(mapHtml(figure, seed));
  const { svg } = mapSvg(figure, seed);
  if (extension === '.svg') return Buffer.from(svg);
  return sharp(Buffer.from(svg), { density: 72 * pngScale, unlimited: true })
    .png({ compressionLevel: 9 })
    .toBuffer();
}
