/** @file Collects a report: from the files of a run folder, and from its held-out images, which are scored once. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { readSplits, type Splits } from '../data/index.js';
import { classIndexOf, nameKey } from '../data/natural-order.js';
import { SuaveError } from '../errors.js';
import { classNamesOf, type HeldOut, openHeldOut } from '../evaluation/held-out.js';
import { type CheckpointChoice, findCheckpoint, readCheckpointMetadata } from '../evaluation/index.js';
import { type Config, methodNames } from '../recipes/index.js';
import {
  type CheckpointMetadata,
  type Environment,
  isLockAlive,
  RunError,
  type RunPaths,
  readConfig,
  readLock,
  readMetrics,
  runPaths,
} from '../runs/index.js';
import { shortPath } from '../text.js';
import { suaveVersion } from '../version.js';
import { isBaseline } from './baseline.js';
import { courseOf } from './curves.js';
import { environmentFacts, recipeFacts } from './facts.js';
import { measureClassifier } from './measure-classifier.js';
import { measureClusters } from './measure-clusters.js';
import { neighboursOf } from './neighbours.js';
import { type MeasuredParts, unmeasured } from './parts.js';
import { pseudoLabelNotes, unmeasuredPseudoLabels } from './pseudo-labels.js';
import type { ReportData, ReportPart } from './report-data.js';
import { standingNotes, summaryOf } from './summary.js';
import { viewSheetsOf } from './view-sheets.js';

/** What is reported on. */
export interface ReportRequest {
  /** The run folder. */
  readonly run: string;
  /** DATA; null is the data that the run was trained on. */
  readonly data?: string | null;
  /** Default `last`. */
  readonly checkpoint?: CheckpointChoice;
  /** `cpu` unless said. */
  readonly device?: string;
  /** The held-out images where they are open already, null where there are none; the caller's. */
  readonly heldOut?: HeldOut | null;
  readonly workers?: number | null;
  readonly cache?: string | null;
  readonly signal?: AbortSignal | null;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/**
 * Collects what a report shows. A part that this run cannot have is null, with a sentence in `missing`; a run that is under way or was
 * interrupted has what there is. The same run gives the same data but for `written`.
 * @throws RunError where there is no run; DataError, CheckpointError where DATA or a checkpoint was asked for and is not there
 */
export async function collectReport(request: ReportRequest): Promise<ReportData> {
  const { run, checkpoint = 'last' } = request;
  const paths = runPaths(run);
  const config = readRunConfig(run);
  if (request.checkpoint !== undefined) findCheckpoint(run, checkpoint);
  const records = existsSync(paths.metrics) ? readMetrics(paths.metrics) : [];
  const splits = existsSync(paths.split('val')) ? readSplits(paths.splits) : null;
  const last = metadataOf(paths.last);
  const metadata = checkpoint === 'last' ? last : metadataOf(paths.best);
  const { parts, notes, classes } = await measured(request, config, splits, metadata);
  const pseudo = pseudoLabelNotes(config, splits, classes);
  const { curves, stages } = courseOf(records, pseudo.isKnown ? undefined : unmeasuredPseudoLabels);
  const views = await viewSheetsOf(
    paths.views,
    config.stages.map(({ name }) => name),
  );
  const { missing, measured: numMeasured, ...shown } = parts;
  const method = config.stages[config.stages.length - 1].method;
  const labeled = splits?.labeled.length ?? 0;
  const images = { training: labeled + (splits?.unlabeled.length ?? 0), labeled, measured: numMeasured };
  const neighbours = shown.score === null && shown.map !== null ? await neighboursOf(request, images) : null;
  const facts = { method, numClasses: classes.length || null, images, neighbours };
  return {
    format: 1,
    title: titleOf(paths),
    run: shortPath(paths.root),
    method: methodNames[method] ?? method,
    written: new Date().toISOString(),
    suaveVersion,
    summary: summaryOf({ ...facts, ...shown }),
    notes: [
      ...standingNotes({
        last,
        measured: metadata,
        stages: config.stages,
        isRunning: isBeingTrained(paths),
        source: shown.source,
      }),
      ...notes,
      ...pseudo.notes,
    ],
    missing: { ...missing, ...missingFiles(curves.length, views.length) },
    images,
    curves,
    stages,
    views: views.length === 0 ? null : views,
    recipe: recipeFacts(config),
    config: readFileSync(paths.config, 'utf8'),
    environment: environmentFacts(readEnvironment(paths), records),
    ...shown,
  };
}

/** The measured parts, or why there are none; where DATA was named, that it cannot be used is an error. */
async function measured(
  request: ReportRequest,
  config: Config,
  splits: Splits | null,
  metadata: CheckpointMetadata | null,
): Promise<{ parts: MeasuredParts; notes: readonly string[]; classes: readonly string[] }> {
  const { run, data = null, checkpoint = 'last', device = 'cpu', signal = null, onProgress } = request;
  const classes = classNamesOf(metadata ?? { classes: null }, splits);
  const none = (why: string) => ({ parts: unmeasured(why), notes: [], classes });
  if (metadata === null) return none('The run has no checkpoint yet.');
  const hasNone = request.heldOut === undefined && data === null && splits?.val.length === 0;
  if (request.heldOut === null || hasNone) return none(noHoldOut);
  let heldOut: HeldOut | null = null;
  try {
    heldOut = request.heldOut ?? (await openHeldOut(metadata, splits, { ...request, data }));
    const measure = metadata.classes === null ? measureClusters : measureClassifier;
    const parts = await measure(heldOut, {
      run,
      checkpoint,
      metadata,
      device,
      labeled: labelCounts(splits, classes),
      seed: config.seed,
      signal,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    return { parts, notes: heldOut.notes, classes };
  } catch (error) {
    if (data !== null || !(error instanceof SuaveError || error instanceof RunError)) throw error;
    return none(error.message);
  } finally {
    if (request.heldOut === undefined) heldOut?.images.dispose();
  }
}

const noHoldOut = 'The run has no held-out images: all of them were trained on.';

/** The configuration of a run. @throws RunError where it is none */
function readRunConfig(run: string): Config {
  const config = readConfig(run) as Partial<Config> | null;
  if (Array.isArray(config?.stages) && config.stages.length > 0) return config as Config;
  throw new RunError(
    'CONFIG_DAMAGED',
    `${runPaths(run).config}: expected the configuration of a run with its stages, got something else. Restore it as training wrote it.`,
  );
}

function metadataOf(file: string): CheckpointMetadata | null {
  return existsSync(file) ? readCheckpointMetadata(file) : null;
}

/** Labeled training images of each class. */
function labelCounts(splits: Splits | null, classes: readonly string[]): number[] {
  const counts = new Array<number>(classes.length).fill(0);
  const indexOf = classIndexOf(classes);
  for (const { label } of splits?.labeled ?? []) {
    const index = indexOf.get(nameKey(label));
    if (index !== undefined) counts[index]++;
  }
  return counts;
}

/** Name of the run folder; a baseline with the run that it belongs to. */
function titleOf({ root }: RunPaths): string {
  return isBaseline(root) ? `${basename(dirname(root))}/${basename(root)}` : basename(root);
}

function isBeingTrained({ lock }: RunPaths): boolean {
  const owner = readLock(lock);
  return owner !== null && isLockAlive(owner);
}

function readEnvironment({ environment }: RunPaths): Environment | null {
  try {
    return JSON.parse(readFileSync(environment, 'utf8')) as Environment;
  } catch {
    return null; // an old or damaged run: the table is left out
  }
}

function missingFiles(curves: number, views: number): Partial<Record<ReportPart, string>> {
  return {
    ...(curves > 0 ? {} : { curves: 'The run has no metrics yet.' }),
    ...(views > 0 ? {} : { views: 'The run has no pictures of its views: it was trained before they were kept.' }),
  };
}
