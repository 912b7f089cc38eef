/** @file Fine-tuning: from a finished run or a checkpoint to the configuration of a shorter run that starts from its weights. */
import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { openTensorFile } from '@suave/torch';
import { CheckpointError } from '../errors.js';
import { architectureOf, type CheckpointChoice, findCheckpoint } from '../evaluation/index.js';
import { planImport } from '../models/index.js';
import { type Config, configFromRun, exampleFacts, fineTuned, type Override, resolveRecipe } from '../recipes/index.js';
import { type CheckpointBackbone, type CheckpointInput, type CheckpointModel, isFolder } from '../runs/index.js';
import { describeInit } from './hand-over.js';
import type { TrainRequest } from './resolve-run.js';

/** What fine-tuning is asked for. */
export interface FinetuneRequest extends Omit<TrainRequest, 'base'> {
  /** Run folder or checkpoint file whose weights are taken. */
  from: string;
  /** Which checkpoint of a run folder. Default `last`. */
  checkpoint?: CheckpointChoice;
}

const labelPaths = ['data.labels', 'data.labelsPerClass', 'data.labelFraction'];
/** Settings that choose which images are set aside. */
const holdoutPaths = ['seed', 'data.holdout', 'data.labels'];

/**
 * The training run that fine-tunes a checkpoint: without a recipe, the run's own last stage, shortened (`fineTuned`); with one, that recipe on
 * the checkpoint's architecture. On the data of the earlier run, its labels and its hold-out are those of this run too.
 * @throws RunError, CheckpointError without a checkpoint; ConfigError where it cannot be fine-tuned
 */
export function finetuneRequest({ from, checkpoint, ...request }: FinetuneRequest): TrainRequest {
  const file = resolve(isFolder(from) || !existsSync(from) ? findCheckpoint(from, checkpoint) : from);
  const metadata = describeInit(file);
  const stored = metadata?.config ? configFromRun(metadata.config) : null;
  const init: Override = { path: 'init', value: file, isText: false };
  if (request.recipe !== null) {
    const inherited = inheritedSettings(metadata ?? releasedModel(file), request.recipe);
    const overrides = [...inherited, ...dataSettings(stored, request), init, ...request.overrides];
    return { ...request, ...holdoutNote(stored, request), overrides };
  }
  if (stored === null) {
    throw new CheckpointError(
      `--from ${from}: expected a checkpoint with the configuration of its run, got weights alone. Choose how to fine-tune them with --recipe.`,
      { code: 'CHECKPOINT_WITHOUT_CONFIG' },
    );
  }
  const base = withoutData(fineTuned(stored));
  return {
    ...request,
    ...holdoutNote(stored, request),
    base,
    overrides: [...dataSettings(stored, request), init, ...request.overrides],
  };
}

/** A configuration that knows no data yet. */
function withoutData(config: Config): Config {
  const data = { ...config.data, labels: null, labelsPerClass: null, labelFraction: null, cache: null };
  return { ...config, data };
}

/** What a recipe may take from a checkpoint. */
interface Inherited {
  /** Null where the file shows no backbone of a name. */
  readonly model: CheckpointBackbone | CheckpointModel | null;
  /** How images were prepared; null where nothing says it. */
  readonly input: CheckpointInput | null;
}

/** The architecture in a file that another program wrote. */
function releasedModel(path: string): Inherited {
  using file = openTensorFile(path);
  return { model: architectureOf(planImport(file, { allowPartial: true })), input: null };
}

/** What a recipe takes from the checkpoint: the architecture, and, to learn from labels alone, how images were prepared. */
function inheritedSettings({ model, input }: Inherited, recipe: string): Override[] {
  if (model === null) return [];
  const { arch, width, stem, patchSize, imageSize } = model;
  const settings: Record<string, unknown> = {
    'model.arch': arch,
    'model.width': width,
    'model.stem': stem,
    'model.patchSize': patchSize,
    'model.imageSize': imageSize,
  };
  const asked = resolveRecipe({ recipe, overrides: overridesOf(settings) }, exampleFacts).config;
  if ('kind' in model && model.kind === 'prototypes') {
    settings['model.hidden'] = model.hidden;
    settings['model.outputDim'] = model.outputDim;
  }
  if (input !== null && asked.stages.at(-1)?.method === 'supervised') {
    settings['normalization.mean'] = input.mean;
    settings['normalization.std'] = input.std;
    if (input.crop !== asked.evaluation.crop) {
      settings['evaluation.resize'] = input.resize;
      settings['evaluation.crop'] = input.crop;
      settings['views.labeled.size'] = input.crop;
      settings['data.cacheSide'] = input.cacheSide ?? 'none';
    }
  }
  return overridesOf(settings);
}

/**
 * On the earlier run's own data, its choice of labels and hold-out: what it set aside is then never trained on. Labels that are asked
 * for take the place of its labels.
 */
function dataSettings(stored: Config | null, { data, overrides }: Omit<TrainRequest, 'base'>): Override[] {
  if (stored === null || !isSameFolder(stored.data.path, data)) return [];
  const { labels, labelsPerClass, labelFraction, holdout } = stored.data;
  const hasOwnLabels = overrides.some(({ path }) => labelPaths.includes(path));
  return overridesOf({
    ...(hasOwnLabels
      ? {}
      : { 'data.labels': labels, 'data.labelsPerClass': labelsPerClass, 'data.labelFraction': labelFraction }),
    'data.holdout': holdout,
    seed: stored.seed,
  });
}

/** On the earlier run's own data, a word of warning where other images are set aside than there. */
function holdoutNote(stored: Config | null, { data, overrides }: Omit<TrainRequest, 'base'>): { holdoutNote?: string } {
  if (stored === null || !isSameFolder(stored.data.path, data)) return {};
  const changed = overrides.find(({ path }) => holdoutPaths.includes(path));
  if (changed === undefined) return {};
  return {
    holdoutNote: `hold-out: ${changed.path} is given, so other images are set aside than in the run that this one starts from, which has trained on some of them; leave it out for an honest accuracy`,
  };
}

function isSameFolder(a: string, b: string): boolean {
  return existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}

function overridesOf(settings: Readonly<Record<string, unknown>>): Override[] {
  return Object.entries(settings).map(([path, value]) => ({ path, value, isText: false }));
}
