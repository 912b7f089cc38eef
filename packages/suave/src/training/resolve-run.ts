/** @file Everything that is decided and checked before a run writes anything: configuration, data plan, device, checkpoint to start from. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { cuda, libtorchVersion } from '@suave/torch';
import { type DataPlan, planData, readSplits } from '../data/index.js';
import { ConfigError } from '../errors.js';
import { readCheckpointMetadata } from '../evaluation/classifier.js';
import { ownSplits } from '../evaluation/own-data.js';
import {
  type Config,
  configFromRun,
  type DataFacts,
  defaultRecipe,
  exampleFacts,
  firstDifference,
  type Override,
  type PawsStage,
  resolveRecipe,
  type SuaveStage,
} from '../recipes/index.js';
import { holdsRun, readConfig, runPaths } from '../runs/index.js';
import { checkInitClasses, checkRunClasses, withFittingInit } from './checkpoint-classes.js';
import { checkInit, describeInit } from './hand-over.js';

/** What a caller asks of a training run. */
export interface TrainRequest {
  /** DATA. */
  data: string;
  /** RUN. */
  out: string;
  /** Name of a recipe or a YAML file; null is the default, or that of the resumed run. */
  recipe: string | null;
  overrides: readonly Override[];
  /** Continue the run in `out`, or start it where there is none. */
  resume: boolean;
  /** Threads that the BLAS library was loaded with. */
  threads: number;
  /** Configuration to change instead of a recipe's, as of fine-tuning. */
  base?: Config;
  /** Devices to adapt batches and learning rates to, by the rule of the recipe; null or absent leaves them. */
  scale?: number | null;
  /** What to tell the user where the images to validate on are set aside anew, and the splits of the run before are not known. */
  holdoutNote?: string;
}

/** A run that may start: nothing of it is on the disk yet, or all of it is. */
export interface ResolvedRun {
  config: Config;
  plan: DataPlan;
  /** Whether `out` holds the run already. */
  isResumed: boolean;
  /** What the recipe picked and what was adapted, for the user. */
  notes: string[];
}

/** Settings that may differ on resume, because no bit of the run depends on them. */
const freeOnResume = new Set([
  'data.workers',
  'data.cache',
  'logging.checkpointMinutes',
  'logging.outputs',
  'data.path',
  'gpu.residentMiB',
]);

/**
 * Resolves a request.
 * @throws ConfigError, DataError, CheckpointError for anything that is wrong with it
 */
export async function resolveRun(request: TrainRequest): Promise<ResolvedRun> {
  if (request.resume && holdsRun(request.out)) return resolveResumed(request);
  const recipe = request.recipe ?? defaultRecipe;
  const hasCuda = cuda.isAvailable();
  const machine = { device: hasCuda ? 'cuda' : 'cpu', threads: request.threads } as const;
  const base = request.base && { ...request.base, ...machine };
  const asked = { recipe, overrides: request.overrides, scale: request.scale ?? null, ...(base ? { base } : {}) };
  const preliminary = resolveRecipe(asked, { ...exampleFacts, ...machine }).config;
  checkDevice(preliminary);
  const { labels, labelsPerClass, labelFraction, holdout } = preliminary.data;
  const plan = await planData({
    data: request.data,
    labels,
    labelsPerClass,
    labelFraction,
    holdout,
    seed: preliminary.seed,
  });
  const facts: DataFacts = {
    numTrain: plan.numTrain,
    numLabeled: plan.numLabeled,
    numClasses: plan.layout.classes.length,
    shorterSide: plan.shorterSide,
    device: preliminary.device,
    threads: preliminary.threads,
  };
  const resolved = resolveRecipe(asked, facts);
  const started = withInit(resolved.config);
  const fitted = fitToData(base ? withFittingInit(started, plan.layout.classes) : started, facts);
  const { config } = fitted;
  config.data.path = resolve(request.data);
  if (config.init === null) checkHasWeights(config);
  else checkInit(config.init, config);
  const classNotes = config.init === null ? [] : checkInitClasses(config.init, config, plan.layout.classes);
  return {
    config,
    plan,
    isResumed: false,
    notes: [
      ...resolved.notes,
      ...initNotes(resolved.config, config),
      ...classNotes,
      ...fitted.notes,
      ...(plan.valSource === 'hold-out' ? holdoutNotes(plan, config.init, request) : []),
    ],
  };
}

/** Tells where the run of the checkpoint to start from has trained on images that are set aside now. */
function holdoutNotes({ layout, roles, numVal }: DataPlan, init: string | null, request: TrainRequest): string[] {
  const described = init === null ? null : describeInit(init);
  const earlier = init === null || described === null ? null : ownSplits(init, request.data, described);
  if (earlier === null) return request.holdoutNote === undefined ? [] : [request.holdoutNote];
  const trained = new Set([...earlier.labeled, ...earlier.unlabeled].map(({ path }) => path));
  const count = layout.pool.filter(({ path }, i) => roles[i] === 'held-out' && trained.has(path)).length;
  if (count === 0) return [];
  return [
    `hold-out: ${count} of the ${numVal} images that are set aside were trained on in the run that this one starts from, because files, labels or seed were others there; put images of neither into val/ for an honest accuracy`,
  ];
}

async function resolveResumed(request: TrainRequest): Promise<ResolvedRun> {
  const stored = configFromRun(readConfig(request.out));
  const asked = changedSettings(request, stored);
  const difference = firstDifference(stored, asked);
  if (difference !== null) {
    throw new ConfigError(
      difference.path,
      `config ${difference.path}: the run in ${request.out} has ${JSON.stringify(difference.a)}, got ${JSON.stringify(difference.b)}. Leave it out to continue this run, or start another one.`,
      { code: 'CONFIG_RESUME' },
    );
  }
  const config: Config = structuredClone(stored);
  for (const override of request.overrides) {
    const { path, value } = override;
    if (path === 'logging.outputs') config.logging = applyToStored(config, [override], null).logging;
    if (path === 'data.workers') config.data.workers = Number(value);
    if (path === 'logging.checkpointMinutes' && Number(value) > 0) config.logging.checkpointMinutes = Number(value);
    if (path === 'gpu.residentMiB') config.gpu = applyToStored(config, [override], null).gpu;
    if (path === 'data.cache' && (typeof value === 'string' || value === null)) config.data.cache = value;
  }
  checkDevice(config);
  const paths = runPaths(request.out);
  const classes = existsSync(paths.last) ? readCheckpointMetadata(paths.last).classes : null;
  const splits = readSplits(paths.splits);
  checkRunClasses(paths.last, classes, splits);
  const plan = await planData({
    data: request.data,
    splits,
    classes,
    seed: config.seed,
  });
  return { config, plan, isResumed: true, notes: [] };
}

/** The stored configuration with the changes that a resume asks for, but for those that make no difference. */
function changedSettings(request: TrainRequest, stored: Config): Config {
  if (request.recipe !== null && request.recipe !== stored.recipe && !existsSync(request.recipe)) {
    throw new ConfigError(
      'recipe',
      `config recipe: the run in ${request.out} has "${stored.recipe}", got "${request.recipe}". Leave it out to continue this run.`,
      { code: 'CONFIG_RESUME' },
    );
  }
  const binding = request.overrides.filter((override) => !freeOnResume.has(override.path));
  return applyToStored(stored, binding, request.scale ?? null);
}

function applyToStored(stored: Config, overrides: readonly Override[], scale: number | null): Config {
  if (overrides.length === 0 && scale === null) return stored;
  return resolveRecipe({ recipe: stored.recipe, overrides, base: stored, scale }, exampleFacts).config;
}

/** Refuses a device that is not there, or a precision that it lacks. */
export function checkDevice(config: Pick<Config, 'device' | 'precision'>): void {
  if (config.device === 'cuda' && !cuda.isAvailable()) {
    throw new ConfigError(
      'device',
      `--device cuda: libtorch ${libtorchVersion()} finds no CUDA device. Use --device cpu, or see suave doctor.`,
      { code: 'CONFIG_NO_CUDA' },
    );
  }
  if (config.precision === 'fp16' && config.device === 'cpu') {
    throw new ConfigError(
      'precision',
      'config precision: fp16 needs a GPU. Use --precision fp32, or bf16 where the processor has it.',
    );
  }
}

/** Refuses to learn a classifier on a backbone of random weights that never change. */
function checkHasWeights({ stages: [first] }: Config): void {
  if (first.method !== 'supervised' || !first.frozenBackbone) return;
  throw new ConfigError(
    'init',
    `config init: stage ${first.name} learns a classifier on a backbone that stays as it is, so it needs trained weights. Give --init CKPT, or use suave finetune --from.`,
    { code: 'CONFIG_WITHOUT_INIT' },
  );
}

/** With a checkpoint to start from, the stages without labels that it is the result of are left out. */
function withInit(config: Config): Config {
  if (config.init === null) return config;
  const first = config.stages.findIndex((stage) => stage.method !== 'swav' && stage.method !== 'dino');
  const stages = config.stages.slice(first);
  if (stages[0].init === 'nothing') stages[0] = { ...stages[0], init: 'backbone' };
  const baseline =
    config.baseline.init === 'nothing' ? { ...config.baseline, init: 'backbone' as const } : config.baseline;
  return { ...config, stages, baseline };
}

/** Says which stages are left out because a checkpoint takes their place. */
function initNotes(before: Config, after: Config): string[] {
  const left = before.stages.length - after.stages.length;
  const names = before.stages.slice(0, left).map((stage) => stage.name);
  return left === 0 ? [] : [`stage ${names.join(', ')} is left out: ${after.init} takes the place of its result`];
}

/** Reduces what is larger than the data: batches, and queues that could not hold one batch. */
export function fitToData(
  config: Config,
  facts: Pick<DataFacts, 'numTrain' | 'numLabeled' | 'numClasses'>,
): { config: Config; notes: string[] } {
  const notes: string[] = [];
  const reduce = (name: string, batch: number, available: number, what: string): number => {
    if (batch <= available) return batch;
    notes.push(
      `${name}: the ${what} batch of ${batch} is larger than the ${available} ${what} images, reduced to ${available}`,
    );
    return available;
  };
  const fit = <S extends Config['stages'][number]>(stage: S, name: string): S => {
    const batch: Partial<SuaveStage['batch'] & PawsStage['batch']> = { ...stage.batch };
    if (batch.unlabeled !== undefined) batch.unlabeled = reduce(name, batch.unlabeled, facts.numTrain, 'training');
    if (batch.labeled !== undefined) batch.labeled = reduce(name, batch.labeled, facts.numLabeled, 'labeled');
    if (batch.classes !== undefined && batch.classes > facts.numClasses) {
      notes.push(`${name}: the support of ${batch.classes} classes is reduced to the ${facts.numClasses} of the data`);
      batch.classes = facts.numClasses;
    }
    return { ...stage, batch };
  };
  return {
    config: {
      ...config,
      stages: config.stages.map((stage) => fit(stage, `stage ${stage.name}`)),
      baseline: {
        ...config.baseline,
        batch: { ...config.baseline.batch, labeled: Math.min(config.baseline.batch.labeled, facts.numLabeled) },
      },
    },
    notes,
  };
}
