/**
 * @file Calls every function of the addon with values of wrong kinds; run by fuzz.test.ts, in a process of its own that must live.
 *
 *     node fuzz.mjs <compiled native.js> <seed> <rounds>
 */
const [, , door, seedText, roundsText] = process.argv;
const { native } = await import(door);

let state = Number(seedText) >>> 0;
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}
const pick = (values) => values[Math.floor(random() * values.length)];

const live = native.fromBytes(new Uint8Array(24), [2, 3], 'float32');
const other = native.fromBytes(new Uint8Array(48), [6], 'int64');
const gone = native.fromBytes(new Uint8Array(4), [1], 'float32');
native.release(gone);
native.setNumThreads(1);
const add = native.resolve('aten::add', 'Tensor');
const cat = native.resolve('aten::cat', '');
const conv = native.resolve('aten::conv2d', '');
const index = native.resolve('aten::index', 'Tensor');
const uniform = native.resolve('aten::uniform_', '');

const numbers = [
  0,
  -0,
  1,
  2,
  -1,
  0.5,
  63,
  2 ** 22,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  1e300,
  -1e300,
  NaN,
  Infinity,
  -Infinity,
];
const throwing = {
  toString() {
    throw new Error('a toString that throws');
  },
};
const calling = () =>
  new Proxy([1, 2], {
    get(target, name) {
      native.invoke(add, live, live, 1);
      return Reflect.get(target, name);
    },
  });
const sparse = () => {
  const array = [];
  array.length = 4294967295;
  return array;
};
const kinds = [
  () => pick(numbers),
  () => pick([live, other, gone, live + 2 ** 22, live + 1, -live]),
  () =>
    pick([
      '',
      'float32',
      'cpu',
      'cuda:0',
      'cuda:99999999999',
      'mps',
      'meta',
      'sum',
      'aten::add',
      'x'.repeat(10000),
      '\0',
      '💥',
    ]),
  () => pick([true, false, null, undefined]),
  () => pick([0n, 1n, -1n, 2n ** 63n, 2n ** 200n]),
  () => pick([Symbol('s'), () => 1, throwing, {}, Object.create(null), new Date(NaN), /x/, new Map([[1, 2]])]),
  () => pick([[], [1, 2], [2, 3], ['a'], [[1]], [null], [NaN], [1e18, 1e18], [-1], [live], sparse(), calling()]),
  () =>
    pick([
      new Uint8Array(0),
      new Uint8Array(24),
      new Uint8Array(7),
      new Float64Array(0),
      Float64Array.of(live, other),
      Float64Array.of(live, 0, gone),
      Float64Array.of(NaN, -1, 1e300),
      Float64Array.of(0),
      new Float32Array(3),
      new BigInt64Array(2),
      new DataView(new ArrayBuffer(8)),
      new ArrayBuffer(8),
      new SharedArrayBuffer(8),
    ]),
];
const value = () => pick(kinds)();

// Waits for other processes, or ends what the checks below stand on.
const without = new Set(['glooInit', 'setErrorFactory', 'loadLibrary']);
const names = Object.keys(native).filter((name) => !without.has(name));
let calls = 0;
let errors = 0;
const untyped = new Set();
const show = (argument) => {
  try {
    return typeof argument === 'symbol' || typeof argument === 'object'
      ? `<${typeof argument} ${Object.prototype.toString.call(argument)}>`
      : String(argument).slice(0, 40);
  } catch {
    return '<?>';
  }
};
const { writeSync } = await import('node:fs');
const trace = process.env.FUZZ_TRACE === '1';
for (let round = 0; round < Number(roundsText); round++) {
  for (const name of names) {
    const values = Array.from({ length: Math.floor(random() * 8) }, value);
    if (name.startsWith('invoke')) values.unshift(pick([add, cat, conv, index, uniform, value()]));
    if (name === 'release' && values[0] === live) continue;
    if (trace) writeSync(2, `${name}(${values.map(show).join(', ')})\n`);
    calls++;
    try {
      native[name](...values);
    } catch (error) {
      errors++;
      if (
        typeof error?.code !== 'string' &&
        error?.message !== 'a toString that throws' &&
        !(error instanceof TypeError)
      )
        untyped.add(`${name}: ${error}`);
    }
    if (name === 'scopeBegin') native.scopeEnd();
    if (name === 'autocastBegin') {
      native.autocastEnd('cpu', false);
      native.autocastEnd('cuda', false);
    }
    if (!native.alive(live))
      throw new Error(`${name}(${values.map(show).join(', ')}) freed a tensor that it was not given`);
  }
}
for (const name of without)
  for (const values of [[], [NaN], [{}], ['nowhere', NaN, NaN, NaN], ['tcp://', 0, 1, 1]]) {
    if (name === 'setErrorFactory' && typeof values[0] === 'object') continue;
    try {
      native[name](...values);
    } catch (error) {
      if (typeof error?.code !== 'string') untyped.add(`${name}: ${error}`);
    }
  }
native.setGradEnabled(true);
const shape = native.shape(live).join();
console.log(JSON.stringify({ functions: names.length + without.size, calls, errors, untyped: [...untyped], shape }));
