/**
 * @file Views on a device as a fixed sequence of operators: whatever was drawn, the same kernels run on tensors of the same shapes, and
 * nothing is uploaded or read back, so that the whole may be captured as a CUDA graph. The drawn numbers come in as one table.
 *
 * No operator used here waits for the device, and each gives the same bits every time: sums are of whole numbers that their type holds
 * exactly, and scatters write different places (`scatter_`) or add whole numbers (`scatterAdd_`, for equalizing).
 */
import { empty, fromTypedArray, gatherOut, keep, noGrad, scope, type Tensor, withoutAutocast } from '@suave/torch';
import { SuaveError } from '../errors.js';
import type { ImageSizes } from './draw.js';
import type { PerChannel } from './normalization.js';
import type { PixelSource } from './pixel-source.js';
import { ColorProgram } from './program-colors.js';
import { ResizeProgram } from './program-resize.js';
import type { ViewParameters } from './view-parameters.js';
import { planOfEvaluation, planOfSpecs, type ViewPlan } from './view-plan.js';
import type { EvalSpec, ViewSpec } from './view-spec.js';
import { ViewTable } from './view-table.js';

/** How a program gives its views. */
export interface ViewProgramOptions {
  readonly device: string;
  /** float32 unless said; uint8 leaves the bytes as they are, without normalization. */
  readonly dtype?: 'float32' | 'float64' | 'float16' | 'bfloat16' | 'uint8';
  /** How the result lies in memory: `contiguous` (NCHW) unless said; its shape is [N, 3, H, W] either way. */
  readonly memoryFormat?: 'contiguous' | 'channelsLast';
  /** Pixels that are worked on at once, of the views or of their crops; 2^22 unless said, some 8 intermediate tensors of 50 MB. */
  readonly pixelsPerChunk?: number;
}

/**
 * Cuts, colors and normalizes views by a fixed sequence of operators; the bytes are those of the native operator on the CPU.
 * @example
 * const program = ViewProgram.ofSpecs([spec], set, { device: 'cuda' });
 * const table = keep(zeros([n, program.columns], { dtype: 'float64', device: 'cuda' })); // uploaded into at every step
 * const numbers = program.encode(set, indices, drawViews(spec, set, indices, key));
 * const views = program.apply(set.pixels, table);
 */
export class ViewProgram {
  /** Size of the views, pixels. */
  readonly height: number;
  readonly width: number;
  readonly #table: ViewTable;
  readonly #resize: ResizeProgram;
  readonly #colors: ColorProgram;
  /** [1, 3, 256] of the result's dtype: the normalized value of each byte; null for bytes. */
  readonly #values: Tensor | null;
  readonly #channelsLast: boolean;
  readonly #rowsPerChunk: number;

  /**
   * @param plan    what the views need; see `planOfSpecs`
   * @param format  normalization of values in [0, 1]
   */
  constructor(
    plan: ViewPlan,
    format: { readonly mean: PerChannel; readonly std: PerChannel },
    { device, dtype = 'float32', memoryFormat = 'contiguous', pixelsPerChunk = 2 ** 22 }: ViewProgramOptions,
  ) {
    this.height = plan.height;
    this.width = plan.width;
    this.#table = new ViewTable(plan);
    this.#channelsLast = memoryFormat === 'channelsLast';
    [this.#resize, this.#colors, this.#values] = scope(() => {
      const resize = new ResizeProgram(plan, device);
      const colors = new ColorProgram(plan, this.#table.steps, device);
      const values = dtype === 'uint8' ? null : keep(normalizedValues(format, dtype).to({ device }));
      for (const constant of [...resize.constants, ...colors.constants]) keep(constant);
      return [resize, colors, values] as const;
    });
    const pixels = Math.max(plan.height * plan.width, this.#resize.rows * this.#resize.columns);
    this.#rowsPerChunk = Math.max(1, Math.floor(pixelsPerChunk / pixels));
  }

  /**
   * A program for one kind of view, or for several with one `programKey`: their rows may then be mixed in one table, which takes fewer
   * kernels than one program for each, and more work where the kinds differ.
   * @param images  sizes of all images that views may be cut from: they bound the crops
   * @throws SuaveError OUT_OF_RANGE when the kinds cannot share a program
   */
  static ofSpecs(specs: readonly ViewSpec[], images: ImageSizes, options: ViewProgramOptions): ViewProgram {
    return new ViewProgram(planOfSpecs(specs, images), specs[0], options);
  }

  /** A program for evaluation; its rows come from `evalParameters`. */
  static ofEvaluation(spec: EvalSpec, images: ImageSizes, options: ViewProgramOptions): ViewProgram {
    return new ViewProgram(planOfEvaluation(spec, images), spec, options);
  }

  /** Numbers of a table row. */
  get columns(): number {
    return this.#table.columns;
  }

  /**
   * The table rows of drawn views, on the host.
   * @param source   the images: where they lie in the pixels that `apply` will get
   * @param indices  [n], which image each view is cut from
   * @param into     [n · columns] to write to, such as the memory of a pinned tensor; a new array unless given
   * @returns        [n, columns], row-major
   * @throws SuaveError OUT_OF_RANGE when an index has no image, a crop lies outside its image, or a view needs what the program was not
   *                    made for
   */
  encode(
    source: PixelSource,
    indices: ArrayLike<number>,
    parameters: ViewParameters,
    into: Float64Array = new Float64Array(parameters.count * this.columns),
  ): Float64Array {
    if (into.length !== parameters.count * this.columns) {
      throw new SuaveError(
        'OUT_OF_RANGE',
        `view program: expected room for ${parameters.count} rows of ${this.columns} numbers, got ${into.length}. Give n · columns.`,
      );
    }
    this.#table.encode(source, indices, parameters, into);
    return into;
  }

  /**
   * Computes the views of a table. Takes no part in gradients or automatic casting. Call inside a scope.
   * @param pixels  uint8 [bytes] on the program's device
   * @param table   float64 [N, columns] there; what `encode` gave, for these pixels: positions are not checked again
   * @returns       [N, 3, height, width], a new tensor
   */
  apply(pixels: Tensor, table: Tensor): Tensor {
    return this.#run(table, (integers) => this.#resize.gather(pixels, integers));
  }

  /**
   * As `apply`, for pixels that stay on the host.
   * @param cropsOf  gives the crops of some rows: uint8 [n, rows, 3, columns] of at most the plan's sizes, on any device
   */
  applyToCrops(table: Tensor, cropsOf: (start: number, count: number) => Tensor): Tensor {
    return this.#run(table, (_, start, count) => {
      const given = cropsOf(start, count).to({ device: table.device });
      const crops = this.#resize.empty(count, table.device).zero_();
      crops.narrow(1, 0, given.shape[1]).narrow(3, 0, given.shape[3]).copy_(given);
      return crops;
    });
  }

  /** Frees the constants; doing it twice is harmless. */
  dispose(): void {
    for (const constant of [...this.#resize.constants, ...this.#colors.constants]) constant.dispose();
    this.#values?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #run(table: Tensor, cropsOf: (integers: Tensor, start: number, count: number) => Tensor): Tensor {
    const [count] = table.shape;
    if (table.shape.length !== 2 || table.shape[1] !== this.columns || table.dtype !== 'float64') {
      throw new SuaveError(
        'OUT_OF_RANGE',
        `view program: expected a table float64 [n, ${this.columns}], got ${table.dtype} [${table.shape}]. Give what encode() wrote.`,
      );
    }
    return scope(() =>
      noGrad(() =>
        withoutAutocast(() => {
          const layout = this.#channelsLast ? [count, this.height, this.width, 3] : [count, 3, this.height, this.width];
          const views = empty(layout, { dtype: this.#values?.dtype ?? 'uint8', device: table.device });
          for (let start = 0; start < count; start += this.#rowsPerChunk) {
            const size = Math.min(this.#rowsPerChunk, count - start);
            scope(() => {
              const sections = this.#table.sections(table.narrow(0, start, size));
              const cut = scope(() => this.#resize.resize(cropsOf(sections.integers, start, size), sections.geometry));
              this.#normalize(this.#colors.run(cut, sections), views.narrow(0, start, size));
            });
          }
          return this.#channelsLast ? views.permute([0, 3, 1, 2]) : views;
        }),
      ),
    );
  }

  /** Writes bytes, float32 [n, H, 3, W], as the result has them. */
  #normalize(bytes: Tensor, into: Tensor): void {
    const ordered = bytes.permute(this.#channelsLast ? [0, 1, 3, 2] : [0, 2, 1, 3]);
    if (this.#values === null) {
      into.copy_(ordered);
      return;
    }
    const [count] = bytes.shape;
    const places = ordered.to('int64');
    if (this.#channelsLast) {
      const values = this.#values.transpose(1, 2).unsqueeze(1);
      gatherOut(values.expand([count, this.height, 256, 3]), 2, places, into);
    } else {
      const values = this.#values.unsqueeze(2);
      gatherOut(values.expand([count, 3, this.height, 256]), 3, places, into);
    }
  }
}

/** The 256 normalized values of each channel, (v / 255 − mean) / std, each step rounded in the working precision: [1, 3, 256]. */
function normalizedValues(
  { mean, std }: { readonly mean: PerChannel; readonly std: PerChannel },
  dtype: 'float32' | 'float64' | 'float16' | 'bfloat16',
): Tensor {
  const round = dtype === 'float64' ? (value: number) => value : Math.fround;
  const values = new Float64Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    for (let value = 0; value < 256; value++) {
      const shifted = round(round(value / 255) - round(mean[channel]));
      values[256 * channel + value] = round(shifted / round(std[channel]));
    }
  }
  return fromTypedArray(values, [1, 3, 256], { dtype: 'float64' }).to(dtype);
}
