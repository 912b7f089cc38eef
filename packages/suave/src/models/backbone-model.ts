/** @file A network around a backbone whose state-dict keys carry no prefix for it, as in the published checkpoints. */
import { nn } from '@suave/torch';
import { ConfigError } from '../errors.js';
import type { Backbone } from './backbone.js';

/** Base of networks that put heads on a backbone: the backbone's children come first, under their own names. */
export abstract class BackboneModel extends nn.Module {
  readonly #backbone: Backbone;

  /** @param backbone  taken over: trained, moved and disposed with this network; without a classifier of its own */
  constructor(backbone: Backbone) {
    super();
    this.#backbone = backbone;
    for (const [name, child] of backbone.namedChildren()) {
      if (name === 'fc') {
        throw new ConfigError(
          'model.numClasses',
          `${new.target.name}: expected a backbone without a classifier, got one with "fc". Make it without numClasses.`,
        );
      }
      // the backbone itself is no child (its field is private), so every parameter is found once, without a prefix
      Object.defineProperty(this, name, { value: child, enumerable: true });
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
