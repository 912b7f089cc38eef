/** @file A network around a backbone whose state-dict keys carry no prefix for it, as in the published checkpoints. */
import { nn, Tensor } from '@suave/torch';
import { ConfigError } from '../errors.js';
import type { Backbone } from './backbone.js';

/** Refuses a backbone that already classifies: heads need its features. */
export function refuseClassifier(backbone: Backbone, network: string): void {
  for (const [name] of backbone.namedChildren()) {
    if (name !== 'fc') continue;
    throw new ConfigError(
      'model.numClasses',
      `${network}: expected a backbone without a classifier, got one with "fc". Make it without numClasses.`,
    );
  }
}

/** Base of networks that put heads on a backbone: the backbone's children come first, under their own names. */
export abstract class BackboneModel extends nn.Module {
  readonly #backbone: Backbone;

  /** @param backbone  taken over: trained, moved and disposed with this network; without a classifier of its own */
  constructor(backbone: Backbone) {
    super();
    this.#backbone = backbone;
    refuseClassifier(backbone, new.target.name);
    for (const [name, value] of Object.entries(backbone)) {
      if (!(value instanceof nn.Module || value instanceof Tensor)) continue;
      // the backbone itself is no child (its field is private), so every parameter is found once, without a prefix;
      // its own tensors are replaced in both when the network moves to another device
      const own = backbone as unknown as Record<string, unknown>;
      const set = (moved: unknown) => {
        own[name] = moved;
      };
      Object.defineProperty(this, name, { get: () => own[name], set, enumerable: true });
    }
  }

  /** The backbone, for features alone. */
  get backbone(): Backbone {
    return this.#backbone;
  }

  override train(mode = true): this {
    this.#backbone.training = mode;
    return super.train(mode);
  }
}
