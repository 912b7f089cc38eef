/** @file Accuracies of a report, from scores. */
import { scope, type Tensor } from '@suave/torch';
import { wilson } from '../evaluation/intervals.js';
import { scoreOf } from '../evaluation/metrics.js';
import type { ReportScore } from './report-data.js';

/**
 * Accuracies with intervals and the loss, as `suave evaluate` has them.
 * @param scores_NK    float32 [N, K] on the CPU
 * @param temperature  of the probabilities
 */
export function reportScore(scores_NK: Tensor, labels: Int32Array, temperature: number): ReportScore {
  const { top1, top5, loss, images } = scope(() => scoreOf(scores_NK, labels, temperature));
  return { top1: wilson(Math.round(top1 * images), images), top5: wilson(Math.round(top5 * images), images), loss };
}
