/** @file The seed of fresh weights. */
import { Draws } from '../augment/random.js';

/** Seed that torch's own generator gets before the weights of a stage are drawn. */
export function initializationSeed(seed: number, stage: number): number {
  return new Draws(seed, stage, 'other').at(0, 0, 0, 0, 'initialization').uniformInt(0, Number.MAX_SAFE_INTEGER);
}
