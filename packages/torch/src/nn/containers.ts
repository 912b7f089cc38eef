/** @file Modules that hold other modules; keys are positions, as in PyTorch. */
import type { Tensor } from '../tensor.js';
import { type Layer, Module } from './module.js';

/** A list of modules with keys `0`, `1`, …; iterable, without a forward of its own (PyTorch's nn.ModuleList). */
export class ModuleList<T extends Module = Module> extends Module implements Iterable<T> {
  [index: number]: T;
  readonly #modules: T[];

  constructor(modules: Iterable<T> = []) {
    super();
    this.#modules = [];
    for (const module of modules) this.append(module);
  }

  get length(): number {
    return this.#modules.length;
  }

  /** Adds a module at the end. */
  append(module: T): this {
    this[this.#modules.length] = module;
    this.#modules.push(module);
    return this;
  }

  /** The module at a position; a negative one counts from the end. */
  at(index: number): T {
    const module = this.#modules.at(index);
    if (module === undefined)
      throw new RangeError(
        `ModuleList: expected an index below ${this.length}, got ${index}. Check the list's length.`,
      );
    return module;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#modules[Symbol.iterator]();
  }
}

/** Layers called one after the other, with keys `0`, `1`, … (PyTorch's nn.Sequential). */
export class Sequential extends Module implements Iterable<Layer> {
  [index: number]: Layer;
  readonly #layers: readonly Layer[];

  constructor(...layers: Layer[]) {
    super();
    this.#layers = layers;
    layers.forEach((layer, i) => {
      this[i] = layer;
    });
  }

  get length(): number {
    return this.#layers.length;
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this.#layers) y = layer.forward(y);
    return y;
  }

  [Symbol.iterator](): Iterator<Layer> {
    return this.#layers[Symbol.iterator]();
  }
}
