/** @file Functions of the addon: who frees a tensor, and when; what is alive. */
import type { HandleList } from '../handle-list.js';
import type { Handle } from '../native.js';

export interface ScopeFunctions {
  scopeBegin(): void;
  /**
   * Returns how many of the escaping tensors belong to no scope now. Handles that were not the scope's become 0 in the list.
   */
  scopeEnd(escaping?: HandleList): number | undefined;
  scopeDepth(): number;
  /** Whether it was not kept before. */
  keep(tensor: Handle): boolean;
  release(tensor: Handle): void;
  alive(tensor: Handle): boolean;
  liveCount(): number;
  liveBytes(): number;
  peakCount(reset: boolean): number;
  /** Triples of device, tensors and bytes. */
  liveDevices(): (string | number)[];
}
