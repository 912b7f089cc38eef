/**
 * @file What all golden trajectories share: the batches of their steps, and checksums of every state entry after each step,
 * compared in float32 and float64.
 */
import { cat, type nn, type Tensor } from '@suave/torch';
import type { Batch, Progress } from '../../packages/suave/src/methods/index.js';
import type { GoldenCase } from './harness.js';
import { doubles, floatingEntries } from './model-cases.js';
import { imagesFromBytes, toTensor } from './tensors.js';
import { norm, project } from './waves.js';

export type Float = 'float32' | 'float64';

interface Draw {
  readonly lam_drawn: number;
  readonly use_cutmix: boolean;
  readonly bbox: [top: number, bottom: number, left: number, right: number] | null;
}

interface MixDraws {
  readonly unlabeled: Draw;
  readonly unlabeled_lam_used: number;
  readonly labeled: Draw;
}

/** Mixes a batch with another one in reversed order, by recorded draws (specification 6.6). */
function mixed(first: Tensor, second: Tensor, draw: Draw): Tensor {
  const flipped = second.flip([0]);
  if (!draw.use_cutmix) return first.mul(draw.lam_drawn).add(flipped.mul(1 - draw.lam_drawn));
  const [top, bottom, left, right] = draw.bbox!;
  const result = first.clone();
  const box = (images: Tensor) => images.narrow(2, top, bottom - top).narrow(3, left, right - left);
  box(result).copy_(box(flipped));
  return result;
}

/** The batch of a step: labeled images, two global and `locals` local views, mixed where draws are recorded. */
export function trajectoryBatch(
  golden: GoldenCase,
  step: number,
  dtype: Float,
  { classes, locals }: { readonly classes: number; readonly locals: number },
): Batch {
  const image = (name: string) => imagesFromBytes(golden.tensor(`s${step}/${name}`), dtype);
  const draws = ((golden.params.mixup_draws ?? null) as MixDraws[] | null)?.[step] ?? null;
  const views = [
    ...[1, 2].map((i) => image(`global${i}_u8`)),
    ...Array.from({ length: locals }, (_, i) => image(`local${i + 1}_u8`)),
  ];
  const mixUnlabeled = draws !== null && golden.params.mixup_unlab === true;
  if (mixUnlabeled) views.splice(2, 0, mixed(views[0], views[1], draws.unlabeled));
  const originals = image('labeled_u8');
  const mixLabeled = draws !== null && golden.params.mixup_lab === true;
  return {
    labeled: {
      images: mixLabeled ? cat([originals, mixed(originals, originals, draws.labeled)]) : originals,
      targets: golden.has(`s${step}/labeled_targets`)
        ? toTensor(golden.tensor(`s${step}/labeled_targets`), dtype)
        : toTensor(golden.tensor(`s${step}/labeled_y`))
            .oneHot({ numClasses: classes })
            .to(dtype),
      numOriginal: originals.shape[0],
    },
    unlabeled: {
      views,
      mixedPositions: mixUnlabeled ? [2] : [],
      mixedLambdas: mixUnlabeled ? [draws.unlabeled_lam_used] : [],
      hiddenLabels: toTensor(golden.tensor(`s${step}/unlabeled_y`)),
    },
  };
}

/** Where a step of a run of `totalSteps` in `epochs` stands. */
export function progressOf(step: number, totalSteps: number, epochs: number): Progress {
  const stepsPerEpoch = totalSteps / epochs;
  return { step, epoch: Math.floor(step / stepsPerEpoch), stepsPerEpoch, epochs, totalSteps };
}

/** Norm and projection of every floating-point entry of a network, one row per step. */
export class Checksums {
  readonly #norms: number[] = [];
  readonly #projections: number[] = [];
  #steps = 0;

  /**
   * @param name   of the golden tensors: `NAME_norm`, `NAME_proj`, `NAME_rtol`
   * @param order  the expected value that lists the entries
   */
  constructor(
    readonly golden: GoldenCase,
    readonly name: string,
    readonly order: string,
  ) {}

  /** Remembers the entries as they are. @param adjust  changes values before they are summed */
  record(
    network: nn.Module,
    adjust: (name: string, values: Float64Array) => Float64Array = (_, values) => values,
  ): void {
    const entries = floatingEntries(network);
    this.golden.checkValue(this.order, [...entries.keys()]);
    for (const [name, entry] of entries) {
      const values = adjust(name, doubles(entry));
      this.#norms.push(norm(values));
      this.#projections.push(project(`sum:${name}`, values));
    }
    this.#steps++;
  }

  /** Compares all steps; does nothing for a network that was never recorded. */
  check(dtype: Float): void {
    if (this.#steps === 0) return;
    const single = dtype === 'float32';
    const tolerance = single ? { allowed: this.#allowed() } : undefined;
    const suffix = single ? '' : '_f64';
    this.golden.check(`${this.name}_norm${suffix}`, this.#norms, tolerance);
    this.golden.check(`${this.name}_proj${suffix}`, this.#projections, tolerance);
  }

  /** R[step] · norm of the entry; R is the largest relative deviation of the step, biases before a batch norm excepted. */
  #allowed(): number[] {
    const names = this.golden.expectedValues[this.order] as string[];
    const rtol = this.golden.tensor(`${this.name}_rtol`).data as Float64Array;
    const norms = this.golden.tensor(`${this.name}_norm`).data as Float64Array;
    const noisy = names.map((name) => /^projection_head\..*\.0\.bias$/.test(name));
    const allowed: number[] = [];
    for (let row = 0; row < rtol.length; row += names.length) {
      const largest = Math.max(...names.map((_, i) => (noisy[i] ? 0 : rtol[row + i])));
      for (let i = 0; i < names.length; i++) allowed.push((noisy[i] ? rtol[row + i] : largest) * norms[row + i]);
    }
    return allowed;
  }
}

/** Compares the table of losses, one row per step, under its own tolerances. */
export function checkLosses(golden: GoldenCase, losses: readonly number[][], dtype: Float): void {
  const single = dtype === 'float32';
  const tolerance = single
    ? { allowed: golden.tensor('losses_atol').data as Float64Array }
    : golden.tolerance('losses_f64');
  golden.check(single ? 'losses' : 'losses_f64', losses.flat(), tolerance);
}
