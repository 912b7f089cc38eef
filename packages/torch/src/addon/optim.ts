/** @file Functions of the addon: what optimizers need under a gradient scaler. */
import type { HandleList } from '../handle-list.js';
import type { Handle } from '../native.js';

export interface OptimFunctions {
  flagOnCpu(flag: Handle): boolean;
  alike(tensors: HandleList, count: number): boolean;
  copyWhere(flag: Handle, targets: HandleList, sources: HandleList): void;
}
