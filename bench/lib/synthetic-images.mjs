/** @file Random photos in memory, all of them labeled, as training data. */
import { fromTypedArray, keep } from '@suave/torch';
import { residentImages } from '../../packages/suave/dist/data/index.js';

/**
 * @param image       height and width of each
 * @param numImages   images, as many of each class
 * @param numClasses  classes
 */
export function syntheticData({ height, width }, numImages, numClasses) {
  const bytes = height * width * 3;
  const values = new Uint8Array(numImages * bytes);
  const words = new Uint32Array(values.buffer, 0, Math.floor(values.length / 4));
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  const places = Array.from({ length: numImages }, (_, i) => ({ path: `${i}`, offset: i * bytes, height, width }));
  const train = residentImages(keep(fromTypedArray(values, [values.length])), places);
  const labels = Int32Array.from({ length: numImages }, (_, i) => i % numClasses);
  return {
    root: '',
    classes: Array.from({ length: numClasses }, (_, k) => `${k}`),
    train,
    val: null,
    valSource: 'none',
    labels,
    labeledIndices: Int32Array.from({ length: numImages }, (_, i) => i),
    hiddenLabels: labels,
    valLabels: new Int32Array(0),
    splits: { labeled: [], unlabeled: [], val: [] },
    report: { skipped: [], notImages: [], notes: [], cache: { path: '', bytes: 0, numDecoded: 0, numReused: 0 } },
    dispose: () => train.dispose(),
  };
}
