/** @file Functions of the addon: who frees a tensor, and when. */
import type { HandleList } from '../handle-list.js';
import type { Handle } from '../native.js';

export interface ScopeFunctions {
  scopeBegin(): void;
  scopeEnd(escaping?: HandleList): void;
  scopeDepth(): number;
  keep(tensor: Handle): void;
  release(tensor: Handle): void;
  alive(tensor: Handle): boolean;
  liveCount(): number;
  liveBytes(): number;
}
