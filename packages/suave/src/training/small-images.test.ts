import { describe, expect, test } from 'vitest';
import { exampleFacts, resolveRecipe } from '../recipes/index.js';
import { smallImagesWarning } from './small-images.js';

const { config } = resolveRecipe({ recipe: 'suave-cifar10', overrides: [] }, exampleFacts);
const images = (...sides: [number, number][]) => ({
  heights: Int32Array.from(sides, ([height]) => height),
  widths: Int32Array.from(sides, ([, width]) => width),
});

describe('smallImagesWarning', () => {
  test('is silent where no side is below the largest view', () => {
    expect(smallImagesWarning(config, images([32, 32], [32, 40]))).toBeNull();
  });

  test('counts the images and names the setting', () => {
    expect(smallImagesWarning(config, images([32, 20], [32, 32], [16, 60]))).toMatch(
      /^2 of 3 training images have a side below the 32 pixels.*\(the smallest 16, half of them up to 20\).*Set stages\.\w+\.views\.\w+(\.0)?\.size to at most 20/,
    );
  });

  test('names the cache where that made them small', () => {
    const reduced = { ...config, data: { ...config.data, cacheSide: 24 } };
    expect(smallImagesWarning(reduced, images([24, 24]))).toMatch(/Set data\.cacheSide to at least 32, it is 24/);
  });
});
