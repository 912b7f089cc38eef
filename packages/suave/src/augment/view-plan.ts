/**
 * @file What a program of views must be able to do: the largest crop, the strongest reduction, and a list of color steps of which
 * each view runs those it drew. Made from kinds of views and the sizes of the images, or from parameters that were drawn.
 */
import { SuaveError } from '../errors.js';
import { boxOf } from './blur-box.js';
import { centralCrop, type ImageSizes, resizedSize } from './draw.js';
import { evalWindow } from './eval-window.js';
import {
  numViewColumns,
  type OperationKind,
  operationKinds,
  type ViewParameters,
  viewColumns,
} from './view-parameters.js';
import { defaultRatio, type EvalSpec, type Interpolation, simpleCropPadding, type ViewSpec } from './view-spec.js';

/** One step of the colors; a view that did not draw it passes unchanged. */
export type ColorStep =
  /** Brightness; contrast and saturation too where said. */
  | { readonly kind: 'blend'; readonly contrast: boolean; readonly saturation: boolean }
  | { readonly kind: 'hue' | 'gray' | 'solarize' | 'equalize' }
  /** `radius`: of the largest box, see `boxOf`. */
  | { readonly kind: 'blur'; readonly radius: number };

/** A program's shape: everything that does not depend on what is drawn. */
export interface ViewPlan {
  /** Size of every view, pixels. */
  readonly height: number;
  readonly width: number;
  readonly border: 'zero' | 'reflect';
  readonly interpolation: Interpolation;
  /** Largest crop, pixels. */
  readonly cropHeight: number;
  readonly cropWidth: number;
  /** Largest crop side over the side that it is resized to, on any axis; at least 1. */
  readonly reduction: number;
  /** Whether a view may reach over the resized crop. */
  readonly overhangs: boolean;
  /** In order. A view's operations are a subsequence of what the steps can do. */
  readonly steps: readonly ColorStep[];
}

type Geometry = Pick<ViewPlan, 'cropHeight' | 'cropWidth' | 'reduction' | 'overhangs'>;

/** The largest of several crops and reductions. */
class Bounds {
  cropHeight = 1;
  cropWidth = 1;
  reduction = 1;
  overhangs = false;

  add(height: number, width: number, resizedHeight: number, resizedWidth: number): void {
    this.cropHeight = Math.max(this.cropHeight, height);
    this.cropWidth = Math.max(this.cropWidth, width);
    this.reduction = Math.max(this.reduction, height / resizedHeight, width / resizedWidth);
  }
}

/** Calls `visit` once for each size of image in a set. */
function eachSize({ heights, widths }: ImageSizes, visit: (height: number, width: number) => void): void {
  const seen = new Set<number>();
  for (let image = 0; image < heights.length; image++) {
    const [height, width] = [heights[image], widths[image]];
    const size = height * 2 ** 24 + width;
    if (!(height > 0 && width > 0) || seen.has(size)) continue;
    seen.add(size);
    visit(height, width);
  }
}

/** The largest sides that `drawResizedCrop` may give. */
function addResizedCrops(bounds: Bounds, height: number, width: number, spec: ViewSpec): void {
  const { scale, ratio = defaultRatio, size } = spec;
  const side = (share: number, aspect: number) => Math.sqrt(height * width * share * aspect);
  // Half a pixel is rounding; the rest is for the last bits of logarithms and roots.
  const widest = Math.floor(side(scale[1], ratio[1]) + 0.501);
  const tallest = Math.floor(side(scale[1], 1 / ratio[0]) + 0.501);
  bounds.add(Math.min(height, Math.max(1, tallest)), Math.min(width, Math.max(1, widest)), size, size);
  const narrowest = side(scale[0], ratio[0]);
  const flattest = side(scale[0], 1 / ratio[1]);
  if (widest > width || tallest > height || narrowest < 0.501 || flattest < 0.501) {
    const crop = centralCrop(height, width, ratio); // all ten tries may fail
    bounds.add(crop.height, crop.width, size, size);
  }
}

function boundsOfSpec(bounds: Bounds, spec: ViewSpec, images: ImageSizes): void {
  const simple = spec.cropMode === 'simple';
  eachSize(images, (height, width) => {
    if (!simple) return addResizedCrops(bounds, height, width, spec);
    const resized = resizedSize(height, width, spec.size);
    bounds.add(height, width, resized.height, resized.width);
  });
  if (simple && simpleCropPadding > 0) bounds.overhangs = true;
}

/** What the colors of some kinds of views need together. */
function stepsOfSpecs(specs: readonly ViewSpec[]): ColorStep[] {
  const has = (wanted: (spec: ViewSpec) => boolean) => specs.some(wanted);
  const radiusOf = (sigmas: (readonly [number, number] | undefined)[]) =>
    Math.max(-1, ...sigmas.filter((range) => range !== undefined).map(([, high]) => boxOf(high).radius));
  const three = radiusOf(specs.map(({ threeAugment }) => threeAugment?.sigma));
  const blur = radiusOf(specs.map((spec) => (spec.blur && spec.blur.prob > 0 ? spec.blur.sigma : undefined)));
  const jitters = specs.flatMap(({ jitter }) => (jitter && jitter.prob > 0 ? [jitter] : []));
  const numBlends = Math.max(
    0,
    ...jitters.map((jitter) => [jitter.brightness, jitter.contrast, jitter.saturation].filter((s) => s > 0).length),
  );
  const blend: ColorStep = {
    kind: 'blend',
    contrast: jitters.some(({ contrast }) => contrast > 0),
    saturation: jitters.some(({ saturation }) => saturation > 0),
  };
  const blends = new Array<ColorStep>(numBlends).fill(blend);
  const when = (condition: boolean, ...steps: ColorStep[]) => (condition ? steps : []);
  return [
    ...when(three >= 0, { kind: 'gray' }, { kind: 'solarize' }, { kind: 'blur', radius: three }),
    ...blends,
    // Hue may come before, between or after the others, and costs as much as two of them.
    ...when(
      has(({ jitter }) => jitter !== null && jitter.prob > 0 && jitter.hue > 0),
      { kind: 'hue' },
      ...blends,
    ),
    ...when(
      has(({ grayProb }) => grayProb > 0),
      { kind: 'gray' },
    ),
    ...when(blur >= 0, { kind: 'blur', radius: blur }),
    ...when(
      has(({ solarize }) => (solarize?.prob ?? 0) > 0),
      { kind: 'solarize' },
    ),
    ...when(
      has(({ equalizeProb = 0 }) => equalizeProb > 0),
      { kind: 'equalize' },
    ),
  ];
}

/** What kinds of views have in common that one program can do: equal for them, different for others. */
export function programKey({ size, interpolation, cropMode = 'resized', mean, std }: ViewSpec): string {
  return [size, interpolation, cropMode, ...mean, ...std].join(' ');
}

/**
 * The plan of one kind of view, or of several that one program can do.
 * @param specs   with one `programKey`
 * @param images  sizes of all images that views may be cut from
 * @throws SuaveError OUT_OF_RANGE without specs, or when they differ in what a program shares
 */
export function planOfSpecs(specs: readonly ViewSpec[], images: ImageSizes): ViewPlan {
  const [first] = specs;
  if (first === undefined || specs.some((spec) => programKey(spec) !== programKey(first))) {
    throw new SuaveError(
      'OUT_OF_RANGE',
      'view program: expected kinds of views of one size, interpolation, crop mode and normalization, got ' +
        `${specs.map((spec) => `${spec.name} (${programKey(spec)})`).join(', ') || 'none'}. Make a program for each.`,
    );
  }
  const bounds = new Bounds();
  for (const spec of specs) boundsOfSpec(bounds, spec, images);
  const { size, interpolation, cropMode } = first;
  const border = cropMode === 'simple' ? 'reflect' : 'zero';
  return { height: size, width: size, border, interpolation, ...geometryOf(bounds), steps: stepsOfSpecs(specs) };
}

/** The plan of evaluation. @param images  sizes of all images that are evaluated */
export function planOfEvaluation(spec: EvalSpec, images: ImageSizes): ViewPlan {
  const bounds = new Bounds();
  eachSize(images, (height, width) => {
    const { resized, window } = evalWindow(height, width, spec);
    bounds.add(height, width, resized.height, resized.width);
    if (window.top < 0 || window.left < 0) bounds.overhangs = true;
  });
  const { crop, interpolation } = spec;
  return { height: crop, width: crop, border: 'zero', interpolation, ...geometryOf(bounds), steps: [] };
}

const stepKinds: Record<OperationKind, ColorStep['kind']> = {
  brightness: 'blend',
  contrast: 'blend',
  saturation: 'blend',
  hue: 'hue',
  gray: 'gray',
  blur: 'blur',
  solarize: 'solarize',
  equalize: 'equalize',
};

/** A plan that does exactly what was drawn: for a batch alone. */
export function planOfParameters(parameters: ViewParameters, interpolation: Interpolation): ViewPlan {
  const { rows, count, height, width, border } = parameters;
  const bounds = new Bounds();
  const slots: Map<ColorStep['kind'], ColorStep>[] = [];
  for (let start = 0; start < count * numViewColumns; start += numViewColumns) {
    const [cropHeight, cropWidth, resizedHeight, resizedWidth, top, left] = rows.subarray(
      start + viewColumns.cropHeight,
    );
    bounds.add(cropHeight, cropWidth, resizedHeight, resizedWidth);
    if (top < 0 || left < 0 || top + height > resizedHeight || left + width > resizedWidth) bounds.overhangs = true;
    for (let slot = 0; slot < rows[start + viewColumns.numOperations]; slot++) {
      const [number, value] = rows.subarray(start + viewColumns.operations + 2 * slot);
      slots[slot] ??= new Map();
      addOperation(slots[slot], operationKinds[number - 1], value);
    }
  }
  const steps = slots.flatMap((slot) => [...slot.values()]);
  return { height, width, border, interpolation, ...geometryOf(bounds), steps };
}

function addOperation(slot: Map<ColorStep['kind'], ColorStep>, operation: OperationKind, value: number): void {
  const kind = stepKinds[operation];
  const before = slot.get(kind);
  if (kind === 'blend') {
    const { contrast, saturation } = before?.kind === 'blend' ? before : { contrast: false, saturation: false };
    slot.set(kind, {
      kind,
      contrast: contrast || operation === 'contrast',
      saturation: saturation || operation === 'saturation',
    });
  } else if (kind === 'blur') {
    slot.set(kind, { kind, radius: Math.max(before?.kind === 'blur' ? before.radius : 0, boxOf(value).radius) });
  } else {
    slot.set(kind, { kind });
  }
}

function geometryOf({ cropHeight, cropWidth, reduction, overhangs }: Bounds): Geometry {
  return { cropHeight, cropWidth, reduction, overhangs };
}
