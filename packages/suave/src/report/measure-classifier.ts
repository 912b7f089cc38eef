/** @file Measures a classifier on held-out images: all that its scores tell, and how it compares with its baseline. */
import { keep, scope, type Tensor } from '@suave/torch';
import type { HeldOut } from '../evaluation/held-out.js';
import { Classifier } from '../evaluation/index.js';
import { allIndices, scoreImages } from '../evaluation/scoring.js';
import { holdsRun, runPaths } from '../runs/index.js';
import { answersOf, type ScoreTable } from './answers.js';
import { finishedBaseline, isBaseline, scoreBaseline } from './baseline.js';
import { calibrationAt, calibrationOf, coverageOf } from './calibration.js';
import { classTable, confusionTable, mistakesTable } from './class-tables.js';
import { mapOf } from './map.js';
import {
  finishMap,
  type MeasuredParts,
  type MeasureOptions,
  mapped,
  reasons,
  scoringBatch,
  tooFewForMap,
} from './parts.js';
import { prototypeUse } from './prototypes.js';
import type { ReportData, ReportScore } from './report-data.js';
import { reportScore } from './score.js';
import { thumbnailsOf } from './thumbnails.js';

/** Measures a classifier. */
export async function measureClassifier(heldOut: HeldOut, options: MeasureOptions): Promise<MeasuredParts> {
  const { run, checkpoint, metadata, device, labeled, signal, onProgress } = options;
  const { labels, classes, images, source } = heldOut;
  const classifier = Classifier.load(run, { device, checkpoint });
  const owned: Tensor[] = [];
  try {
    const outputs = await scoreImages(
      (batchImages) => classifier.outputs(batchImages),
      images,
      allIndices(images.length),
      {
        input: metadata.input,
        batch: scoringBatch,
        device,
        signal,
        onProgress: (done, total) => onProgress?.('measuring held-out images', done, total),
      },
    );
    owned.push(outputs);
    const scores = scope(() => keep(outputs.narrow(1, 0, classes.length).contiguous()));
    owned.push(scores);
    const table: ScoreTable = { scores: scores.data() as Float32Array, numClasses: classes.length, labels };
    const calibration = calibrate(scores, table, classifier, source);
    const answers = answersOf(table, () => classifier.temperature); // as predict has them
    const baseline = await compare(heldOut, answers.isRight, options);
    const rows = classTable(classes, labels, answers, labeled);
    const cells = confusionTable(labels, answers);
    const wrong = mistakesTable(classes, labels, answers);
    const map = await mapOf(heldOut, { ...options, predicted: answers.predicted });
    const shown = [...rows, ...cells].flatMap(({ examples }) => examples);
    const thumbnails = await thumbnailsOf(
      images,
      [...shown, ...wrong.map(({ image }) => image), ...mapped(map)],
      signal,
    );
    const thumbnail = (image: number) => thumbnails.get(image)!;
    const withExamples = <Row extends { examples: readonly number[] }>(row: Row) => ({
      ...row,
      examples: row.examples.map(thumbnail),
    });
    const hasPrototypes = metadata.model.kind === 'prototypes' || metadata.model.kind === 'dino';
    return {
      score: reportScore(scores, labels, classifier.temperature),
      baseline: baseline.score,
      gain: baseline.gain,
      source,
      classes: rows.map(withExamples),
      confusion: cells.map(withExamples),
      mistakes: wrong.map((mistake) => ({ ...mistake, image: thumbnail(mistake.image) })),
      calibration: calibration.part,
      coverage: calibration.part === null ? null : coverageOf(answers),
      prototypes: hasPrototypes ? prototypeUse(outputs, classes) : null,
      map: finishMap(map, thumbnail),
      measured: labels.length,
      missing: {
        ...baseline.missing,
        ...(calibration.part === null ? reasons(['calibration', 'coverage'], calibration.why) : {}),
        ...(hasPrototypes ? {} : reasons(['prototypes'], 'The network of the last stage has no prototypes.')),
        ...(map === null ? reasons(['map'], tooFewForMap) : {}),
      },
    };
  } finally {
    for (const tensor of owned) tensor.dispose();
    classifier.dispose();
  }
}

/** The part of the report where there is enough to measure it on. The temperature was fitted on the images that the run held out. */
function calibrate(
  scores: Tensor,
  table: ScoreTable,
  { temperature: stored, metadata }: Classifier,
  source: HeldOut['source'],
): { part: ReportData['calibration']; why: string } {
  if (table.numClasses === 1) {
    return { part: null, why: 'There is one class: every probability is 1.' };
  }
  const { temperature: trained } = metadata;
  const part =
    source === 'folder'
      ? calibrationAt(table, stored, trained)
      : calibrationOf(scores, table, stored === trained ? null : stored, trained);
  return {
    part,
    why: 'A temperature is fitted on one half of the held-out images and measured on the other: there are too few.',
  };
}

/** The baseline on the same images, or why there is none. */
async function compare(
  heldOut: HeldOut,
  isRight: Uint8Array,
  options: MeasureOptions,
): Promise<Pick<MeasuredParts, 'gain' | 'missing'> & { score: ReportScore | null }> {
  const { baseline } = runPaths(options.run);
  if (!holdsRun(baseline)) {
    const why = isBaseline(options.run)
      ? 'This run is the baseline.'
      : 'There is no supervised run beside this one to compare with: train with --baseline.';
    return { score: null, gain: null, missing: { baseline: why } };
  }
  const found = finishedBaseline(baseline, heldOut.classes);
  if ('why' in found) return { score: null, gain: null, missing: { baseline: found.why } };
  return { ...(await scoreBaseline(found, heldOut, isRight, options)), missing: {} };
}
