/** @file CIFAR-10 and CIFAR-100 with few labels: supervised-only, SwAV then Suave, SwAV then Daino, PAWS; several seeds; sized by a budget. */
import {
  type Config,
  type DataFacts,
  type Override,
  recipeNamed,
  resolveRecipe,
  type Stage,
} from '../recipes/index.js';
import { configOf } from './estimate.js';
import { type Job, type Plan, setting } from './plan.js';
import { otherProtocols } from './published.js';

type Architecture = Config['model']['arch'];

/** What a comparison is made from. */
export interface CifarOptions {
  readonly set: 'cifar10' | 'cifar100';
  /** DATA: the binary or pickled files, or folders. */
  readonly data: string;
  /** Size of the data and the machine. */
  readonly facts: DataFacts;
  readonly labelsPerClass: number;
  /** Runs of each method. */
  readonly seeds: number;
  /** Backbone instead of the recipes', or null. */
  readonly arch: Architecture | null;
  /** Share of the published epochs. */
  readonly share: number;
  /** Settings of all runs: device, precision, cache. */
  readonly overrides: readonly Override[];
}

/** A method of the comparison: its recipe and what it starts from. */
interface Contestant {
  readonly key: string;
  readonly title: string;
  readonly recipe: string;
  readonly startsFrom: string | null;
  readonly isEvaluated: boolean;
}

function contestantsOf(set: CifarOptions['set']): Contestant[] {
  const all: Contestant[] = [
    { key: 'supervised', title: 'supervised only', recipe: `suave-${set}`, startsFrom: null, isEvaluated: true },
    { key: 'swav', title: 'SwAV', recipe: `swav-${set}`, startsFrom: null, isEvaluated: false },
    { key: 'suave', title: 'SwAV, then Suave', recipe: `suave-${set}`, startsFrom: 'swav', isEvaluated: true },
    { key: 'daino', title: 'SwAV, then Daino', recipe: `daino-${set}`, startsFrom: 'swav', isEvaluated: true },
    { key: 'paws', title: 'PAWS, nearest neighbours', recipe: `paws-${set}`, startsFrom: null, isEvaluated: true },
  ];
  return all.filter(({ recipe }) => recipeNamed(recipe) !== undefined);
}

/** The configuration of a recipe on this data, with the stage that is trained as its last one. */
function configFor(contestant: Contestant, options: CifarOptions): Config {
  const { arch, facts } = options;
  const overrides = arch === null ? [] : [setting('model.arch', arch)];
  const { config } = resolveRecipe({ recipe: contestant.recipe, overrides }, facts);
  if (contestant.key !== 'supervised') return config;
  return { ...config, stages: [{ ...config.baseline, name: 'supervised' }] };
}

/** Steps of an epoch below which a batch is made smaller. */
const leastSteps = 8;

/**
 * What a stage needs on few images: a batch that leaves eight steps an epoch, rates in proportion, a queue of half an epoch at
 * most, and no more prototypes than one for 16 images. Nothing on a data set of full size.
 */
export function smallDataOverrides(stage: Stage, facts: DataFacts): Override[] {
  if (stage.method === 'supervised') return [];
  const { unlabeled } = stage.batch;
  const batch = Math.min(unlabeled, Math.max(8, Math.floor(facts.numTrain / leastSteps)));
  const overrides: Override[] = [];
  if (batch < unlabeled) {
    const { lr, startLr, finalLr } = stage.optimizer;
    overrides.push(setting('batch.unlabeled', batch));
    for (const [name, rate] of Object.entries({ lr, startLr, finalLr }))
      overrides.push(setting(`optimizer.${name}`, Number(((rate * batch) / unlabeled).toPrecision(4))));
    if ('labeled' in stage.batch)
      overrides.push(setting('batch.labeled', Math.max(8, Math.round((stage.batch.labeled * batch) / unlabeled))));
  }
  if (stage.method === 'swav' || stage.method === 'suave') {
    const half = Math.floor(facts.numTrain / batch / 2) * batch;
    if (half < stage.queue.size) overrides.push(setting('queue.size', half));
  }
  if (stage.method === 'swav') {
    const most = Math.max(2 * facts.numClasses, Math.floor(facts.numTrain / 16));
    if (most < stage.prototypes[0]) overrides.push(setting('prototypes', [most]));
  }
  return overrides;
}

/** A support of PAWS that the labels can fill. */
function supportOverrides(stage: Stage, labelsPerClass: number): Override[] {
  if (stage.method !== 'paws' || labelsPerClass >= stage.batch.imagesPerClass) return [];
  return [setting('batch.imagesPerClass', labelsPerClass)];
}

/** The job of a method with a seed. */
function jobOf(contestant: Contestant, seed: number, options: CifarOptions): Job {
  const { share, arch, facts, labelsPerClass } = options;
  const config = configFor(contestant, options);
  const stage = config.stages.at(-1)!;
  const epochs = Math.max(1, Math.round(stage.epochs * share));
  const isSupervised = contestant.key === 'supervised';
  const warmup = Math.min(stage.optimizer.warmupEpochs, epochs / 4);
  return {
    id: `${contestant.key}-seed${seed}`,
    title: `${contestant.title}, seed ${seed}`,
    recipe: contestant.recipe,
    overrides: [
      ...(arch === null || isSupervised ? [] : [setting('model.arch', arch)]),
      setting('seed', seed),
      setting('data.labelsPerClass', labelsPerClass),
      setting('epochs', epochs),
      ...(isSupervised ? [setting('optimizer.warmupEpochs', warmup)] : []),
      ...smallDataOverrides(stage, facts),
      ...supportOverrides(stage, labelsPerClass),
      ...options.overrides, // last: what the user sets wins
    ],
    init: contestant.startsFrom === null ? null : { job: `${contestant.startsFrom}-seed${seed}` },
    scale: null,
    ...(isSupervised ? { base: config } : {}),
    isEvaluated: contestant.isEvaluated,
  };
}

/** All jobs, seed after seed: after the first seed the table is full already. */
export function cifarJobs(options: CifarOptions): Job[] {
  const contestants = contestantsOf(options.set);
  return Array.from({ length: options.seeds }, (_, index) =>
    contestants.map((contestant) => jobOf(contestant, index + 1, options)),
  ).flat();
}

/** Lays out the comparison. */
export function planCifar(options: CifarOptions, notes: readonly string[]): Plan {
  const jobs = cifarJobs(options);
  const { set, labelsPerClass, seeds, facts } = options;
  const title = set === 'cifar10' ? 'CIFAR-10' : 'CIFAR-100';
  const rows = contestantsOf(set)
    .filter(({ isEvaluated }) => isEvaluated)
    .map((contestant) => {
      const configNamed = (key: string): Config => configOf(jobs.find(({ id }) => id === `${key}-seed1`)!, facts);
      const config = configNamed(contestant.key);
      const before = contestant.startsFrom === null ? [] : [configNamed(contestant.startsFrom)];
      const epochs = [...before, config].map(({ stages }) => stages.at(-1)!.epochs);
      return {
        texts: [contestant.title, config.model.arch, epochs.join(' + '), `${labelsPerClass * facts.numClasses}`],
        cells: [
          {
            jobs: Array.from({ length: seeds }, (_, index) => `${contestant.key}-seed${index + 1}`),
            published: null,
          },
        ],
      };
    });
  return {
    name: set,
    title: `${title} with ${labelsPerClass} labels per class, top-1 in percent`,
    data: options.data,
    jobs,
    heads: ['method', 'backbone', 'epochs', 'labels'],
    cellHeads: [seeds > 1 ? `top-1, mean of ${seeds} seeds` : 'top-1'],
    rows,
    notes: [
      ...notes,
      'Accuracies are those of the hold-out (or the test images where DATA has them), after the last epoch.',
      ...otherProtocols[set].map(
        (text) => `Published under another protocol, not comparable with the rows above: ${text}.`,
      ),
    ],
  };
}
