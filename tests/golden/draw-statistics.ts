/** @file Statistics of our own draws, in the form in which group 07 records those of the reference. */
import {
  type Draws,
  drawKey,
  drawResizedCrop,
  pipelines,
  type ViewSpec,
} from '../../packages/suave/src/augment/index.js';

/** Parameters of a crop-statistics case. */
export interface CropStatisticsParams {
  readonly height: number;
  readonly width: number;
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly draws: number;
  readonly quantile_levels: readonly number[];
}

/** [mean, standard deviation, quantiles…]; quantiles by linear interpolation. */
function describeNumbers(values: number[], levels: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  const mean = sorted.reduce((sum, x) => sum + x, 0) / sorted.length;
  const variance = sorted.reduce((sum, x) => sum + (x - mean) ** 2, 0) / sorted.length;
  const quantiles = levels.map((level) => {
    const position = level * (sorted.length - 1);
    const below = Math.floor(position);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  });
  return [mean, Math.sqrt(variance), ...quantiles];
}

/** Distribution of the random crops of one image size. */
export function describeDraws(params: CropStatisticsParams): {
  entries: Record<string, number[]>;
  fractionFull: number;
} {
  const { height, width, scale, ratio, quantile_levels: levels } = params;
  const draws: Draws = drawKey(20_260, 0, 'other', 0, height * 1000 + width, 0, 0, 'crop');
  const boxes = Array.from({ length: params.draws }, () => drawResizedCrop(draws, height, width, scale, ratio));
  const loose = {
    top: boxes.filter((box) => box.height < height).map((box) => box.top / (height - box.height)),
    left: boxes.filter((box) => box.width < width).map((box) => box.left / (width - box.width)),
  };
  const full = boxes.filter((box) => box.height === height || box.width === width).length;
  return {
    entries: {
      area_fraction: describeNumbers(
        boxes.map((box) => (box.height * box.width) / (height * width)),
        levels,
      ),
      aspect_w_over_h: describeNumbers(
        boxes.map((box) => box.width / box.height),
        levels,
      ),
      height: describeNumbers(
        boxes.map((box) => box.height),
        levels,
      ),
      width: describeNumbers(
        boxes.map((box) => box.width),
        levels,
      ),
      top_fraction: describeNumbers(loose.top, levels),
      left_fraction: describeNumbers(loose.left, levels),
    },
    fractionFull: full / boxes.length,
  };
}

/** Ranges and probabilities by pipeline and name. */
export type RangeTable = Record<string, Record<string, unknown>>;

function rangesOf({ jitter, blur, grayProb, flipProb }: ViewSpec): Record<string, unknown> {
  const around = (strength: number) => [Math.max(0, 1 - strength), 1 + strength];
  return {
    ...(jitter && {
      brightness: around(jitter.brightness),
      contrast: around(jitter.contrast),
      saturation: around(jitter.saturation),
      hue: [-jitter.hue, jitter.hue],
      p_apply: jitter.prob,
    }),
    ...(blur && { p_blur: blur.prob, blur_radius: [...blur.sigma] }),
    p_gray: grayProb,
    p_flip: flipProb,
  };
}

/** The ranges of the published pipelines as ours have them. That draws follow them is tested in `draw.test.ts`. */
export function jitterRanges(): RangeTable {
  const labeled = ({ jitter, grayProb, scale }: ViewSpec) => ({
    jitter: jitter?.brightness,
    hue: jitter?.hue,
    p_apply: jitter?.prob,
    p_gray: grayProb,
    crop_scale: [...scale],
  });
  const { dainoGlobal0, dainoGlobal1, dainoLocal } = pipelines;
  return {
    swav: rangesOf(pipelines.imagenetGlobal),
    daino: {
      ...rangesOf(dainoGlobal0),
      p_blur: { global1: dainoGlobal0.blur?.prob, global2: dainoGlobal1.blur?.prob, local: dainoLocal.blur?.prob },
      p_solarize_global2: dainoGlobal1.solarize?.prob,
    },
    labeled: labeled(pipelines.imagenetLabeled),
    labeled_light: labeled(pipelines.finetuneLabeled),
  };
}
