/** @file Functions of the addon: calls written down while they happen. */
import type { HandleList } from '../handle-list.js';
import type { OperatorFunctions } from './operators.js';

export interface TraceFunctions {
  /** From now on calls are written down with their arguments, or counted only. */
  traceBegin(detailed: boolean): void;
  /** The calls (null where they were counted only), how many, and how many of them read on the host. */
  traceEnd(): [calls: unknown[] | null, count: number, hostReads: number];
  /** Number of a call that is about to happen; `kinds` has a letter for each name: T tensor, L list of tensors, V other. */
  traceCall(name: string, readsHost: boolean, kinds: string, names: readonly string[], ...values: unknown[]): number;
  traceMade(call: number, tensors: HandleList): void;
  invokeTraced: OperatorFunctions['invoke'];
  invokeVoidTraced: OperatorFunctions['invokeVoid'];
}
