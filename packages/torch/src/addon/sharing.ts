/** @file Functions of the addon: tensors that the threads of a process share without a copy. */
import type { Handle } from '../native.js';

export interface SharingFunctions {
  /** Gives a token that any environment of the process takes. */
  shareTensor(tensor: Handle): number;
  fromShared(token: number, release: boolean): Handle;
  /** Whether the token was there. */
  disposeShared(token: number): boolean;
  sharedCount(): number;
}
