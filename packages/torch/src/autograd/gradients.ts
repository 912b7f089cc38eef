/** @file Gradients of many tensors in one native call. */
import { handlesOf, mapHandles } from '../handle-list.js';
import { native } from '../native.js';
import { type Tensor, wrapOptional } from '../tensor.js';

/** One value, or a list of them. */
export type OneOrMany<T> = T | readonly T[];

/** A list of one, when it is not a list already. */
export function asList<T>(value: OneOrMany<T>): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** The accumulated gradient of each parameter, null where it is absent; one native call. The tensors belong to the current scope. */
export function gradientsOf(parameters: readonly Tensor[]): (Tensor | null)[] {
  return mapHandles(native.gradients(handlesOf(parameters)), wrapOptional);
}

/** Sets, or with null removes, the gradient of every parameter; one native call. */
export function setGradients(parameters: readonly Tensor[], gradients: readonly (Tensor | null)[] | null): void {
  native.setGradients(handlesOf(parameters), gradients === null ? null : handlesOf(gradients));
}

/** Turns recording on or off for many leaves; one native call. */
export function setRequiresGrad(tensors: readonly Tensor[], value: boolean): void {
  native.setRequiresGrad(handlesOf(tensors), value);
}

/** What `backward` can be asked for. */
export interface BackwardOptions {
  /** Gradients that come into the outputs, one for each, of the same shape; ones for scalars by default. */
  gradOutputs?: readonly (Tensor | null)[];
  /** Keep the graph for another backward; the value of `createGraph` by default. */
  retainGraph?: boolean;
  /** Record the gradients themselves, for higher derivatives. */
  createGraph?: boolean;
  /** Accumulate into these tensors alone (leaves, or tensors inside the graph); into every leaf by default. */
  inputs?: OneOrMany<Tensor>;
}

/**
 * Accumulates the gradients of the sum of `outputs` into leaves, in one pass (PyTorch `torch.autograd.backward`).
 * @throws ArgumentError when an output needs no gradient, or is no scalar and has no `gradOutputs`
 * @throws TorchError when the graph was freed by an earlier pass without `retainGraph`
 */
export function backward(outputs: OneOrMany<Tensor>, options: BackwardOptions = {}): void {
  native.backwardMany(
    handlesOf(asList(outputs)),
    handlesOf(options.gradOutputs ?? []),
    options.retainGraph ?? options.createGraph ?? false,
    options.createGraph ?? false,
    handlesOf(options.inputs === undefined ? [] : asList(options.inputs)),
  );
}

/** What `grad` can be asked for. */
export interface GradOptions {
  /** Gradients that come into the outputs, one for each, of the same shape; ones for scalars by default. */
  gradOutputs?: readonly (Tensor | null)[];
  /** Keep the graph for another backward; the value of `createGraph` by default. */
  retainGraph?: boolean;
  /** Record the gradients themselves, for higher derivatives. */
  createGraph?: boolean;
  /** Give null for an input that no output depends on, instead of an error. */
  allowUnused?: boolean;
}

/**
 * Gradients of the sum of `outputs` with respect to `inputs` (PyTorch `torch.autograd.grad`); nothing is accumulated.
 * @returns one for each input; null only with `allowUnused`
 * @throws ArgumentError when an input is unused and `allowUnused` is off, saying which; when one does not require grad; when
 *   an output needs no gradient, or is no scalar and has no `gradOutputs`
 * @throws TorchError when the graph was freed by an earlier pass without `retainGraph`
 */
export function grad(
  outputs: OneOrMany<Tensor>,
  inputs: OneOrMany<Tensor>,
  options: GradOptions = {},
): (Tensor | null)[] {
  const handles = native.grad(
    handlesOf(asList(outputs)),
    handlesOf(asList(inputs)),
    handlesOf(options.gradOutputs ?? []),
    options.retainGraph ?? options.createGraph ?? false,
    options.createGraph ?? false,
    options.allowUnused ?? false,
  );
  return mapHandles(handles, wrapOptional);
}
