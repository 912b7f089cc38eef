/** @file The calls that a function makes: written down with their arguments, or counted. Costs nothing while nobody asks. */
import type { HandleResults } from './handle-list.js';
import { type Native, native } from './native.js';
import { checkOptions } from './options.js';
import { refusePromise } from './synchronous.js';
import { type FunctionPlan, isTraced, PLANS } from './trace-functions.js';

/** A tensor as a traced call saw it, before it ran. */
export interface TracedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Steps in elements; empty for sparse layouts. */
  readonly strides: readonly number[];
  readonly device: string;
  /** Where its storage begins; 0 where it has none. Memory that was freed may be given out again at the same address. */
  readonly address: number;
  /** Of its first element in the storage, in elements. */
  readonly offset: number;
  /** Index of the call in the same trace whose result first had this memory; null for memory from before the trace. */
  readonly madeBy: number | null;
}

/** An argument of a traced call; null for one that was not given and has no default. */
export type TracedValue = TracedTensor | number | bigint | boolean | string | null | readonly TracedValue[];

/** One call into the addon. */
export interface TracedCall {
  /** With the overload, e.g. `aten::add.Tensor`; `addon::item` for functions of the addon that are no operators. */
  readonly name: string;
  /** All arguments of the schema in order, defaults included, by PyTorch's names. */
  readonly arguments: Readonly<Record<string, TracedValue>>;
  /** Whether it reads values of tensors on the host, for which an accelerator must be waited for. */
  readonly readsHost: boolean;
}

/** How many calls a function made. */
export interface CallCount<T> {
  readonly result: T;
  /** Operators and those functions of the addon that a trace writes down. */
  readonly calls: number;
  /** Those of them that read values of tensors on the host. */
  readonly hostReads: number;
}

/** The calls that a function made. */
export interface OperatorTrace<T> {
  readonly result: T;
  readonly calls: readonly TracedCall[];
  /** How many of them read values of tensors on the host. */
  readonly hostReads: number;
}

type Loose = Record<string, (...values: unknown[]) => unknown>;
const functions = native as unknown as Loose;

/** Names and kinds of a plan, as the addon takes them, and at which places of a call they stand. */
function layoutOf({ names }: FunctionPlan): { kinds: string; names: string[]; places: number[] } {
  const places = names.flatMap((name, i) => (name.startsWith('(') ? [] : [i]));
  const kept = places.map((place) => names[place] ?? '');
  return {
    kinds: kept.map((name) => (name.endsWith('**') ? 'L' : name.endsWith('*') ? 'T' : 'V')).join(''),
    names: kept.map((name) => name.replaceAll('*', '')),
    places,
  };
}

/** A function of the addon that writes down each of its calls. */
function traced(name: keyof Native, original: (...values: unknown[]) => unknown): (...values: unknown[]) => unknown {
  const plan = PLANS[name];
  // Of a function without a plan nobody knows which numbers are handles, and those differ from run to run.
  const { kinds, names, places } = layoutOf(plan ?? { names: [] });
  return (...values) => {
    const given = places.map((place) => values[place]);
    const call = native.traceCall(`addon::${name}`, plan?.readsHost ?? false, kinds, names, ...given);
    const result = original(...values);
    if (plan?.result === 'tensor') native.traceMade(call, Float64Array.of(result as number));
    if (plan?.result === 'tensors') {
      const handles = result as HandleResults;
      native.traceMade(call, typeof handles === 'number' ? handles : Float64Array.from(handles));
    }
    return result;
  };
}

/** Runs a function while the addon's functions write their calls down. */
function runTraced<T>(where: string, body: () => T, isDetailed: boolean): [T, ...ReturnType<Native['traceEnd']>] {
  native.traceBegin(isDetailed);
  const originals = Object.entries(functions);
  try {
    for (const [name, original] of originals) if (isTraced(name)) functions[name] = traced(name, original);
    native.invoke = native.invokeTraced;
    native.invokeVoid = native.invokeVoidTraced;
    const result = refusePromise(body(), where);
    return [result, ...native.traceEnd()];
  } catch (error) {
    native.traceEnd();
    throw error;
  } finally {
    for (const [name, original] of originals) functions[name] = original;
  }
}

/**
 * Runs `body` and writes down every call that it makes into libtorch, in order, with all arguments. The kernels that `backward` runs are
 * inside its one call. What functions only ask of a tensor (shape, dtype) and bookkeeping (scopes, disposal) is left out.
 *
 * Two runs of a training step that give the same calls (`diffTraces`) and read nothing back (`hostReads` is 0) may be replayed as
 * a CUDA graph, which can be known without a GPU. To that end `hostReads` counts by what a call would do on an accelerator: `item`, `data`,
 * `toArray`, conversions to the device `cpu` by name, masks as indices, and operators whose result or its shape the host must know.
 * @param body  synchronous; may not trace itself
 * @example
 * const first = traceOperators(() => step());
 * const second = traceOperators(() => step());
 * console.log(first.hostReads, diffTraces(first.calls, second.calls)); // 0 null
 * @throws ArgumentError when a trace is running already, or `body` returns a promise
 */
export function traceOperators<T>(body: () => T): OperatorTrace<T> {
  const [result, calls, , hostReads] = runTraced('traceOperators', body, true);
  return { result, calls: (calls ?? []) as TracedCall[], hostReads };
}

/**
 * Runs `body` and counts its calls into libtorch, as `traceOperators` would write them down, without their arguments.
 * @throws ArgumentError as `traceOperators`
 */
export function countCalls<T>(body: () => T): CallCount<T> {
  const [result, , calls, hostReads] = runTraced('countCalls', body, false);
  return { result, calls, hostReads };
}

function isTensor(value: TracedValue | undefined): value is TracedTensor {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: TracedValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (isTensor(value)) return `${value.dtype}[${value.shape.join(', ')}] on ${value.device}`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  return typeof value === 'string' ? `'${value}'` : String(value);
}

function memoryOf(tensor: TracedTensor): string {
  const place = tensor.madeBy === null ? `memory at ${tensor.address}` : `memory of call ${tensor.madeBy}`;
  return `${place} + ${tensor.offset}, strides [${tensor.strides.join(', ')}]`;
}

/** What two values differ in; null for nothing. */
function difference(
  left: TracedValue | undefined,
  right: TracedValue | undefined,
  compareAddresses: boolean,
): string | null {
  if (isTensor(left) && isTensor(right)) {
    if (show(left) !== show(right)) return `${show(left)} against ${show(right)}`;
    const leftMemory = memoryOf(compareAddresses ? left : { ...left, address: 0 });
    const rightMemory = memoryOf(compareAddresses ? right : { ...right, address: 0 });
    return leftMemory === rightMemory ? null : `${show(left)}: ${leftMemory} against ${rightMemory}`;
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    if (left.length !== right.length) return `${left.length} elements against ${right.length}`;
    for (let i = 0; i < left.length; i++) {
      const found = difference(left[i], right[i], compareAddresses);
      if (found !== null) return `element ${i}: ${found}`;
    }
    return null;
  }
  return Object.is(left, right) ? null : `${show(left)} against ${show(right)}`;
}

/**
 * The first difference of two traces in words, or null when they are alike: the same operators on tensors of the same dtype, shape, strides,
 * device and memory, with the same other arguments. Memory that a trace's own calls made is the same when the same call made it.
 * @param options.addresses  whether memory from before the traces must lie at the same addresses; true by default, as for the
 *   replay of a graph. Gradients and inputs that are made anew each time need false.
 */
export function diffTraces(
  first: readonly TracedCall[],
  second: readonly TracedCall[],
  options: { addresses?: boolean } = {},
): string | null {
  checkOptions('diffTraces', options, ['addresses']);
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    const [left, right] = [first[i], second[i]];
    if (left?.name !== right?.name)
      return `call ${i}: ${left?.name ?? `nothing after ${first.length} calls`} against ${right?.name ?? `nothing after ${second.length} calls`}`;
    if (left === undefined || right === undefined) break;
    for (const name of new Set([...Object.keys(left.arguments), ...Object.keys(right.arguments)])) {
      const found = difference(left.arguments[name], right.arguments[name], options.addresses ?? true);
      if (found !== null) return `call ${i}, ${left.name}: ${name}: ${found}`;
    }
  }
  return null;
}
