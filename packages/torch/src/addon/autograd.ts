/** @file Functions of the addon: differentiation and the modes around it. */
import type { HandleList, HandleResults } from '../handle-list.js';
import type { Handle } from '../native.js';

export interface AutogradFunctions {
  backward(tensor: Handle, gradient: Handle, retainGraph?: boolean, createGraph?: boolean): void;
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
  gradients(parameters: HandleList): HandleResults;
  setGradients(parameters: HandleList, gradients: HandleList | null): void;
  gradEnabled(): boolean;
  setGradEnabled(enabled: boolean): boolean;
  autocastBegin(deviceType: string, dtype: string): boolean;
  autocastEnd(deviceType: string, enabledBefore: boolean): void;
}
