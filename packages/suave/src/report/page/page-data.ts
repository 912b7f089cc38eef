/** @file What the page's script needs beside the HTML. Images that the HTML shows are not repeated. */
import type { Calibration, CoveragePoint, CurveGroup, MapData, PrototypeUse, StageStart } from '../report-data.js';

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
