/** @file Whether the classes of a checkpoint are those of the data: where a run starts from it, and where it continues. */
import type { Splits } from '../data/index.js';
import { CheckpointError, listNames } from '../errors.js';
import type { Config } from '../recipes/index.js';
import { describeInit } from './hand-over.js';

/**
 * Compares the classes of `--init` with those of the data. A stage that takes all but the prototypes goes on with the same task,
 * so their numbers have to agree; one that takes less learns another task just as well.
 * @param path     a checkpoint; of another program's files nothing is known
 * @param classes  of the data
 * @returns        sentences for the user
 * @throws CheckpointError `CHECKPOINT_CLASSES`
 */
export function checkInitClasses(path: string, config: Config, classes: readonly string[]): string[] {
  const trained = describeInit(path)?.classes ?? null;
  if (trained === null || trained.length === classes.length) return [];
  const [first] = config.stages;
  if (first.init === 'all-but-prototypes') {
    throw new CheckpointError(
      `--init ${path}: expected a checkpoint of the data's ${classes.length} classes (${listNames(classes, 3)}), got one of ${trained.length} (${listNames(trained, 3)}). Use the data that it was trained on, or --set stages.${first.name}.init=backbone to take the backbone alone.`,
      { code: 'CHECKPOINT_CLASSES' },
    );
  }
  return [
    `--init ${path} was trained on ${trained.length} classes, the data has ${classes.length}: what it knows of its classes is left out`,
  ];
}

/**
 * Fine-tuning on other classes than the checkpoint's takes backbone and projection head; all that knows the old classes is drawn anew.
 * @returns  the configuration, changed where the numbers of classes differ
 */
export function withFittingInit(config: Config, classes: readonly string[]): Config {
  const [first, ...rest] = config.stages;
  if (config.init === null || first.init !== 'all-but-prototypes') return config;
  const trained = describeInit(config.init)?.classes ?? null;
  if (trained === null || trained.length === classes.length) return config;
  return { ...config, stages: [{ ...first, init: 'backbone+head' }, ...rest] };
}

/**
 * Makes sure that the checkpoint of a run is of the classes that the run's splits label.
 * @param classes  of the checkpoint `path`; null where it has none yet
 * @throws CheckpointError `CHECKPOINT_CLASSES`
 */
export function checkRunClasses(path: string, classes: readonly string[] | null, splits: Splits): void {
  if (classes === null) return;
  const labeled = [...new Set(splits.labeled.map(({ label }) => label))];
  const known = new Set(classes);
  if (labeled.length === classes.length && labeled.every((label) => known.has(label))) return;
  throw new CheckpointError(
    `${path}: expected a checkpoint of the ${labeled.length} classes of this run's splits (${listNames(labeled, 3)}), got one of ${classes.length} (${listNames(classes, 3)}). Put back checkpoint and splits of the same run, or start another one.`,
    { code: 'CHECKPOINT_CLASSES' },
  );
}
