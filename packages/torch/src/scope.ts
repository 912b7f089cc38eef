/** @file Ownership: scopes free what was made inside them; `keep` takes a tensor out of every scope. */
import { ArgumentError } from './errors.js';
import { type HandleList, handlesOf } from './handle-list.js';
import { native } from './native.js';
import { countScopes, Tensor, watch } from './tensor.js';

function collect(value: unknown, into: Tensor[], depth: number): void {
  if (value instanceof Tensor) into.push(value);
  else if (Array.isArray(value)) for (const element of value) collect(element, into, depth + 1);
  else if (value instanceof Map) for (const element of value.values()) collect(element, into, depth + 1);
  else if (
    typeof value === 'object' &&
    value !== null &&
    depth < 4 &&
    Object.getPrototypeOf(value) === Object.prototype
  )
    for (const element of Object.values(value)) collect(element, into, depth + 1);
}

/**
 * Runs `body` and frees every tensor made inside it, but for those it returns (alone, or in arrays, maps and plain objects,
 * which then belong to the scope around this one) and those given to `keep`. Exceptions free everything.
 * @example const loss = scope(() => model.forward(x).mean());
 * @throws ArgumentError when `body` returns a promise: scopes are synchronous
 */
export function scope<T>(body: () => T): T {
  native.scopeBegin();
  countScopes(1);
  let open = true;
  const close = (escaping?: HandleList) => {
    open = false;
    countScopes(-1);
    native.scopeEnd(escaping);
  };
  try {
    const result = body();
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function')
      throw new ArgumentError(
        'scope: expected a synchronous function, got one that returns a promise. Await outside the scope.',
      );
    if (result instanceof Tensor) {
      close(handlesOf([result]));
      if (native.scopeDepth() === 0) watch(result);
    } else if (result === undefined || result === null || typeof result !== 'object') {
      close();
    } else {
      const tensors: Tensor[] = [];
      collect(result, tensors, 0);
      close(handlesOf(tensors));
      if (native.scopeDepth() === 0) for (const tensor of tensors) watch(tensor);
    }
    return result;
  } finally {
    if (open) close();
  }
}

/**
 * Takes a tensor out of every scope: it lives until `dispose()`; the finalization net catches one that is forgotten.
 * @returns the same tensor
 */
export function keep<T extends Tensor>(tensor: T): T {
  native.keep(tensor.handle);
  watch(tensor);
  return tensor;
}

/** Tensors alive in this Node environment, and the bytes of their storages (each storage once). */
export function liveTensors(): { count: number; bytes: number } {
  return { count: native.liveCount(), bytes: native.liveBytes() };
}
