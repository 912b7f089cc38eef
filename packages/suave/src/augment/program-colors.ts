/**
 * @file The color steps of a program on whole numbers from 0 to 255, float32 [N, H, 3, W], with Pillow's rounding: the counterpart of
 * `native/color.cc` and `native/blur.cc`. Every view goes through every step; one that did not draw it comes out unchanged, because its
 * numbers are neutral or a mask keeps it.
 */
import { addcmul, arange, full, onesLike, scope, type Tensor, where, zeros } from '@suave/torch';
import { BlurProgram } from './program-blur.js';
import { HueProgram } from './program-hue.js';
import type { ColorStep, ViewPlan } from './view-plan.js';
import { blendColumns, type StepColumns, type TableSections } from './view-table.js';

/** Shares of the channels in Pillow's mode L: (19595 R + 38470 G + 7471 B + 32768) >> 16. */
const lumaShares = [19595 / 65536, 38470 / 65536, 7471 / 65536] as const;

/** Runs the steps. `constants` are to be kept and disposed by whoever makes it. */
export class ColorProgram {
  readonly constants: readonly Tensor[];
  readonly #steps: readonly StepColumns[];
  readonly #half: Tensor;
  readonly #hue: HueProgram | null;
  readonly #blurs = new Map<ColorStep, BlurProgram>();
  readonly #numPixels: number;

  constructor({ height, width }: ViewPlan, steps: readonly StepColumns[], device: string) {
    this.#steps = steps;
    this.#numPixels = height * width;
    this.#half = full([], 0.5, { dtype: 'float32', device });
    this.#hue = steps.some(({ step }) => step.kind === 'hue') ? new HueProgram(device) : null;
    for (const { step } of steps) {
      if (step.kind === 'blur') this.#blurs.set(step, new BlurProgram(height, width, step.radius, device));
    }
    const blurs = [...this.#blurs.values()].flatMap(({ constants }) => [...constants]);
    this.constants = [this.#half, ...(this.#hue?.constants ?? []), ...blurs];
  }

  /** @returns  the colored views, a new tensor or the same one */
  run(views: Tensor, sections: TableSections): Tensor {
    let colored = views;
    for (const step of this.#steps) colored = scope(() => this.#runStep(colored, step, sections));
    return colored;
  }

  #runStep(views: Tensor, columns: StepColumns, { integers, floats, flags }: TableSections): Tensor {
    const { step } = columns;
    // A step has numbers in the sections that its kind needs: see `ViewTable`.
    const numbers = (offset: number, count = 1) => (floats as Tensor).narrow(1, columns.float + offset, count);
    const perView = (offset: number) => spread(numbers(offset));
    const active = () => spread((flags as Tensor).narrow(1, columns.flag, 1));
    switch (step.kind) {
      case 'blend':
        return this.#blend(views, step, perView);
      case 'hue':
        return (this.#hue as HueProgram).run(views, integers.narrow(1, columns.integer, 1).unsqueeze(2), active());
      case 'gray':
        return where(active(), this.#luma(views).unsqueeze(2), views);
      case 'blur':
        return (this.#blurs.get(step) as BlurProgram).run(views, numbers(0, step.radius + 2));
      case 'solarize':
        return where(views.lt(perView(0)), views, views.rsub(255));
      case 'equalize':
        return where(active(), equalize(views), views);
    }
  }

  /** Pillow's mode L, [N, H, W]; float32 holds the sum exactly. */
  #luma(views: Tensor): Tensor {
    const [red, green, blue] = lumaShares.map((alpha, channel) => [views.select(2, channel), { alpha }] as const);
    return this.#half
      .add(...red)
      .add_(...green)
      .add_(...blue)
      .floor_();
  }

  /** base + factor · (views − base), truncated and clipped; each step rounded to float32. */
  #blend(
    views: Tensor,
    { contrast, saturation }: ColorStep & { kind: 'blend' },
    perView: (offset: number) => Tensor,
  ): Tensor {
    const factor = perView(blendColumns.factor);
    const toBytes = (mixed: Tensor) => mixed.clamp_({ min: 0, max: 255 }).floor_();
    if (!contrast && !saturation) return toBytes(views.mul(factor));
    const luma = this.#luma(views);
    const isLuma = perView(blendColumns.saturation);
    const gray = luma.unsqueeze(2);
    const mean = contrast ? this.#mean(luma, perView(blendColumns.divisor)) : null;
    const base = mean === null ? gray.mul(isLuma) : saturation ? addcmul(mean, gray, isLuma) : mean;
    return toBytes(views.sub(base).mul_(factor).add_(base));
  }

  /** The mean luma to the nearest whole number, [N, 1, 1, 1]; 0 where the divisor is far larger. */
  #mean(luma: Tensor, divisor: Tensor): Tensor {
    // In float32 as long as it holds the sum of all pixels exactly.
    const dtype = 256 * this.#numPixels < 2 ** 24 ? 'float32' : 'float64';
    const sum = luma.unsqueeze(2).sum([1, 2, 3], { keepdim: true, dtype });
    // Whole numbers: ⌊sum / n + 1/2⌋ = ⌊(sum + ⌊n/2⌋) / n⌋.
    return sum
      .add_(Math.floor(this.#numPixels / 2))
      .div_(divisor, { roundingMode: 'floor' })
      .to('float32');
  }
}

/** One value per view [N, 1], broadcast over its pixels. */
function spread(values: Tensor): Tensor {
  return values.unsqueeze(2).unsqueeze(3);
}

/**
 * Pillow's equalize: a level of a channel goes to the share of the pixels below it, of 255 equal parts of all pixels but those
 * of the brightest level; a channel with too few pixels for one part each stays as it is. Only whole numbers are added up.
 */
function equalize(views: Tensor): Tensor {
  const [count, height, numChannels, width] = views.shape;
  const { device } = views;
  const levels_CP = views
    .permute([0, 2, 1, 3])
    .reshape([count * numChannels, height * width])
    .to('int64');
  const histogram = zeros([count * numChannels, 256], { dtype: 'int64', device }).scatterAdd_(
    1,
    levels_CP,
    onesLike(levels_CP),
  );
  const brightest = histogram.gather(1, levels_CP.amax({ dim: [1], keepdim: true }));
  const part = brightest
    .mul(-1)
    .add_(height * width)
    .div(255, { roundingMode: 'floor' });
  const isKept = part.eq(0);
  const below = histogram
    .cumsum(1)
    .sub_(histogram)
    .add_(part.div(2, { roundingMode: 'floor' }));
  const spreadLevels = below.div(part.clamp({ min: 1 }), { roundingMode: 'floor' }).clamp_({ max: 255 });
  const same = arange(256, { dtype: 'int64', device }).unsqueeze(0);
  return where(isKept, same, spreadLevels)
    .gather(1, levels_CP)
    .reshape([count, numChannels, height, width])
    .permute([0, 2, 1, 3])
    .to(views.dtype);
}
