/** @file Modules that hold other modules or parameters; keys are positions or names, as in PyTorch. */
import type { Tensor } from '../tensor.js';
import { type Layer, Module } from './module.js';
import { kindOf, parameter } from './parameter.js';

/** A property that a container adds under a name which its user chose. */
function setEntry(container: Module, name: string, value: unknown): void {
  const where = container.constructor.name;
  if (name === '' || name.includes('.'))
    throw new RangeError(`${where}: expected a name without dots, got '${name}'. Dots separate names in keys.`);
  if (name in container && !Object.hasOwn(container, name))
    throw new RangeError(
      `${where}: expected a name that modules do not use themselves, got '${name}'. Choose another.`,
    );
  if (name === 'training') throw new RangeError(`${where}: expected another name than 'training'.`);
  (container as unknown as Record<string, unknown>)[name] = value;
}

function outside(container: Module, length: number, index: number): RangeError {
  return new RangeError(
    `${container.constructor.name}: expected an index below ${length}, got ${index}. Check the list's length.`,
  );
}

/** A list of modules with keys `0`, `1`, …; iterable, without a forward of its own (PyTorch's nn.ModuleList). */
export class ModuleList<T extends Module = Module> extends Module implements Iterable<T> {
  [index: number]: T;
  #length = 0;

  constructor(modules: Iterable<T> = []) {
    super();
    this.extend(modules);
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a module at the end. */
  append(module: T): this {
    this[this.#length++] = module;
    return this;
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<T>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  /** The module at a position; a negative one counts from the end. */
  at(index: number): T {
    const module = this[index < 0 ? index + this.#length : index];
    if (module === undefined) throw outside(this, this.#length, index);
    return module;
  }

  /** The modules in order. */
  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.#length; i++) yield this[i]!;
  }
}

/** Modules by name, in the order in which they were added (PyTorch's nn.ModuleDict); without a forward of its own. */
export class ModuleDict<T extends Module = Module> extends Module implements Iterable<[string, T]> {
  readonly #names: string[] = [];

  constructor(modules: Readonly<Record<string, T>> | ReadonlyMap<string, T> = {}) {
    super();
    for (const [name, module] of modules instanceof Map ? modules : Object.entries(modules)) this.set(name, module);
  }

  get size(): number {
    return this.#names.length;
  }

  /** Names in order. */
  keys(): string[] {
    return [...this.#names];
  }

  /** Whether there is a module of this name. */
  has(name: string): boolean {
    return this.#names.includes(name);
  }

  /** Adds or replaces a module. @throws RangeError for a name with a dot, or one that modules use themselves */
  set(name: string, module: T): this {
    setEntry(this, name, module);
    if (!this.has(name)) this.#names.push(name);
    return this;
  }

  /** @throws RangeError when there is no such module */
  get(name: string): T {
    if (!this.has(name))
      throw new RangeError(`ModuleDict: expected one of ${this.#names.join(', ') || 'no names'}, got '${name}'.`);
    return (this as unknown as Record<string, T>)[name]!;
  }

  /** Names and modules in order. */
  *[Symbol.iterator](): Iterator<[string, T]> {
    for (const name of this.#names) yield [name, this.get(name)];
  }
}

/** A list of parameters with keys `0`, `1`, …; iterable (PyTorch's nn.ParameterList). */
export class ParameterList extends Module implements Iterable<Tensor> {
  [index: number]: Tensor;
  #length = 0;

  /** @param tensors  made parameters where they are not yet */
  constructor(tensors: Iterable<Tensor> = []) {
    super();
    for (const tensor of tensors) this.append(tensor);
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a parameter at the end. */
  append(tensor: Tensor): this {
    this[this.#length++] = kindOf(tensor) === 'parameter' ? tensor : parameter(tensor);
    return this;
  }

  /** The parameter at a position; a negative one counts from the end. */
  at(index: number): Tensor {
    const tensor = this[index < 0 ? index + this.#length : index];
    if (tensor === undefined) throw outside(this, this.#length, index);
    return tensor;
  }

  /** The parameters in order. */
  *[Symbol.iterator](): Iterator<Tensor> {
    for (let i = 0; i < this.#length; i++) yield this[i]!;
  }

  override extraRepr(): string {
    const line = ({ dtype, shape }: Tensor, i: number) =>
      `(${i}): Parameter containing: [torch.${dtype} of size ${shape.join('x')}]`;
    return [...this].map(line).join('\n');
  }
}

/**
 * Layers called one after the other (PyTorch's nn.Sequential): keys are `0`, `1`, …, or the names of an object or map.
 * A layer can be replaced by assigning to its key.
 * @example new Sequential(new Linear(2, 8), new ReLU(), new Linear(8, 1));
 * @example new Sequential({ conv: new Conv2d(3, 8, 3), act: new ReLU() });
 */
export class Sequential extends Module implements Iterable<Layer> {
  [index: number]: Layer;
  readonly #names: string[];

  constructor(...layers: Layer[]);
  constructor(layers: Readonly<Record<string, Layer>> | ReadonlyMap<string, Layer>);
  constructor(...layers: Layer[] | [Readonly<Record<string, Layer>> | ReadonlyMap<string, Layer>]) {
    super();
    const [first] = layers;
    const entries =
      first === undefined || first instanceof Module
        ? (layers as Layer[]).map((layer, i) => [String(i), layer] as const)
        : [...(first instanceof Map ? (first as ReadonlyMap<string, Layer>) : Object.entries(first))];
    for (const [name, layer] of entries) setEntry(this, name, layer);
    this.#names = entries.map(([name]) => name);
  }

  get length(): number {
    return this.#names.length;
  }

  /** The layer at a position; a negative one counts from the end. */
  at(index: number): Layer {
    const name = this.#names.at(index);
    if (name === undefined) throw outside(this, this.length, index);
    return (this as unknown as Record<string, Layer>)[name]!;
  }

  forward(x: Tensor): Tensor {
    const layers = this as unknown as Record<string, Layer>;
    let y = x;
    for (const name of this.#names) y = layers[name]!.forward(y);
    return y;
  }

  /** The layers in order. */
  *[Symbol.iterator](): Iterator<Layer> {
    for (const name of this.#names) yield (this as unknown as Record<string, Layer>)[name]!;
  }
}
