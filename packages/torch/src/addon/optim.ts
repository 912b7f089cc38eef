/** @file Functions of the addon: what optimizers need under a gradient scaler. */
import type { Handle } from '../native.js';

export interface OptimFunctions {
  flagOnCpu(flag: Handle): boolean;
  copyWhere(flag: Handle, targets: Float64Array, sources: Float64Array): void;
}
