/** @file Functions of the addon: differentiation and the modes around it. */
import type { Handle } from '../native.js';

export interface AutogradFunctions {
  backward(tensor: Handle, gradient: Handle, retainGraph?: boolean, createGraph?: boolean): void;
  grad(
    outputs: Float64Array,
    inputs: Float64Array,
    gradOutputs: Float64Array,
    retainGraph?: boolean,
    createGraph?: boolean,
    allowUnused?: boolean,
  ): Handle[];
  requiresGrad(tensor: Handle): boolean;
  setRequiresGrad(tensors: Float64Array, value: boolean): void;
  isLeaf(tensor: Handle): boolean;
  gradients(parameters: Float64Array): Handle[];
  setGradients(parameters: Float64Array, gradients: Float64Array | null): void;
  gradEnabled(): boolean;
  setGradEnabled(enabled: boolean): boolean;
  autocastBegin(deviceType: string, dtype: string): boolean;
  autocastEnd(deviceType: string, enabledBefore: boolean): void;
}
