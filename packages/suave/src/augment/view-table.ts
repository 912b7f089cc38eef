/**
 * @file The numbers that a program of views reads on the device: one row a view, in four sections that are each converted to their own
 * type. Everything that the host can work out per view is in them, so that the device has no decision to make.
 */
import type { Tensor } from '@suave/torch';
import { SuaveError } from '../errors.js';
import { boxOf } from './blur-box.js';
import type { PixelSource } from './pixel-source.js';
import {
  numViewColumns,
  type OperationKind,
  operationKinds,
  type ViewParameters,
  viewColumns,
} from './view-parameters.js';
import type { ColorStep, ViewPlan } from './view-plan.js';

/** Pairs of numbers (vertical, horizontal) in the section `geometry`. */
export const geometryPairs = {
  /** Position in the resized crop of the view's first pixel … */
  start: 0,
  /** … and the step from pixel to pixel: 1, or −1 where the view is flipped. */
  direction: 1,
  /** Side of the crop over the side that it is resized to. */
  scale: 2,
  /** 1 over the width of the filter, in pixels of the crop. */
  sharpness: 3,
  /** From a pixel's center back to the first one that the filter reaches, pixels of the crop. */
  reach: 4,
  /** Sides of the crop. */
  crop: 5,
  /** Sides of the resized crop. */
  resized: 6,
  /** Period of its reflections. */
  period: 7,
} as const;

/** Positions in the section `integers`; the shifts of the hue steps come after them. */
export const integerColumns = {
  /** First byte of the crop. */
  base: 0,
  /** Bytes from one row of the image to the next. */
  rowBytes: 1,
  /** Last row of the crop. */
  lastRow: 2,
  /** First byte of the last pixel in a row of the crop. */
  lastByte: 3,
} as const;

const numGeometry = 16;
const numPlaces = 4;

/** Divisor that makes every mean 0: of views without contrast. */
const noMean = 1e30;

/** Where a color step finds its numbers, within their sections. */
export interface StepColumns {
  readonly step: ColorStep;
  /** First number of the section `floats`. */
  readonly float: number;
  /** Position in the section `integers`: the shift of a hue step. */
  readonly integer: number;
  /** Position in the section `flags`: whether the view drew the step. */
  readonly flag: number;
}

/** The numbers of a batch on the device, each [N, columns]. */
export interface TableSections {
  /** float64 */
  readonly geometry: Tensor;
  /** int64 */
  readonly integers: Tensor;
  /** float32, or null without any */
  readonly floats: Tensor | null;
  /** bool, or null without any */
  readonly flags: Tensor | null;
}

/** Numbers in the section `floats` of a step. */
function numFloats(step: ColorStep): number {
  if (step.kind === 'blend') return 3;
  if (step.kind === 'blur') return step.radius + 2;
  return step.kind === 'solarize' ? 1 : 0;
}

/** Offsets of a blend's numbers: factor, whether the base is the luma, what the sum of the luma is divided by. */
export const blendColumns = { factor: 0, saturation: 1, divisor: 2 } as const;

/** Layout and making of the numbers. */
export class ViewTable {
  /** Numbers of a row. */
  readonly columns: number;
  readonly steps: readonly StepColumns[];
  readonly #plan: ViewPlan;
  /** First columns of the sections; the last entry is the end. */
  readonly #starts: readonly [integers: number, floats: number, flags: number];

  constructor(plan: ViewPlan) {
    this.#plan = plan;
    let [integer, float, flag] = [numPlaces, 0, 0];
    this.steps = plan.steps.map((step) => {
      const columns = { step, float, integer, flag };
      float += numFloats(step);
      if (step.kind === 'hue') integer++;
      if (step.kind === 'hue' || step.kind === 'gray' || step.kind === 'equalize') flag++;
      return columns;
    });
    this.#starts = [numGeometry, numGeometry + integer, numGeometry + integer + float];
    this.columns = numGeometry + integer + float + flag;
  }

  /** The sections of a table: float64 [N, columns]. */
  sections(table: Tensor): TableSections {
    const [integers, floats, flags] = this.#starts;
    return {
      geometry: table.narrow(1, 0, numGeometry),
      integers: table.narrow(1, integers, floats - integers).to('int64'),
      floats: flags > floats ? table.narrow(1, floats, flags - floats).to('float32') : null,
      flags: this.columns > flags ? table.narrow(1, flags, this.columns - flags).ne(0) : null,
    };
  }

  /**
   * Writes the rows of a batch.
   * @param into  [n, columns]
   * @throws SuaveError OUT_OF_RANGE when an index has no image, a crop lies outside its image, or a view needs what the plan has not
   */
  encode(source: PixelSource, indices: ArrayLike<number>, parameters: ViewParameters, into: Float64Array): void {
    const { rows, count, height, width, border } = parameters;
    const plan = this.#plan;
    if (height !== plan.height || width !== plan.width || border !== plan.border || indices.length !== count) {
      throw new SuaveError(
        'OUT_OF_RANGE',
        `view program: expected one index for each view of ${plan.height} x ${plan.width} pixels and border ${plan.border}, got ` +
          `${indices.length} indices and ${count} views of ${height} x ${width}, border ${border}. Give it what was drawn for it.`,
      );
    }
    into.fill(0);
    for (let row = 0; row < count; row++) {
      const view = rows.subarray(row * numViewColumns, (row + 1) * numViewColumns);
      const target = into.subarray(row * this.columns, (row + 1) * this.columns);
      this.#place(source, indices[row], view, row, target);
      this.#axis(view, 0, target);
      this.#axis(view, 1, target);
      this.#colors(view, row, target);
    }
  }

  #place(source: PixelSource, index: number, view: Float64Array, row: number, target: Float64Array): void {
    const [top, left, cropHeight, cropWidth] = view;
    const offset = source.offsets[index];
    const [imageHeight, imageWidth] = [source.heights[index], source.widths[index]];
    const numBytes = source.pixels.shape[0];
    if (!(offset >= 0 && offset + 3 * imageHeight * imageWidth <= numBytes)) {
      throw new SuaveError(
        'OUT_OF_RANGE',
        `views: expected an image below ${source.offsets.length} that lies inside the ${numBytes} pixel bytes, got image ${index} at ${offset}. Take it from this set.`,
      );
    }
    const fits = top >= 0 && left >= 0 && cropHeight >= 1 && cropWidth >= 1;
    if (!(fits && top + cropHeight <= imageHeight && left + cropWidth <= imageWidth)) {
      throw new SuaveError(
        'OUT_OF_RANGE',
        `views: expected the crop of row ${row} to lie inside the image of ${imageHeight} x ${imageWidth}, got top ${top}, left ${left}, ` +
          `height ${cropHeight}, width ${cropWidth}. Draw it for this image.`,
      );
    }
    if (cropHeight > this.#plan.cropHeight || cropWidth > this.#plan.cropWidth) {
      throw this.#misfit(row, `a crop of ${cropHeight} x ${cropWidth}`);
    }
    const [integers] = this.#starts;
    target[integers + integerColumns.base] = offset + 3 * (top * imageWidth + left);
    target[integers + integerColumns.rowBytes] = 3 * imageWidth;
    target[integers + integerColumns.lastRow] = cropHeight - 1;
    target[integers + integerColumns.lastByte] = 3 * (cropWidth - 1);
  }

  /** Axis 0 is vertical. */
  #axis(view: Float64Array, axis: 0 | 1, target: Float64Array): void {
    const { interpolation, width } = this.#plan;
    const crop = view[viewColumns.cropHeight + axis];
    const resized = view[viewColumns.resizedHeight + axis];
    const flipped = axis === 1 && view[viewColumns.flip] !== 0;
    const scale = crop / resized;
    const filterWidth = Math.max(scale, 1);
    const put = (pair: number, value: number) => {
      target[2 * pair + axis] = value;
    };
    put(geometryPairs.start, view[viewColumns.windowTop + axis] + (flipped ? width - 1 : 0));
    put(geometryPairs.direction, flipped ? -1 : 1);
    put(geometryPairs.scale, scale);
    put(geometryPairs.sharpness, 1 / filterWidth);
    put(geometryPairs.reach, filterWidth * (interpolation === 'bilinear' ? 1 : 2) - 0.5);
    put(geometryPairs.crop, crop);
    put(geometryPairs.resized, resized);
    put(geometryPairs.period, Math.max(1, 2 * (resized - 1)));
  }

  /** Gives each operation to the first step after the one before that can do it. */
  #colors(view: Float64Array, row: number, target: Float64Array): void {
    const [integers, floats, flags] = this.#starts;
    const count = view[viewColumns.numOperations];
    let next = 0;
    for (const { step, float, integer, flag } of this.steps) {
      const operation = next < count ? operationKinds[view[viewColumns.operations + 2 * next] - 1] : null;
      const value = operation === null ? 0 : view[viewColumns.operations + 2 * next + 1];
      const runs = operation !== null && canDo(step, operation, value);
      if (runs) next++;
      const numbers = target.subarray(floats + float, floats + float + numFloats(step));
      if (step.kind === 'blend') this.#blend(runs ? operation : null, value, numbers);
      else if (step.kind === 'blur') writeBox(runs ? value : 0, numbers);
      else if (step.kind === 'solarize') numbers[0] = runs ? value : 256;
      else target[flags + flag] = runs ? 1 : 0;
      if (step.kind === 'hue' && runs) target[integers + integer] = Math.trunc(value * 255) & 255;
    }
    if (next < count) {
      const operation = operationKinds[view[viewColumns.operations + 2 * next] - 1];
      throw this.#misfit(row, `operation ${next}, ${operation ?? 'unknown'}`);
    }
  }

  #blend(operation: OperationKind | null, value: number, numbers: Float64Array): void {
    numbers[blendColumns.factor] = operation === null ? 1 : value;
    numbers[blendColumns.saturation] = operation === 'saturation' ? 1 : 0;
    numbers[blendColumns.divisor] = operation === 'contrast' ? this.#plan.height * this.#plan.width : noMean;
  }

  #misfit(row: number, what: string): SuaveError {
    const { cropHeight, cropWidth, steps } = this.#plan;
    return new SuaveError(
      'OUT_OF_RANGE',
      `view program: expected crops up to ${cropHeight} x ${cropWidth} and operations out of (${steps.map(({ kind }) => kind).join(', ')}), ` +
        `got ${what} in row ${row}. Make the program for all images and kinds of views that it is given.`,
    );
  }
}

function canDo(step: ColorStep, operation: OperationKind, value: number): boolean {
  if (step.kind === 'blend') {
    if (operation === 'contrast') return step.contrast;
    if (operation === 'saturation') return step.saturation;
    return operation === 'brightness';
  }
  return step.kind === operation && (step.kind !== 'blur' || boxOf(value).radius <= step.radius);
}

/** Weights of the pixels at a distance of 0, 1, … from the center; those of sigma 0 change nothing. */
function writeBox(sigma: number, weights: Float64Array): void {
  const { radius, inner, outer } = boxOf(sigma);
  for (let distance = 0; distance < weights.length; distance++) {
    weights[distance] = distance <= radius ? inner : distance === radius + 1 ? outer : 0;
  }
}
