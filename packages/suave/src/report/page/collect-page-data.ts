/** @file Takes from a report what is drawn by the page's script. */
import type { ReportData } from '../report-data.js';
import { accuracyHistogram } from './class-table.js';
import { imagesByClass, shownMatrix } from './confused-classes.js';
import { manyClasses } from './format.js';
import type { PageData } from './page-data.js';
import { startOf } from './trust.js';

/** The content of the page's `<script type="application/json">`. */
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
      matrix === null || matrix.classes.length < 2
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
