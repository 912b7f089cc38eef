/** @file What the page's script needs beside the HTML. Images that the HTML shows are not repeated. */
import type {
  Calibration,
  CoveragePoint,
  CurveGroup,
  MapData,
  PrototypeUse,
  ReportData,
  StageStart,
} from '../report-data.js';
import { accuracyHistogram } from './class-table.js';
import { imagesByClass, shownMatrix } from './confused-classes.js';
import { manyClasses } from './format.js';
import { startOf } from './trust.js';

/** A confusion matrix to draw. */
export interface MatrixData {
  /** Classes in rows and columns. */
  readonly classes: readonly number[];
  readonly cells: readonly (readonly [truth: number, predicted: number, images: number])[];
  /** Measured images of each of the classes. */
  readonly totals: readonly number[];
}

/** Content of the page's `<script type="application/json" id="report-data">`. */
export interface PageData {
  readonly run: string;
  readonly curves: readonly CurveGroup[];
  readonly stages: readonly StageStart[];
  readonly classNames: readonly string[];
  /** Classes by share of right answers in tenths, where there are many. */
  readonly spread: readonly number[] | null;
  readonly matrix: MatrixData | null;
  readonly calibration: Calibration | null;
  readonly coverage: { readonly points: readonly CoveragePoint[]; readonly start: number } | null;
  readonly prototypes: PrototypeUse | null;
  readonly map: MapData | null;
}

/** Takes from the report what is drawn by a script. */
export function pageData(data: ReportData): PageData {
  const classes = data.classes ?? [];
  const matrix = shownMatrix(data);
  const totals = imagesByClass(data.confusion ?? [], classes.length);
  return {
    run: data.run,
    curves: data.curves,
    stages: data.stages,
    classNames: classes.map((row) => row.name),
    spread: classes.length > manyClasses ? accuracyHistogram(classes) : null,
    matrix:
      matrix === null || matrix.classes.length === 0
        ? null
        : {
            classes: matrix.classes,
            cells: matrix.cells.map(({ truth, predicted, images }) => [truth, predicted, images] as const),
            totals: matrix.classes.map((i) => totals[i]),
          },
    calibration: data.calibration,
    coverage:
      data.coverage === null || data.coverage.length === 0
        ? null
        : { points: data.coverage, start: startOf(data.coverage) },
    prototypes: data.prototypes,
    map: data.map,
  };
}
