/** @file What every method does with its networks: their entries in a state under a prefix, and scoring in eval mode. */
import { type nn, noGrad, scope, type Tensor } from '@suave/torch';

/** A map with a prefix before every key. */
export function prefixed<T>(prefix: string, map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...map].map(([key, value]) => [prefix + key, value]));
}

/** The entries under a prefix, without it. */
export function unprefixed<T>(prefix: string, map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map(
    [...map].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
  );
}

/** Runs `score` without gradient while the network is in eval mode, and restores the mode. */
export function scoreInEvalMode(network: nn.Module, score: () => Tensor): Tensor {
  const { training } = network;
  network.eval();
  try {
    return noGrad(() => scope(score));
  } finally {
    network.train(training);
  }
}
