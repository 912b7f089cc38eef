/**
 * @file How far probabilities can be trusted. The temperature that is fitted on all held-out images would flatter itself there, so its
 * error is measured crosswise: each half of the images with the temperature that fits the other half.
 */
import { noGrad, scope, type Tensor, tensor } from '@suave/torch';
import { fitTemperature } from '../evaluation/metrics.js';
import { type Answers, answersOf, type ScoreTable } from './answers.js';
import type { Calibration, CoveragePoint, ReliabilityBin } from './report-data.js';

const numBins = 15;

/** Images by confidence, and the expected calibration error Σ (n_b / N) · |accuracy_b − confidence_b| (Guo et al. 2017). */
export function reliabilityOf(answers: Pick<Answers, 'confidence' | 'isRight'>): {
  bins: ReliabilityBin[];
  ece: number;
} {
  const { confidence, isRight } = answers;
  const sums = Array.from({ length: numBins }, () => ({ images: 0, confidence: 0, right: 0 }));
  for (let i = 0; i < confidence.length; i++) {
    const bin = sums[Math.min(numBins - 1, Math.max(0, Math.ceil(confidence[i] * numBins) - 1))];
    bin.images++;
    bin.confidence += confidence[i];
    bin.right += isRight[i];
  }
  const gaps = sums.reduce((sum, bin) => sum + Math.abs(bin.right - bin.confidence), 0);
  return {
    bins: sums.map(({ images, confidence: sum, right }, index) => ({
      low: index / numBins,
      high: (index + 1) / numBins,
      images,
      confidence: images === 0 ? null : sum / images,
      accuracy: images === 0 ? null : right / images,
    })),
    ece: gaps / confidence.length,
  };
}

/** Half (0 or 1) of every image: those of a class alternate, and classes begin in turn. */
export function halvesOf(labels: Int32Array): Uint8Array {
  const seen = new Map<number, number>();
  return Uint8Array.from(labels, (label) => {
    const count = seen.get(label) ?? 0;
    seen.set(label, count + 1);
    return (count + label) % 2;
  });
}

/**
 * Calibration on images that were not trained on.
 * @param scores_NK            the same scores as in `table`, float32 on the CPU
 * @param fittedTemperature    fitted on all of them, null where that is still to be done
 * @param trainingTemperature  that of the training loss
 * @returns null where a half of the images is empty
 */
export function calibrationOf(
  scores_NK: Tensor,
  table: ScoreTable,
  fittedTemperature: number | null,
  trainingTemperature: number,
): Calibration | null {
  const { labels } = table;
  const halves = halvesOf(labels);
  const members = [0, 1].map((half) => Int32Array.from(labels.keys()).filter((image) => halves[image] === half));
  if (members.some((images) => images.length === 0)) return null;
  const fitted = members.map((images) =>
    noGrad(() =>
      scope(() =>
        fitTemperature(
          scores_NK.indexSelect(0, tensor(images).to('int64')),
          Int32Array.from(images, (image) => labels[image]),
        ),
      ),
    ),
  );
  const temperature = fittedTemperature ?? fitTemperature(scores_NK, labels);
  const { bins, ece } = reliabilityOf(answersOf(table, (image) => fitted[1 - halves[image]]));
  const eceBefore = reliabilityOf(answersOf(table, () => trainingTemperature)).ece;
  return { temperature, ece, eceBefore, trainingTemperature, bins };
}

/** Calibration on images that no temperature was fitted on: nothing has to be measured crosswise. */
export function calibrationAt(table: ScoreTable, temperature: number, trainingTemperature: number): Calibration {
  const { bins, ece } = reliabilityOf(answersOf(table, () => temperature));
  const eceBefore = reliabilityOf(answersOf(table, () => trainingTemperature)).ece;
  return { temperature, ece, eceBefore, trainingTemperature, bins };
}

/** Share of images that are answered, and of right ones among them, for thresholds 0, 0.01, …, 1. */
export function coverageOf({ confidence, isRight }: Pick<Answers, 'confidence' | 'isRight'>): CoveragePoint[] {
  const numImages = confidence.length;
  const order = Array.from(confidence.keys()).sort((a, b) => confidence[a] - confidence[b]);
  let dropped = 0;
  let right = isRight.reduce((sum, hit) => sum + hit, 0);
  return Array.from({ length: 101 }, (_, percent) => {
    const threshold = percent / 100;
    while (dropped < numImages && confidence[order[dropped]] < threshold) right -= isRight[order[dropped++]];
    const answered = numImages - dropped;
    return { threshold, coverage: answered / numImages, accuracy: answered === 0 ? null : right / answered };
  });
}
