/**
 * @file The one file that touches the binary: loads it, and gives its functions types (those of `addon/`).
 *
 * Tensors cross the border as numbers (handles); lists of tensors as `handle-list.ts` says, 0 for none.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AutogradFunctions } from './addon/autograd.js';
import type { DeviceFunctions } from './addon/devices.js';
import type { DistributedFunctions } from './addon/distributed.js';
import { findBuild } from './addon/find.js';
import type { OperatorFunctions } from './addon/operators.js';
import type { OptimFunctions } from './addon/optim.js';
import type { RuntimeFunctions } from './addon/runtime.js';
import type { ScopeFunctions } from './addon/scopes.js';
import type { SharingFunctions } from './addon/sharing.js';
import type { TensorFunctions } from './addon/tensors.js';
import { LibtorchNotFoundError, torchError } from './errors.js';
import { ring } from './handle-list.js';

/** Names a slot of the native table and its generation; 0 is no tensor. */
export type Handle = number;

/** The functions of the addon. */
export type Native = OperatorFunctions &
  TensorFunctions &
  AutogradFunctions &
  ScopeFunctions &
  RuntimeFunctions &
  DeviceFunctions &
  SharingFunctions &
  OptimFunctions &
  DistributedFunctions;

function load(): { native: Native; folder: string } {
  const { folder } = findBuild();
  try {
    const native = createRequire(import.meta.url)(join(folder, 'suave_torch.node')) as Native;
    native.setErrorFactory(torchError);
    native.setHandleRing(ring);
    return { native, folder };
  } catch (error) {
    throw new LibtorchNotFoundError([join(folder, 'suave_torch.node')], error);
  }
}

const loaded = load();

/** The addon of this Node environment. */
export const native: Native = loaded.native;

/** Name of the build in use, e.g. `torch-1.13.0`: binaries of custom operators for it lie in a folder of this name. */
export const buildTag: string = loaded.folder.split('/').pop()!;
