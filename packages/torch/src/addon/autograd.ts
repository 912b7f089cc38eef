/** @file Functions of the addon: differentiation and the modes around it. */
import type { HandleList, HandleResults } from '../handle-list.js';
import type { Handle } from '../native.js';

/** A thread's automatic casting: cpu enabled, its dtype, cuda enabled, its dtype, casts of leaves remembered. */
export type AutocastState = readonly [boolean, string, boolean, string, boolean];

export interface AutogradFunctions {
  backward(tensor: Handle, gradient: Handle, retainGraph?: boolean, createGraph?: boolean): void;
  backwardMany(
    tensors: HandleList,
    gradients: HandleList,
    retainGraph: boolean,
    createGraph: boolean,
    inputs: HandleList,
  ): void;
  grad(
    outputs: HandleList,
    inputs: HandleList,
    gradOutputs: HandleList,
    retainGraph?: boolean,
    createGraph?: boolean,
    allowUnused?: boolean,
  ): HandleResults;
  requiresGrad(tensor: Handle): boolean;
  setRequiresGrad(tensors: HandleList, value: boolean): void;
  isLeaf(tensor: Handle): boolean;
  gradient(tensor: Handle): Handle;
  retainGrad(tensor: Handle): void;
  gradients(parameters: HandleList): HandleResults;
  setGradients(parameters: HandleList, gradients: HandleList | null): void;

  gradEnabled(): boolean;
  setGradEnabled(enabled: boolean): boolean;
  inferenceBegin(enabled: boolean): void;
  inferenceEnd(): void;
  inferenceEnabled(): boolean;
  autocastBegin(device: 'cpu' | 'cuda' | '', dtype: string, cacheEnabled: boolean): AutocastState;
  autocastEnd(before: AutocastState): void;
  autocastDtype(device: 'cpu' | 'cuda'): string;

  anomalyBegin(stack: () => string, checkNan: boolean): void;
  anomalyEnd(checkNan: boolean): void;
  anomalyEnabled(): boolean;

  checkpointBegin(inputs: HandleList, preserveRngState: boolean): void;
  checkpointEnd(outputs: HandleList, recompute: () => void): Handle[];
  checkpointAbort(): void;
  checkpointInputs(): Handle[];
  checkpointDeliver(outputs: HandleList): void;
  checkpointAlwaysServe(on: boolean): void;
}
