/** @file `suave train`: reads its options, sets the thread count, then loads libtorch and trains. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { didYouMean, UsageError } from '../errors.js';
import {
  architectures,
  defaultRecipe,
  exampleFacts,
  logOutputs,
  type Override,
  parseSet,
  type RecipeRequest,
  resolveRecipe,
} from '../recipes/index.js';
import { checkOut } from '../runs/index.js';
import type { TrainOptions as TrainCall, TrainResult } from '../training/index.js';
import { InterruptedError } from './exit.js';
import { wholeNumber } from './numbers.js';
import { stopOnSignals } from './signals.js';
import { Terminal } from './terminal.js';
import { prepareThreads, threadsFor } from './threads.js';
import { reportTraining, trainingResultText } from './train-report.js';

/** Options of `suave train` that are settings of the configuration under another name. */
const settingOptions = {
  labels: 'data.labels',
  labelsPerClass: 'data.labelsPerClass',
  labelFraction: 'data.labelFraction',
  holdout: 'data.holdout',
  arch: 'model.arch',
  init: 'init',
  epochs: 'epochs',
  seed: 'seed',
  device: 'device',
  precision: 'precision',
  threads: 'threads',
  workers: 'data.workers',
  cache: 'data.cache',
} as const;

type SettingOption = keyof typeof settingOptions;
const pathOptions: readonly SettingOption[] = ['labels', 'init', 'cache'];
const textOptions: readonly SettingOption[] = ['arch', 'device', 'precision'];

/** Options as commander hands them over. */
export interface TrainOptions extends Partial<Record<SettingOption, string>> {
  out: string;
  recipe?: string;
  baseline?: boolean;
  resume?: boolean;
  allowPartial?: boolean;
  scale?: string;
  log?: string;
  set: string[];
  json?: boolean;
}

/**
 * What `--log` asks for, each once.
 * @throws UsageError for an unknown name
 */
function logOutputsOf(command: string, text: string): string[] {
  if (text.trim() === 'none') return [];
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(logOutputs as readonly string[]).includes(name));
  if (unknown === undefined) return [...new Set(names)];
  const expected = `${logOutputs.join(', ')} or both with a comma, or none`;
  throw new UsageError(
    `suave ${command} --log: expected ${expected}, got "${text}".${didYouMean(unknown, [...logOutputs, 'none'])}`,
  );
}

/** The changes of settings that the options of a command line mean; `--set` wins over the others. */
export function overridesOf(options: TrainOptions, command = 'train'): Override[] {
  const overrides: Override[] = [];
  for (const [option, path] of Object.entries(settingOptions) as [SettingOption, string][]) {
    const value = options[option];
    if (value === undefined) continue;
    if (pathOptions.includes(option)) overrides.push({ path, value: resolve(value), isText: false });
    else overrides.push({ path, value, isText: !textOptions.includes(option) });
  }
  if (options.log !== undefined) {
    overrides.push({ path: 'logging.outputs', value: logOutputsOf(command, options.log), isText: false });
  }
  if (options.allowPartial === true) overrides.push({ path: 'allowPartialInit', value: true, isText: false });
  return [...overrides, ...options.set.map(parseSet)];
}

const examples = `Examples:
  suave train photos --out runs/first                              class folders: the folder names are the labels
  suave train photos --labels labels.csv --out runs/second         20,000 photos and a CSV of path,label
  suave train photos --labels-per-class 10 --baseline --out runs/c compare with supervised training on 10 labels per class
  suave train photos.suave --out runs/first                        what suave prepare made of photos, on any machine
  suave train photos --out runs/first --resume                     continue after an interruption
  suave train photos --out runs/d --epochs 50 --set optimizer.lr=1.4 --set stages.suave.queue.size=0
`;

/** Adds the options of every command that trains. */
export function withTrainingOptions(command: Command): Command {
  return command
    .requiredOption('--out <RUN>', 'folder for configuration, metrics and checkpoints; must not hold a run')
    .option(
      '--labels <FILE>',
      'CSV path,label, a list of labeled files, or of numbers of images of CIFAR files; all others are unlabeled',
    )
    .option('--labels-per-class <N>', 'use only N labels of each class')
    .option('--label-fraction <F>', 'use only this fraction of the labels')
    .option('--holdout <F>', 'fraction set aside for validation where there is no val folder (0.2)')
    .option('--baseline', 'also train on the labels alone, into RUN/baseline, and print both')
    .option('--arch <A>', `backbone: ${architectures.join(', ')}`)
    .option('--allow-partial', 'start from a checkpoint that holds less than 90 % of the backbone')
    .option('--epochs <N>', 'epochs of the last stage')
    .option('--seed <S>', 'seed of every random number')
    .option('--device <DEVICE>', 'cpu or cuda (default: cuda where there is one)')
    .option('--precision <P>', 'fp32, bf16 or fp16')
    .option('--threads <N>', 'threads of libtorch (default: all processors); part of the run')
    .option('--workers <N>', 'threads that decode images')
    .option('--cache <DIR>', 'folder for decoded images (default: suave in the user cache folder)')
    .option(
      '--log <LIST>',
      `what to write beside metrics.jsonl: ${logOutputs.join(', ')} or both, or none (default: tensorboard)`,
    )
    .option('--scale <DEVICES>', 'adapt batches and learning rates to so many devices, by the rule of the recipe')
    .option('--resume', 'continue the run in RUN, or start it')
    .option('--set <path=value>', 'change any setting; repeatable', (value, all: string[]) => [...all, value], [])
    .option('--json', 'print the result as one JSON object');
}

/** Adds `train` to the program. */
export function addTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .summary('train on a folder of images, labeled and unlabeled')
    .description(
      'Trains a classifier on all images of DATA, using the few labels there are, and writes everything to RUN.',
    )
    .argument(
      '<DATA>',
      'folder: train/<class>/* and val/<class>/*, or class folders, or images at any depth with --labels, or the files of CIFAR-10 or CIFAR-100; or a file of suave prepare',
    )
    .option('--recipe <NAME|FILE>', `recipe by name or YAML file (default: ${defaultRecipe}); see suave recipes`)
    .option(
      '--init <CKPT>',
      'checkpoint to start from: of Suave, or as suave import reads it (.pth, .pth.tar, .safetensors)',
    );
  withTrainingOptions(command).addHelpText('before', examples).action(runTrain);
}

/** A training command that is about to start. */
export interface TrainingStart {
  /** Name of the command, for messages. */
  command: string;
  /** Recipe to check settings with before anything is loaded; null where it follows from a checkpoint. */
  recipe: string | null;
  options: TrainOptions;
  /** Trains; called with libtorch's thread count prepared. */
  train(common: CommonRequest): Promise<TrainResult>;
}

/** What the options of a training command mean, whatever it starts from. */
export type CommonRequest = Pick<
  TrainCall,
  'out' | 'overrides' | 'resume' | 'baseline' | 'threads' | 'scale' | 'signal' | 'events'
>;

async function runTrain(data: string, options: TrainOptions): Promise<void> {
  await runTraining({
    command: 'train',
    recipe: options.recipe ?? defaultRecipe,
    options,
    async train(common) {
      const { train } = await import('../training/index.js');
      return train({ ...common, data, recipe: options.recipe ?? null });
    },
  });
}

/** Checks what can be checked, trains, prints the result; a signal stops after a checkpoint. */
export async function runTraining({ command, recipe, options, train }: TrainingStart): Promise<void> {
  const resume = options.resume === true;
  const scale = wholeNumber(command, 'scale', options.scale, 1) ?? null;
  const overrides = overridesOf(options, command);
  const request: RecipeRequest = { recipe: recipe ?? defaultRecipe, overrides, scale };
  checkOut(options.out, resume);
  if (!resume && recipe !== null) resolveRecipe(request, exampleFacts); // a wrong setting is said at once, before anything is loaded
  const threads = threadsFor(request, options.out, resume);
  prepareThreads(threads);

  const terminal = new Terminal();
  const stop = stopOnSignals(terminal);
  try {
    const result = await train({
      out: options.out,
      overrides,
      resume,
      baseline: options.baseline === true,
      threads,
      scale,
      signal: stop.signal,
      events: reportTraining(terminal),
    });
    terminal.endBar();
    if (result.interrupted) {
      throw new InterruptedError(
        `interrupted; the checkpoint is written. Continue with the same command and --resume.`,
      );
    }
    process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : trainingResultText(result));
  } catch (error) {
    throw stop.explain(error);
  } finally {
    terminal.endBar();
    stop.dispose();
  }
}
