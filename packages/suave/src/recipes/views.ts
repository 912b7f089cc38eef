/** @file Published pipelines (augment/pipelines.ts) as views and evaluation settings of a configuration, so that no number is written twice. */
import type { Normalization } from '../augment/normalization.js';
import { defaultRatio, type EvalSpec, type ViewSpec } from '../augment/view-spec.js';
import { normalizationConfig } from './parts.js';
import type { Config, ViewConfig } from './schema.js';

const sameStatistics = (a: Normalization, b: Normalization): boolean =>
  [...a.mean, ...a.std].every((value, index) => value === [...b.mean, ...b.std][index]);

/**
 * A pipeline as a view of a configuration.
 * @param run      means and deviations of the run; the view has its own only where they differ
 * @param changes  what the recipe has otherwise: name, number of views
 */
export function viewOf(pipeline: ViewSpec, run: Normalization, changes: Partial<ViewConfig> = {}): ViewConfig {
  const { mean, std, ratio = defaultRatio, threeAugment = null, cropMode = 'resized', ...spec } = pipeline;
  const copied = structuredClone({ ...spec, ratio, threeAugment }) as Pick<
    ViewConfig,
    Exclude<keyof ViewConfig, 'count' | 'cropMode' | 'normalization'>
  >;
  const normalization = sameStatistics({ mean, std }, run) ? null : normalizationConfig({ mean, std });
  return { ...copied, count: 1, cropMode, normalization, ...changes };
}

/** How images are evaluated; a pipeline that leaves the size resizes to the crop, which changes nothing for images of that size. */
export function evaluationOf(pipeline: EvalSpec, batch: number): Config['evaluation'] {
  const { resize, crop, interpolation } = pipeline;
  return { resize: resize ?? crop, crop, interpolation, batch };
}
