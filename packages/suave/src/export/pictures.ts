/** @file The pictures that an exported model is compared on: a few held-out images at full size, else drawn ones. */
import type { ImageSet, RgbImage } from '../data/index.js';
import { SuaveError } from '../errors.js';
import { type HeldOutOptions, openHeldOut } from '../evaluation/held-out.js';
import type { CheckpointMetadata } from '../runs/index.js';

/** Pictures to compare outputs on. */
export interface Pictures {
  readonly images: readonly RgbImage[];
  readonly source: 'held-out' | 'drawn';
  /** Why no held-out images are taken, a sentence; null where they are. */
  readonly why: string | null;
}

const count = 8;

/**
 * Opens pictures.
 * @throws DataError where DATA was named and cannot be used
 */
export async function openPictures(metadata: CheckpointMetadata, options: HeldOutOptions): Promise<Pictures> {
  try {
    const heldOut = await openHeldOut(metadata, null, { ...options, limit: count, fullSize: true });
    try {
      return { images: await picturesOf(heldOut.images), source: 'held-out', why: null };
    } finally {
      heldOut.images.dispose();
    }
  } catch (error) {
    if (options.data !== null || !(error instanceof SuaveError) || error.exitCode !== 2) throw error;
    return { images: drawnPictures(metadata.input.crop), source: 'drawn', why: whyNoImages(error) };
  }
}

/** Why held-out images cannot be used, with what to do here. */
export function whyNoImages({ code, message }: SuaveError): string {
  return code === 'NO_SUCH_FOLDER' ? 'The images of the run are not at hand: name them with --data DATA.' : message;
}

/** All images of a small set. */
async function picturesOf(set: ImageSet): Promise<RgbImage[]> {
  const indices = Int32Array.from({ length: set.length }, (_, index) => index);
  const reader = set.read((batch) => (batch === 0 ? indices : null));
  try {
    await reader.prepare(0);
    const { pixels, offsets } = reader.window;
    return Array.from(indices, (index) => {
      const [height, width] = [set.heights[index], set.widths[index]];
      using bytes = pixels.narrow(0, offsets[index], height * width * 3);
      return { height, width, pixels: bytes.bytes() };
    });
  } finally {
    reader.close();
  }
}

/** Waves of color with noise, upright and wide, larger and smaller than the network takes them; the same every time. */
export function drawnPictures(side: number): RgbImage[] {
  let state = 1;
  const noise = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Array.from({ length: count }, (_, number) => {
    const height = Math.max(2, Math.round(side * (0.6 + 0.35 * number)));
    const width = Math.max(2, Math.round(side * (2.6 - 0.25 * number)));
    const pixels = Uint8Array.from({ length: height * width * 3 }, (__, i) => {
      const channel = i % 3;
      const x = Math.floor(i / 3) % width;
      const y = Math.floor(i / (3 * width));
      const wave = Math.sin((x * (number + 1)) / side + channel) + Math.cos((y * (number + 3)) / side - channel);
      return Math.max(0, Math.min(255, Math.round(128 + 50 * wave + 40 * noise())));
    });
    return { height, width, pixels };
  });
}
