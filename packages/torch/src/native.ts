/**
 * @file The one door to the binary: has it loaded, and gives its functions types (both in `addon/`).
 *
 * Tensors cross the border as numbers (handles); lists of tensors as `handle-list.ts` says, 0 for none.
 */
import type { AutogradFunctions } from './addon/autograd.js';
import type { DeviceFunctions } from './addon/devices.js';
import type { DistributedFunctions } from './addon/distributed.js';
import { loadAddon } from './addon/load.js';
import type { OperatorFunctions } from './addon/operators.js';
import type { OptimFunctions } from './addon/optim.js';
import type { RuntimeFunctions } from './addon/runtime.js';
import type { ScopeFunctions } from './addon/scopes.js';
import type { SharingFunctions } from './addon/sharing.js';
import type { TensorFunctions } from './addon/tensors.js';
import type { TraceFunctions } from './addon/trace.js';
import { torchError } from './errors.js';
import { ring } from './handle-list.js';

/** Names a slot of the native table and its generation; 0 is no tensor. */
export type Handle = number;

/** The functions of the addon. */
export type Native = OperatorFunctions &
  TraceFunctions &
  TensorFunctions &
  AutogradFunctions &
  ScopeFunctions &
  RuntimeFunctions &
  DeviceFunctions &
  SharingFunctions &
  OptimFunctions &
  DistributedFunctions;

const { addon, binaries } = loadAddon((loaded) => {
  const functions = loaded as Native;
  functions.setErrorFactory((code, operator, operands, message) =>
    torchError(code, operator, operands, message, functions.cudaBuilt),
  );
  functions.setHandleRing(ring);
  return functions;
});

/** The addon of this Node environment. */
export const native: Native = addon;

/** Name of the build in use, e.g. `torch-1.13.0`: binaries of custom operators for it lie in a folder of this name. */
export const buildTag: string = binaries.tag;
