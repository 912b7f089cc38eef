/** @file Ownership: scopes free what was made inside them; `keep` takes a tensor out of every scope; what is alive. */
import { ArgumentError } from './errors.js';
import { type HandleList, handlesOf } from './handle-list.js';
import { native } from './native.js';
import { countScopes, Tensor, watch } from './tensor.js';

/**
 * The tensors in what a scope returns, through arrays, maps, sets, plain objects and the own properties of class instances.
 * Private fields, closures and weak maps cannot be seen.
 */
function tensorsIn(root: object): Tensor[] {
  const tensors: Tensor[] = [];
  const seen = new Set<object>([root]);
  const pending: object[] = [root];
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    if (value instanceof Tensor) tensors.push(value);
    else if (!ArrayBuffer.isView(value) && !seen.has(value)) {
      seen.add(value);
      pending.push(value);
    }
  };
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (Array.isArray(value)) for (const element of value) visit(element);
    else if (value instanceof Map) {
      for (const [key, element] of value) {
        visit(key);
        visit(element);
      }
    } else if (value instanceof Set) for (const element of value) visit(element);
    else for (const element of Object.values(value)) visit(element);
  }
  return tensors;
}

/** Throws for a function that returns before it is done: what it makes later would belong to no scope. */
function refuseAsynchronous(body: () => unknown): void {
  const kind = Object.prototype.toString.call(body).slice('[object '.length, -1);
  if (kind === 'AsyncFunction' || kind === 'AsyncGeneratorFunction')
    throw new ArgumentError(
      'scope: expected a synchronous function, got an async one: what it makes after its first await would belong to no scope. Await outside the scope.',
    );
  if (kind === 'GeneratorFunction')
    throw new ArgumentError(
      'scope: expected a synchronous function, got a generator, whose body runs later. Give each step a scope of its own.',
    );
}

/** Throws for a result that is still being made. */
function refuseUnfinished(result: object): void {
  const { then } = result as { then?: unknown };
  if (typeof then === 'function') {
    // What comes after the first await fails on freed tensors; the error below says why, so that one is not reported too.
    then.call(
      result,
      () => undefined,
      () => undefined,
    );
    throw new ArgumentError(
      'scope: expected a synchronous function, got one that returns a promise. Await outside the scope.',
    );
  }
  if (Object.prototype.toString.call(result) === '[object Generator]')
    throw new ArgumentError(
      'scope: expected a synchronous function, got one that returns a generator, whose body runs later. Give each step a scope of its own.',
    );
}

/**
 * Runs `body` and frees every tensor made inside it, but for those it returns and those given to `keep`. What it returns then
 * belongs to the scope around this one, or to the caller: tensors alone, in arrays, maps, sets, plain objects and in properties
 * of class instances, at any depth. Tensors in private fields and closures cannot be seen: `keep` those. Exceptions free everything.
 * @example const loss = scope(() => model.forward(x).mean());
 * @throws ArgumentError when `body` is async or a generator (it does not run then), or returns a promise or generator
 */
export function scope<T>(body: () => T): T {
  if (Object.getPrototypeOf(body) !== Function.prototype) refuseAsynchronous(body);
  native.scopeBegin();
  countScopes(1);
  let open = true;
  const close = (escaping?: HandleList) => {
    open = false;
    countScopes(-1);
    return native.scopeEnd(escaping);
  };
  try {
    const result = body();
    if (result instanceof Tensor) {
      if (close(handlesOf([result])) === 1) watch(result);
    } else if (result === undefined || result === null || typeof result !== 'object') {
      close();
    } else {
      refuseUnfinished(result);
      const tensors = tensorsIn(result);
      const escaping = Float64Array.from(tensors, (tensor) => tensor.handle);
      if (close(escaping) !== 0)
        tensors.forEach((tensor, i) => {
          if (escaping[i] !== 0) watch(tensor);
        });
    }
    return result;
  } finally {
    if (open) close();
  }
}

/**
 * Takes a tensor out of every scope: it lives until `dispose()`; the finalization net catches one that is forgotten.
 * Doing it twice is harmless.
 * @returns the same tensor
 * @throws DisposedTensorError when it is gone already
 */
export function keep<T extends Tensor>(tensor: T): T {
  if (native.keep(tensor.handle)) watch(tensor);
  return tensor;
}

/** Tensors alive in this thread, and the bytes of their storages (each storage once). */
export function liveTensors(): { count: number; bytes: number } {
  return { count: native.liveCount(), bytes: native.liveBytes() };
}

/** As `liveTensors`, for each device that holds any: `{ cpu: { count, bytes }, 'cuda:0': … }`. */
export function liveTensorsByDevice(): Record<string, { count: number; bytes: number }> {
  const flat = native.liveDevices();
  const devices: Record<string, { count: number; bytes: number }> = {};
  for (let i = 0; i < flat.length; i += 3)
    devices[String(flat[i])] = { count: Number(flat[i + 1]), bytes: Number(flat[i + 2]) };
  return devices;
}

/**
 * Most tensors that were alive at once in this thread since it loaded the package or the last reset.
 * @param options.reset  start again from what is alive now; false by default
 */
export function peakLiveTensors(options: { reset?: boolean } = {}): number {
  return native.peakCount(options.reset ?? false);
}

/**
 * Gives memory that the C library keeps for later tensors back to the system, as far as whole pages are free (`malloc_trim`);
 * useful after a peak that will not come again. Slower than it looks: the next large tensors fault their pages in again.
 * @returns whether any went back; false where the C library is not glibc
 */
export function releaseFreeMemory(): boolean {
  return native.releaseFreeMemory();
}
