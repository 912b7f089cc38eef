/**
 * @file Where the published code differs from the paper, or does what nobody would do on purpose (specification 8.6 and 12): which
 * setting switches it, what the presets `paper` and `official-code` give it, and why the rest has no switch. The table of
 * docs/recipes.md is this list.
 */
import { imagenetNormalization, swavNormalization } from '../augment/normalization.js';
import { normalizationConfig } from './parts.js';
import type { Config, Stage } from './schema.js';

interface QuirkText {
  /** Number in the specification's lists: D of 8.6, Q of 12. */
  readonly id: string;
  /** What the published code does. */
  readonly what: string;
}

/** A quirk that a setting switches. */
export interface SwitchedQuirk extends QuirkText {
  /** A recipe that has the setting. */
  readonly recipe: string;
  /** The setting as `--set` takes it. */
  readonly path: string;
  /** Its value by default. */
  readonly paper: unknown;
  /** Its value with `--set preset=official-code`. */
  readonly official: unknown;
  /** Another value, where both presets agree and the setting still offers a choice. */
  readonly other?: unknown;
}

/** A quirk that no setting switches, and why. */
export interface SettledQuirk extends QuirkText {
  readonly reason: string;
}

/** Quirks with a switch. */
export const switchedQuirks: readonly SwitchedQuirk[] = [
  {
    id: 'D1',
    what: 'smallest share of the image in small crops',
    recipe: 'suave-imagenet-1pct',
    path: 'views.unlabeled.1.scale',
    paper: [0.08, 0.14],
    official: [0.05, 0.14],
  },
  {
    id: 'D2',
    what: 'learning rate of fine-tuning on 10 %',
    recipe: 'suave-imagenet-finetune-10pct',
    path: 'optimizer.lr',
    paper: 0.02,
    official: 0.03,
  },
  {
    id: 'D2',
    what: 'its last learning rate',
    recipe: 'suave-imagenet-finetune-10pct',
    path: 'optimizer.finalLr',
    paper: 0.0002,
    official: 0.0003,
  },
  {
    id: 'D3',
    what: 'label smoothing of fine-tuning on 10 %',
    recipe: 'suave-imagenet-finetune-10pct',
    path: 'labelSmoothing',
    paper: 0.01,
    official: 0.001,
  },
  {
    id: 'Q1, D6',
    what: 'the weight of the mixed loss counts mixed views, not samples',
    recipe: 'suave-imagenet-1pct',
    path: 'mixedWeight',
    paper: 'views',
    official: 'views',
    other: 'samples',
  },
  {
    id: 'Q2',
    what: 'mixed views are taken from the wrong positions where several pairs are mixed',
    recipe: 'suave-cifar100',
    path: 'mixing.positions',
    paper: 'true',
    official: 'official',
  },
  {
    id: 'Q3, D12',
    what: 'student and teacher of Daino stay in evaluation mode: no stochastic depth, frozen batch norm',
    recipe: 'daino-imagenet-1pct',
    path: 'studentEvalQuirk',
    paper: false,
    official: true,
  },
  {
    id: 'Q4, D16',
    what: 'online heads cannot be switched off',
    recipe: 'suave-imagenet-1pct',
    path: 'onlineHeads',
    paper: true,
    official: true,
    other: false,
  },
  {
    id: 'Q11',
    what: 'the ensemble head on all features is broken; its one working form is offered, in no recipe',
    recipe: 'suave-imagenet-1pct',
    path: 'ensembleHead',
    paper: false,
    official: false,
    other: true,
  },
  {
    id: 'Q16, D10',
    what: 'red deviation .228 in SwAV, Suave, and the labeled and validation images of Daino',
    recipe: 'daino-imagenet-1pct',
    path: 'normalization.std',
    paper: [0.228, 0.224, 0.225],
    official: [0.228, 0.224, 0.225],
    other: [0.229, 0.224, 0.225],
  },
  {
    id: 'Q16',
    what: 'the same on folders of any images',
    recipe: 'suave-small',
    path: 'normalization.std',
    paper: [0.229, 0.224, 0.225],
    official: [0.228, 0.224, 0.225],
  },
  {
    id: 'Q18',
    what: 'LARS scales and decays biases and batch norms too',
    recipe: 'suave-imagenet-1pct',
    path: 'optimizer.excludeOneDimensional',
    paper: false,
    official: false,
    other: true,
  },
  {
    id: 'D19',
    what: 'the momentum of the averaged encoder rises along a cosine; the paper gives one value',
    recipe: 'suave-cifar100',
    path: 'momentumEncoder.schedule',
    paper: 'cosine',
    official: 'cosine',
    other: 'constant',
  },
  {
    id: 'EXIF',
    what: 'the orientation tag of photos is ignored',
    recipe: 'suave-imagenet-1pct',
    path: 'data.exifOrientation',
    paper: 'apply',
    official: 'ignore',
  },
];

/** Quirks without a switch. */
export const settledQuirks: readonly SettledQuirk[] = [
  {
    id: 'Q5',
    what: 'a meter keeps the graph of the mixed loss for an epoch',
    reason: 'only memory: meters hold detached sums',
  },
  {
    id: 'Q6',
    what: 'validation uses prototypes that are not normalised again',
    reason: 'kept in both presets: accuracies are those of the raw rows; `val_top1_normalized` is logged beside them',
  },
  {
    id: 'Q7',
    what: "SwAV's head does not fit into Suave",
    reason: 'mended when a checkpoint is loaded: its keys are renamed',
  },
  {
    id: 'Q8',
    what: 'scripts for linear and semi-supervised evaluation do not run',
    reason: 'written anew as recipes from the descriptions of SwAV',
  },
  {
    id: 'Q9',
    what: 'the rank within a machine is taken for the global rank',
    reason: 'a matter of launching several processes, not of the method',
  },
  { id: 'Q10', what: 'a zero row marks a queue that is not full', reason: 'a counter gives the same result' },
  {
    id: 'Q12',
    what: 'all ranks draw the same random numbers',
    reason: 'draws are functions of seed, epoch, image and view; the order of another library is not repeated',
  },
  {
    id: 'Q13',
    what: 'resuming restarts the labeled images and forgets random states',
    reason: 'mended: a resumed run is the same to the bit',
  },
  { id: 'Q14', what: 'defaults of the command line are not those of the recipes', reason: 'recipes set every value' },
  {
    id: 'Q15',
    what: 'the supervised loss is computed on half-precision scores',
    reason: 'losses are computed in float32 at least; no result depends on it',
  },
  {
    id: 'Q17',
    what: 'position codes are interpolated on a grid shifted by .1',
    reason: 'kept in both presets: published weights were trained with it',
  },
  { id: 'Q19', what: 'PAWS leaves batch norms of shortcuts in the decay', reason: 'kept in both presets' },
  {
    id: 'Q20',
    what: 'the learning rate after the warm-up appears twice',
    reason: 'kept in both presets; optimizer.schedule=paws ends the warm-up a step later',
  },
  {
    id: 'Q21',
    what: 'the first folder whose name begins with a synset is taken for it',
    reason: 'kept in both presets',
  },
  {
    id: 'Q22',
    what: 'gradients are clipped tensor by tensor',
    reason: 'kept in both presets; clipGradNorm is off in the recipes of Daino',
  },
  { id: 'Q23', what: "solo-learn's DINO knows two crops only", reason: 'the loss takes any number of crops' },
  {
    id: 'Q25',
    what: 'the averaged encoder normalises with the statistics of its batch',
    reason: 'kept in both presets',
  },
  {
    id: 'Q26',
    what: 'fine-tuning asks for prototypes in the checkpoint',
    reason: 'mended: prototypes that are not there are not dropped',
  },
  {
    id: 'D17',
    what: 'the fine-tuning script for 1 % passes an option that is refused',
    reason: 'the option is ignored',
  },
];

/**
 * What the preset `official-code` changes whatever the recipe: the orientation tag is ignored, mixed views are taken from the swapped
 * positions, Daino stays in evaluation mode, and ImageNet's red deviation is .228 where Suave is trained. Numbers of single recipes
 * (D1, D2, D3) are chosen where they stand.
 */
export function withPreset(config: Config): Config {
  if (config.preset === 'paper') return config;
  const isImagenet = config.normalization.std.every((value, channel) => value === imagenetNormalization.std[channel]);
  const hasSuave = config.stages.some((stage) => stage.method === 'suave');
  return {
    ...config,
    data: { ...config.data, exifOrientation: 'ignore' },
    normalization: isImagenet && hasSuave ? normalizationConfig(swavNormalization) : config.normalization,
    stages: config.stages.map(withStageQuirks),
  };
}

function withStageQuirks(stage: Stage): Stage {
  if (stage.method === 'suave') return { ...stage, mixing: { ...stage.mixing, positions: 'official' } };
  return stage.method === 'daino' ? { ...stage, studentEvalQuirk: true } : stage;
}
