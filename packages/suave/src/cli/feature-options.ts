/** @file Options that the commands about features share. */
import type { Command } from 'commander';
import type { CheckpointChoice, FeatureKind, WeightsChoice } from '../evaluation/index.js';
import { chooseDevice } from './device.js';
import { oneOf, wholeNumber } from './numbers.js';
import { defaultThreads, prepareThreads } from './threads.js';

/** As commander gives them. */
export interface FeatureCommandOptions {
  features?: string;
  checkpoint?: string;
  weights?: string;
  device?: string;
  threads?: string;
  workers?: string;
}

/** Checked. */
export interface FeatureChoice {
  features?: FeatureKind;
  checkpoint?: CheckpointChoice;
  weights: WeightsChoice | null;
  device: string;
  workers: number | null;
}

const kindText =
  'backbone (default): what other programs mean by the embedding of an image; bottleneck: what is compared with the prototypes';

/** Adds the options; `--features` only where there is a choice. */
export function withFeatureOptions(command: Command, { features = true } = {}): Command {
  if (features) command.option('--features <WHICH>', kindText);
  return command
    .option('--checkpoint <WHICH>', 'last (default) or best')
    .option('--weights <WHICH>', 'of DINO and Daino: teacher (default) or student')
    .option('--device <DEVICE>', 'cpu or cuda (default: cuda where there is one)')
    .option('--threads <N>', 'threads of libtorch (default: all processors)')
    .option('--workers <N>', 'threads that decode images');
}

/** Checks the options, sets threads and loads libtorch. @throws UsageError */
export async function featureChoice(command: string, options: FeatureCommandOptions): Promise<FeatureChoice> {
  const features = oneOf(command, 'features', options.features, ['backbone', 'bottleneck']);
  const checkpoint = oneOf(command, 'checkpoint', options.checkpoint, ['last', 'best']);
  const weights = oneOf(command, 'weights', options.weights, ['teacher', 'student']) ?? null;
  const asked = oneOf(command, 'device', options.device, ['cpu', 'cuda']);
  const threads = wholeNumber(command, 'threads', options.threads, 1) ?? defaultThreads();
  const workers = wholeNumber(command, 'workers', options.workers, 0) ?? null;
  prepareThreads(threads);
  const device = await chooseDevice(asked, threads);
  return {
    ...(features === undefined ? {} : { features }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    weights,
    device,
    workers,
  };
}
