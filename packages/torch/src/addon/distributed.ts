/** @file Functions of the addon: collectives over Gloo, and what is computed over a group of processes. */
import type { HandleList } from '../handle-list.js';
import type { Handle } from '../native.js';

export interface DistributedFunctions {
  glooAvailable(): boolean;
  glooInit(address: string, rank: number, worldSize: number, timeoutSeconds: number): number;
  glooAllReduce(group: number, tensor: Handle, operation: string): void;
  glooBroadcast(group: number, tensor: Handle, root: number): void;
  glooAllGather(group: number, tensor: Handle): Handle[];
  glooBarrier(group: number): void;
  glooDestroy(group: number): void;
  /** Batch norm of a training batch over the group: input, weight, bias, running mean and variance, 0 for none. */
  syncBatchNorm(group: number, tensors: HandleList, momentum: number, eps: number): Handle;
}
