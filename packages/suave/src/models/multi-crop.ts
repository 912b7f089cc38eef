/**
 * @file The multi-resolution forward: one backbone call per run of equally wide inputs, and a layout that says
 * which rows of the result belong to which input.
 */
import { cat, scope, type Tensor } from '@suave/torch';

/** Half-open ranges of consecutive inputs with equal width. */
export function runsOfEqualWidth(widths: readonly number[]): [from: number, to: number][] {
  const runs: [number, number][] = [];
  for (let i = 0; i < widths.length; i++) {
    const run = runs.at(-1);
    if (run && widths[i] === widths[i - 1]) run[1] = i + 1;
    else runs.push([i, i + 1]);
  }
  return runs;
}

/**
 * Features of a list of image batches of several sizes, in list order (SwAV's multi-crop forward).
 * Consecutive inputs of equal width share one call, so they share their batch-norm statistics; a width that comes
 * back later makes a new call.
 * @param inputs   batches [N_i, C, H_i, W_i], at least one
 * @param forward  the backbone
 * @returns        a new tensor [Σ N_i, F]
 */
export function multiCropForward(inputs: readonly Tensor[], forward: (images: Tensor) => Tensor): Tensor {
  return scope(() => {
    const features = multiCropForwards(inputs, forward);
    return features.length === 1 ? features[0] : cat(features);
  });
}

/** What `forward` gives for each run of equally wide inputs, in list order. */
export function multiCropForwards<T>(inputs: readonly Tensor[], forward: (images: Tensor) => T): T[] {
  const runs = runsOfEqualWidth(inputs.map((input) => input.shape.at(-1)!));
  return runs.map(([from, to]) => forward(to - from === 1 ? inputs[from] : cat(inputs.slice(from, to))));
}

/** Which rows of a head's output belong to what: labeled rows first, then the rows of each view in list order. */
export interface RowLayout {
  /** L': labeled rows, mixed ones included. */
  readonly numLabeled: number;
  /** Rows of each of the V + M views, mixed ones included; B each in a training step. */
  readonly viewRows: readonly number[];
}

/** The layout of a forward's inputs: `numLabeled` rows of the first one (0 = it is a view), then the views. */
export function rowLayout(inputs: readonly Tensor[], numLabeled: number): RowLayout {
  const sizes = inputs.map((input) => input.shape[0]);
  return { numLabeled, viewRows: numLabeled > 0 ? sizes.slice(1) : sizes };
}
