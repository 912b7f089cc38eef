/**
 * @file Module: parameters, buffers and child modules found among an object's own properties, in the order in which
 * they were defined. A property's name is its key in the state dict, so keys equal PyTorch's where the names do.
 */
import { setGradients } from '../autograd/gradients.js';
import { noGrad } from '../autograd/index.js';
import type { DType, NamedDevice } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { copy_ } from '../generated/operators.js';
import { inspectCustom } from '../inspect-custom.js';
import { scope } from '../scope.js';
import { CheckpointError, listKeys } from '../serialization/checkpoint-error.js';
import { Tensor } from '../tensor.js';
import { type Kind, kindOf, type ModulePlacement, placementOf, relocate } from './parameter.js';
import { formatModule } from './repr.js';

/** A module whose `forward` maps one tensor to one tensor. */
export type Layer = Module & { forward(x: Tensor): Tensor };

/** What {@link Module.loadStateDict} did not match, with `strict: false`. */
export interface StateDictDifference {
  /** Keys of the module that the state lacks. */
  readonly missing: string[];
  /** Keys of the state that the module lacks. */
  readonly unexpected: string[];
}

/** Base of all modules (PyTorch's nn.Module). Subclasses assign parameters, buffers and modules to own properties. */
export abstract class Module {
  /** Whether layers such as batch norm act as in training; see {@link train} and {@link eval}. */
  training = true;

  /** Own tensors of the given kinds by property name. */
  *#own(...wanted: Kind[]): Generator<[string, Tensor]> {
    for (const [name, value] of Object.entries(this)) {
      if (!(value instanceof Tensor)) continue;
      const kind = kindOf(value);
      if (kind !== undefined && wanted.includes(kind)) yield [name, value];
    }
  }

  /** Direct child modules by property name, in definition order. */
  *namedChildren(): Generator<[string, Module]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) yield [name, value];
      else if (Array.isArray(value) && value.some((element) => element instanceof Module))
        throw new TypeError(
          `${this.constructor.name}.${name}: expected a module, got an array of modules. Use ModuleList.`,
        );
    }
  }

  /** Direct child modules, each once. */
  children(): Module[] {
    return [...new Set([...this.namedChildren()].map(([, child]) => child))];
  }

  /** This module and all modules below it, each once, parents before their children. */
  modules(): Module[] {
    return [...new Set([...this.namedModules()].map(([, module]) => module))];
  }

  /**
   * The module below this one with a dotted name, as {@link namedModules} gives it; `''` is the module itself.
   * @throws RangeError when there is none
   */
  getSubmodule(name: string): Module {
    for (const [candidate, module] of this.namedModules()) if (candidate === name) return module;
    const names = [...this.namedModules()].map(([candidate]) => candidate).filter((candidate) => candidate !== '');
    throw new RangeError(
      `${this.constructor.name}.getSubmodule: expected the name of a module, got '${name}'. There are ${listKeys(names)}.`,
    );
  }

  /** This module and all modules below it with their dotted names; the module itself has the empty name. */
  *namedModules(prefix = ''): Generator<[string, Module]> {
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(prefix ? `${prefix}.${name}` : name);
  }

  #collect(unique: boolean, ...wanted: Kind[]): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    const seen = new Set<Tensor>();
    for (const [prefix, module] of this.namedModules()) {
      for (const [name, tensor] of module.#own(...wanted)) {
        if (unique && seen.has(tensor)) continue;
        seen.add(tensor);
        found.set(prefix ? `${prefix}.${name}` : name, tensor);
      }
    }
    return found;
  }

  /** Parameters by state-dict key in PyTorch's order; a shared one appears once, under its first key. */
  namedParameters(): Map<string, Tensor> {
    return this.#collect(true, 'parameter');
  }

  /** Parameters in the order of {@link namedParameters}. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** How many numbers the parameters hold, shared ones counted once; `trainable` leaves out frozen ones. */
  numParameters({ trainable = false }: { trainable?: boolean } = {}): number {
    return this.parameters().reduce(
      (sum, { numel, requiresGrad }) => (trainable && !requiresGrad ? sum : sum + numel),
      0,
    );
  }

  /** Buffers in the order of {@link namedBuffers}. */
  buffers(): Tensor[] {
    return [...this.namedBuffers().values()];
  }

  /** Buffers by key, those outside the state dict included. */
  namedBuffers(): Map<string, Tensor> {
    return this.#collect(true, 'buffer', 'transient');
  }

  /**
   * Parameters and persistent buffers by PyTorch's keys in PyTorch's order: of each module the parameters, then the
   * buffers, then its children. The tensors are the live ones: they change with the next step.
   */
  stateDict(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    for (const [prefix, module] of this.namedModules()) {
      const dotted = prefix ? `${prefix}.` : '';
      for (const [name, tensor] of module.#own('parameter')) state.set(dotted + name, tensor);
      for (const [name, tensor] of module.#own('buffer')) state.set(dotted + name, tensor);
    }
    return state;
  }

  /**
   * Copies values into parameters and buffers, in place, converting dtype and device.
   * @param state   key → tensor; kept, not modified
   * @param strict  whether missing and unexpected keys are errors (default); shapes must always fit
   * @returns       the keys that did not match
   * @throws CheckpointError when keys (strict) or shapes do not fit; nothing was copied then
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>, { strict = true }: { strict?: boolean } = {}): StateDictDifference {
    if (typeof state?.has !== 'function')
      throw new ArgumentError(
        `${this.constructor.name}.loadStateDict: expected a Map of keys and tensors, got ${typeof state}. Use new Map(Object.entries(state)) for a plain object.`,
      );
    const own = this.stateDict();
    const missing = [...own.keys()].filter((key) => !state.has(key));
    const unexpected = [...state.keys()].filter((key) => !own.has(key));
    const where = `${this.constructor.name}.loadStateDict`;
    if (strict && (missing.length > 0 || unexpected.length > 0)) {
      const problems = [
        ...(missing.length > 0 ? [`${missing.length} missing (${listKeys(missing)})`] : []),
        ...(unexpected.length > 0 ? [`${unexpected.length} unexpected (${listKeys(unexpected)})`] : []),
      ];
      throw new CheckpointError(
        'ERR_CHECKPOINT_KEYS',
        `${where}: expected exactly the module's ${own.size} keys, got ${problems.join(' and ')}. ` +
          'Load a state of the same architecture, or pass { strict: false }.',
        { missing, unexpected },
      );
    }
    const pairs: [Tensor, Tensor][] = [];
    const misfits: string[] = [];
    for (const [key, target] of own) {
      const source = state.get(key);
      if (source === undefined) continue;
      const expected = target.shape;
      const got = source.shape;
      if (expected.length === got.length && expected.every((size, i) => size === got[i])) pairs.push([target, source]);
      else misfits.push(`${key} [${expected.join(', ')}] from [${got.join(', ')}]`);
    }
    if (misfits.length > 0) {
      throw new CheckpointError(
        'ERR_CHECKPOINT_SHAPE',
        `${where}: expected the module's shapes, got other ones: ${listKeys(misfits)}. Load a state of the same architecture and width.`,
      );
    }
    scope(() =>
      noGrad(() => {
        for (const [target, source] of pairs) copy_(target, source);
      }),
    );
    return { missing, unexpected };
  }

  /** Sets the mode of this module and all below it. */
  train(mode = true): this {
    for (const [, module] of this.namedModules()) module.training = mode;
    return this;
  }

  /** Evaluation mode: the same as `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** Switches gradients of all parameters on or off. */
  requiresGrad_(value = true): this {
    for (const tensor of this.parameters()) tensor.requiresGrad = value;
    return this;
  }

  /**
   * Calls `body` with every module below this one, children before their parents, and with this one at last.
   * @example model.apply((module) => { if (module instanceof nn.Linear) nn.init.xavierUniform_(module.weight); });
   */
  apply(body: (module: Module) => void): this {
    for (const child of this.children()) child.apply(body);
    body(this);
    return this;
  }

  /** Makes all parameters' gradients absent. */
  zeroGrad(): void {
    setGradients(this.parameters(), null);
  }

  /**
   * Moves parameters and buffers to another dtype, device or memory format; only floating-point ones change their dtype.
   * The module gets new tensors (the old ones are disposed of, gradients are dropped): make optimizers and lists of
   * parameters after the move.
   * @param placement  options, or a device or dtype alone: `model.to('cuda')`
   */
  to(placement: ModulePlacement | DType | NamedDevice): this {
    const wanted = placementOf(placement);
    const moved = new Map<Tensor, Tensor>();
    for (const [, module] of this.namedModules()) {
      for (const [name, tensor] of module.#own('parameter', 'buffer', 'transient')) {
        const target = moved.get(tensor) ?? relocate(tensor, wanted);
        moved.set(tensor, target);
        (module as unknown as Record<string, Tensor>)[name] = target;
      }
    }
    for (const [before, after] of moved) if (before !== after) before.dispose();
    return this;
  }

  /** What stands between the parentheses when the module is printed; subclasses say their settings. */
  extraRepr(): string {
    return '';
  }

  /** The module and its children as PyTorch prints them. */
  toString(): string {
    return formatModule(this);
  }

  [inspectCustom](): string {
    return formatModule(this);
  }

  /** Frees all parameters and buffers, of child modules too. */
  dispose(): void {
    for (const tensor of this.#collect(true, 'parameter', 'buffer', 'transient').values()) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
