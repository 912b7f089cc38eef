/** @file Says when views are larger than the images that they are cut from: they are enlarged then, never refused. */
import type { ImageSet } from '../data/index.js';
import type { Config } from '../recipes/index.js';

/** A kind of view, and where its size is set. */
interface SizedView {
  readonly size: number;
  readonly path: string;
}

function largestView({ stages }: Pick<Config, 'stages'>): SizedView {
  const views = stages.flatMap((stage) =>
    Object.entries(stage.views).flatMap(([kind, given]) =>
      [given].flat().map(({ size }, i) => ({
        size,
        path: `stages.${stage.name}.views.${kind}${Array.isArray(given) ? `.${i}` : ''}.size`,
      })),
    ),
  );
  return views.reduce((largest, view) => (view.size > largest.size ? view : largest));
}

/**
 * A crop of an image with a side below the size of the view is enlarged, whatever its scale: blurred, and dear for what it shows.
 * @param images  training images as cached
 * @returns       a sentence for the user with the setting to change, or null where all images are large enough
 */
export function smallImagesWarning(
  config: Pick<Config, 'stages' | 'data'>,
  images: Pick<ImageSet, 'heights' | 'widths'>,
): string | null {
  const { size, path } = largestView(config);
  const sides = Int32Array.from(images.heights, (height, i) => Math.min(height, images.widths[i])).sort();
  const small = sides.findIndex((side) => side >= size);
  const count = small < 0 ? sides.length : small;
  if (count === 0) return null;
  const { cacheSide } = config.data;
  const median = sides[Math.floor(sides.length / 2)];
  const isCut = cacheSide !== 'none' && cacheSide < size;
  const advice = isCut
    ? `Set data.cacheSide to at least ${size}, it is ${cacheSide}.`
    : `Set ${path} to at most ${median >= size ? sides[0] : median}, or leave small images out.`;
  return `${count} of ${sides.length} training images have a side below the ${size} pixels of the largest view (the smallest ${sides[0]}, half of them up to ${median}): their views are enlarged. ${advice}`;
}
