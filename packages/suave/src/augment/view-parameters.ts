/**
 * @file Drawn parameters of views: one row of numbers a view, which the native operator and the tensor operations
 * both read. The columns are those of `packages/suave/native/augment.cc`.
 */
import { SuaveError } from '../errors.js';

/** Positions in a parameter row. Sizes and positions are in pixels. */
export const viewColumns = {
  cropTop: 0,
  cropLeft: 1,
  cropHeight: 2,
  cropWidth: 3,
  /** Size that the crop is resized to … */
  resizedHeight: 4,
  resizedWidth: 5,
  /** … and the part of it that is the view. */
  windowTop: 6,
  windowLeft: 7,
  flip: 8,
  numOperations: 9,
  /** Pairs (operation number, value) from here on. */
  operations: 10,
} as const;

/** Color operations of one view at most. */
export const maxOperations = 8;

/** Numbers of a parameter row. */
export const numViewColumns = viewColumns.operations + 2 * maxOperations;

/** Numbers of the color operations in a row. */
export const operationNumbers = {
  brightness: 1,
  contrast: 2,
  saturation: 3,
  hue: 4,
  gray: 5,
  blur: 6,
  solarize: 7,
  equalize: 8,
} as const;

/** A color operation. */
export type OperationKind = keyof typeof operationNumbers;

/** The color operations by number − 1. */
export const operationKinds = Object.keys(operationNumbers) as readonly OperationKind[];

/**
 * One drawn color operation. `value`: the factor of brightness, contrast and saturation; the shift of hue in turns;
 * sigma of blur in pixels; the threshold of solarize; unused by gray and equalize.
 */
export interface ViewOperation {
  readonly kind: OperationKind;
  readonly value: number;
}

/** Everything that was drawn for one view, in readable form. */
export interface ViewDescription {
  /** Part of the image that is used, pixels. */
  readonly crop: { readonly top: number; readonly left: number; readonly height: number; readonly width: number };
  /** Size that the crop is resized to; the view's own size unless said. */
  readonly resized?: { readonly height: number; readonly width: number };
  /** Top left corner of the view in the resized crop; 0, 0 unless said. May lie outside: see `border`. */
  readonly window?: { readonly top: number; readonly left: number };
  readonly flip?: boolean;
  /** In order of execution. */
  readonly operations?: readonly ViewOperation[];
}

/** Parameters of a batch of views of one size. */
export interface ViewParameters {
  readonly count: number;
  /** Size of every view, pixels. */
  readonly height: number;
  readonly width: number;
  /** What lies around the resized crop where a view reaches over it: zeros, or its reflection without the edge pixel. */
  readonly border: 'zero' | 'reflect';
  /** [count, numViewColumns], row-major. */
  readonly rows: Float64Array;
}

/** A batch of views of one size with all rows zero, to be filled. */
export function emptyViewParameters(
  count: number,
  height: number,
  width: number,
  border: 'zero' | 'reflect' = 'zero',
): ViewParameters {
  return { count, height, width, border, rows: new Float64Array(count * numViewColumns) };
}

/** Appends a color operation to row `row`. */
export function pushOperation(rows: Float64Array, row: number, kind: OperationKind, value: number): void {
  const start = row * numViewColumns;
  const position = rows[start + viewColumns.numOperations];
  if (position >= maxOperations) {
    throw new SuaveError(
      'OUT_OF_RANGE',
      `view parameters: expected at most ${maxOperations} color operations per view, got more. Leave some out.`,
    );
  }
  rows[start + viewColumns.operations + 2 * position] = operationNumbers[kind];
  rows[start + viewColumns.operations + 2 * position + 1] = value;
  rows[start + viewColumns.numOperations] = position + 1;
}

/**
 * Parameters from descriptions: the way to inject what was drawn elsewhere.
 * @param views   one description a view
 * @param size    size of every view, pixels
 * @param border  what lies around the resized crop
 * @throws SuaveError OUT_OF_RANGE with more than eight color operations in a view
 */
export function encodeViews(
  views: readonly ViewDescription[],
  size: { readonly height: number; readonly width: number },
  border: 'zero' | 'reflect' = 'zero',
): ViewParameters {
  const parameters = emptyViewParameters(views.length, size.height, size.width, border);
  for (const [row, view] of views.entries()) {
    const { top, left, height, width } = view.crop;
    const resized = view.resized ?? size;
    const window = view.window ?? { top: 0, left: 0 };
    const geometry = [top, left, height, width, resized.height, resized.width, window.top, window.left];
    parameters.rows.set([...geometry, view.flip ? 1 : 0], row * numViewColumns);
    for (const { kind, value } of view.operations ?? []) pushOperation(parameters.rows, row, kind, value);
  }
  return parameters;
}

/** Descriptions of drawn parameters: the way to look at them. */
export function describeViews(parameters: ViewParameters): Required<ViewDescription>[] {
  return Array.from({ length: parameters.count }, (_, index) => {
    const row = parameters.rows.subarray(index * numViewColumns, (index + 1) * numViewColumns);
    const operations = Array.from({ length: row[viewColumns.numOperations] }, (_, position) => ({
      kind: operationKinds[row[viewColumns.operations + 2 * position] - 1],
      value: row[viewColumns.operations + 2 * position + 1],
    }));
    return {
      crop: { top: row[0], left: row[1], height: row[2], width: row[3] },
      resized: { height: row[viewColumns.resizedHeight], width: row[viewColumns.resizedWidth] },
      window: { top: row[viewColumns.windowTop], left: row[viewColumns.windowLeft] },
      flip: row[viewColumns.flip] !== 0,
      operations,
    };
  });
}
