/** @file What a call of `add` costs where, by differences: seconds per call, medians of alternated rounds. */
import { fileURLToPath } from 'node:url';
import { add, libtorchInfo, loadLibrary, operatorLibraryPath, ops, scope, tensor } from '@suave/torch';
import { native } from '../../packages/torch/dist/native.js';
import { buildNative } from '../../packages/torch/scripts/build-native.mjs';
import { findLibtorch } from '../../packages/torch/scripts/libtorch.mjs';
import { quantile } from '../lib/statistics.mjs';

const CALLS = 20_000;
const ROUNDS = 15;

/** Builds and loads the C++ loops for the libtorch in use. */
function loadLoops() {
  const buildRoot = fileURLToPath(new URL('../../.cache/bench', import.meta.url));
  const folder = fileURLToPath(new URL('../native', import.meta.url));
  const { libtorch } = findLibtorch();
  if (libtorch?.libraries !== libtorchInfo().folder) return false;
  buildNative({ folder, buildRoot, name: 'libsuave_bench', suffix: '.so', libtorch, log: () => {} });
  loadLibrary(operatorLibraryPath(buildRoot, 'libsuave_bench'));
  return true;
}

/** The parts of a call, in seconds; null where the loops cannot be built for this libtorch. */
export function measureParts() {
  if (!loadLoops()) return null;
  const [emptyLoop, addLoop, boxedLoop] = ['empty', 'add', 'add_boxed'].map((name) => ops(`suave_bench::${name}`));
  const a = tensor([1, 2, 3, 4]);
  const b = tensor([5, 6, 7, 8]);
  const addId = native.resolve('aten::add', 'Tensor', ['self', 'other']);
  const inScopes = (body) => {
    for (let done = 0; done < CALLS; done += 100) {
      scope(() => {
        for (let i = 0; i < 100; i++) body();
      });
    }
  };
  const freeing = (body) => {
    for (let i = 0; i < CALLS; i++) native.release(body());
  };
  const loops = {
    allocation: () => emptyLoop(CALLS),
    unboxed: () => addLoop(a, b, CALLS),
    boxed: () => boxedLoop(a, b, CALLS),
    border: () => inScopes(() => native.alive(a.handle)),
    invoked: () => freeing(() => native.invoke(addId, a.handle, b.handle)),
    inScope: () => inScopes(() => native.invoke(addId, a.handle, b.handle)),
    face: () => inScopes(() => add(a, b)),
  };
  const times = Object.fromEntries(Object.keys(loops).map((name) => [name, []]));
  for (let round = -2; round < ROUNDS; round++) {
    for (const [name, loop] of Object.entries(loops)) {
      const started = process.hrtime.bigint();
      loop();
      if (round >= 0) times[name].push(Number(process.hrtime.bigint() - started) / 1e9 / CALLS);
    }
  }
  const median = (name) => quantile(times[name], 0.5);
  const seconds = {
    // What C++ alone takes: the memory of the result, and the rest of the operator with its dispatch.
    allocation: median('allocation'),
    operator: median('unboxed') - median('allocation'),
    // Arguments on a stack, chosen at run time.
    boxing: median('boxed') - median('unboxed'),
    // Numbers to handles to tensors and back, the slot of the result, its freeing by a scope.
    conversionAndScope: median('inScope') - median('boxed'),
    // Choosing the overload, and the object around the handle.
    face: median('face') - median('inScope'),
    total: median('face'),
    // Parts of the above, for comparison: an empty call into the addon; a result freed alone instead of by its scope.
    emptyCall: median('border'),
    freedAlone: median('invoked'),
  };
  return Object.fromEntries(Object.entries(seconds).map(([name, value]) => [name, Number(value.toPrecision(3))]));
}
