/** @file What a classifier answers for each measured image, and how sure it is. */

/** Scores of a classifier, row by row. */
export interface ScoreTable {
  /** [N, K] float32, rows one after the other. */
  readonly scores: Float32Array;
  /** K. */
  readonly numClasses: number;
  /** [N] class index. */
  readonly labels: Int32Array;
}

/** One entry for each measured image. */
export interface Answers {
  /** Class with the highest score; of equal ones the first. */
  readonly predicted: Int32Array;
  /** Probability of that class. */
  readonly confidence: Float64Array;
  /** Probability of the right class. */
  readonly ofTruth: Float64Array;
  /** 1 where they are the same. */
  readonly isRight: Uint8Array;
}

/**
 * Answers and probabilities from scores.
 * @param temperatureOf  probabilities of image i are `softmax(scores / temperatureOf(i))`
 */
export function answersOf(table: ScoreTable, temperatureOf: (image: number) => number): Answers {
  const { scores, numClasses, labels } = table;
  const numImages = labels.length;
  const predicted = new Int32Array(numImages);
  const confidence = new Float64Array(numImages);
  const ofTruth = new Float64Array(numImages);
  const isRight = new Uint8Array(numImages);
  for (let i = 0; i < numImages; i++) {
    const row = i * numClasses;
    let best = 0;
    for (let k = 1; k < numClasses; k++) if (scores[row + k] > scores[row + best]) best = k;
    const temperature = temperatureOf(i);
    let sum = 0;
    for (let k = 0; k < numClasses; k++) sum += Math.exp((scores[row + k] - scores[row + best]) / temperature);
    predicted[i] = best;
    confidence[i] = 1 / sum;
    ofTruth[i] = Math.exp((scores[row + labels[i]] - scores[row + best]) / temperature) / sum;
    isRight[i] = best === labels[i] ? 1 : 0;
  }
  return { predicted, confidence, ofTruth, isRight };
}
