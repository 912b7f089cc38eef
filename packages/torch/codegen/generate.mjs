#!/usr/bin/env node
/**
 * @file Writes `src/generated/` and `docs/coverage.md` from the schema dumps in `schemas/`: `npm run gen`.
 *
 * The face is the union of all dumps; where an operator is in several, the newest signature rules and the addon matches
 * arguments by name. `--dump VERSION` first writes a dump from the libtorch that is loaded. `--check` only compares.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fullName, isMethod, isOut, shapeOfCall } from './call-shape.mjs';
import { coveragePage } from './coverage.mjs';
import { emitFunction, emitMethod } from './emit.mjs';
import { isCreation } from './extras.mjs';
import { emitNamedTuples } from './named-tuples.mjs';
import { byPreference } from './overloads.mjs';
import { ruleNames } from './result-types.mjs';
import { camelCase, parseSchema } from './schema.mjs';
import { reasonToSkip } from './skipped.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Names that the hand-written Tensor has: no generated method. */
const OWN_METHODS = new Set([
  'item',
  'data',
  'shape',
  'rank',
  'numel',
  'dtype',
  'device',
  'strides',
  'grad',
  'requiresGrad',
  'isLeaf',
  'retainGrad',
  'backward',
  'dispose',
  'isDisposed',
  'bytes',
  'toArray',
  'toString',
  'at',
  'handle',
  'itemSize',
  'size',
  'stride',
  'toJSON',
  'ndim',
  'isContiguous',
  'gradFn',
  'itemBigInt',
  'asTypedArray',
  'setAt',
]);

/** What generated files may import; each takes the names that it uses. */
const IMPORTS = [
  ['type', ['Device', 'DType', 'Layout', 'MemoryFormat', 'NamedDevice', 'Scalar'], '../dtype.js'],
  ['', ['Generator'], '../generator.js'],
  ['', ['namedTuple'], '../named-tuple.js'],
  ['', ['native'], '../native.js'],
  [
    '',
    ['generatorOrNull', 'handleOrNull', 'known', 'listOf', 'listOrNull', 'noTensor', 'unexpected'],
    '../operator-arguments.js',
  ],
  [
    '',
    [
      'id',
      'isDeviceName',
      'isNumberList',
      'isOptions',
      'isScalar',
      'isTensorList',
      'results',
      'withGradient',
      'wrapAll',
    ],
    '../operator-runtime.js',
  ],
  [
    'type',
    ['BroadcastRank', 'Floating', 'RankDown', 'RankOf', 'RankUp', 'Size', 'Together', 'WithNumber'],
    '../result-types.js',
  ],
  ['', ['Tensor', 'wrap'], '../tensor.js'],
];

/** The imports that a generated file needs, all of types where it has no code. */
function importsFor(body, tuples, onlyTypes = false) {
  const words = new Set(body.replace(/\/\*\*.*?\*\//g, '').match(/\b\w+\b(?!\??:)/g));
  return [...IMPORTS, ['', tuples, './named.js']]
    .flatMap(([kind, names, from]) => {
      const used = names.filter((name) => words.has(name));
      return used.length === 0 ? [] : `import ${onlyTypes ? 'type' : kind} { ${used.join(', ')} } from '${from}';`;
    })
    .join('\n')
    .replaceAll('import  {', 'import {');
}

/** The union of the dumps; each schema knows the versions that have it, and its arguments there. */
function readDumps() {
  const schemas = new Map();
  const versions = [];
  const files = readdirSync(join(root, 'schemas')).filter((name) => /^aten-.*\.txt$/.test(name));
  files.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  for (const file of files) {
    const version = /^aten-(.*)\.txt$/.exec(file)[1];
    versions.push(version);
    for (const line of readFileSync(join(root, 'schemas', file), 'utf8')
      .trim()
      .split('\n')) {
      const schema = parseSchema(line);
      const older = schemas.get(fullName(schema))?.versions ?? new Map();
      schema.versions = older.set(version, new Set(schema.arguments.map(({ name }) => name)));
      schemas.set(fullName(schema), schema);
    }
  }
  return { schemas: [...schemas.values()], versions };
}

function dump(version) {
  const { tag } = JSON.parse(readFileSync(join(root, 'build', 'current.json'), 'utf8'));
  const folder = process.env.SUAVE_TORCH_BUILD ?? join(root, 'build', tag);
  const native = createRequire(import.meta.url)(join(folder, 'suave_torch.node'));
  const lines = native.schemas().filter((line) => line.startsWith('aten::'));
  writeFileSync(join(root, 'schemas', `aten-${version}.txt`), `${lines.join('\n')}\n`);
}

function write(files) {
  let changed = 0;
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name);
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    changed++;
    if (process.argv.includes('--check')) {
      console.error(`${name} is not what the generator writes: run npm run gen`);
      process.exitCode = 1;
    } else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }
  return changed;
}

function main() {
  if (process.argv.includes('--dump')) dump(process.argv[process.argv.indexOf('--dump') + 1]);
  const { schemas, versions } = readDumps();
  for (const name of ruleNames)
    if (!schemas.some((schema) => fullName(schema) === name))
      throw new Error(`codegen: a rule for ${name}, which is no operator`);
  const skipped = new Map();
  const bound = [];
  const groups = new Map();
  for (const schema of schemas) {
    const reason = reasonToSkip(schema);
    if (reason !== null) {
      if (!skipped.has(reason)) skipped.set(reason, []);
      skipped.get(reason).push(schema);
      continue;
    }
    bound.push(schema);
    const name = camelCase(schema.name) + (isOut(schema) && !/_out$/.test(schema.name) ? 'Out' : '');
    if (!groups.has(name)) groups.set(name, { isOut: isOut(schema), schemas: [] });
    groups.get(name).schemas.push(schema);
  }
  const names = [...groups.keys()].sort();
  const table = [];
  const indices = new Map();
  for (const name of names) {
    for (const schema of groups.get(name).schemas.sort(byPreference)) {
      const { positional, options } = shapeOfCall(schema);
      const listed = (list) => list.map((argument) => argument.name).join(',');
      indices.set(schema, table.length);
      const own = isCreation(schema) ? ';requires_grad' : '';
      table.push(`${fullName(schema)}:${listed(positional)}${options.length === 0 ? '' : `;${listed(options)}`}${own}`);
    }
  }
  const header = (what) =>
    `// Generated by codegen/generate.mjs from the schemas of libtorch ${versions.join(' and ')}. Do not edit.\n/** @file ${what} */\n`;
  const functions = (wanted) =>
    names
      .filter((name) => groups.get(name).isOut === wanted)
      .map((name) => emitFunction(name, groups.get(name).schemas, (schema) => indices.get(schema), versions))
      .join('\n\n');
  const plain = functions(false);
  const out = functions(true);
  const methods = names
    .filter((name) => !groups.get(name).isOut && !OWN_METHODS.has(name))
    .map((name) => [name, groups.get(name).schemas.filter(isMethod)])
    .filter(([, list]) => list.length > 0);
  const methodLines = methods.map(([name, list]) => emitMethod(name, list, versions)).join('\n');
  const named = emitNamedTuples(bound);
  const tuples = [...named.matchAll(/export const (\w+)/g)].map(([, name]) => name);
  const module = (what, body) => `${header(what)}${importsFor(body, tuples)}\n\n${body}\n`;
  const changed = write({
    'src/generated/table.ts': `${header('Every bound overload: `name.overload:positional arguments;options;options of ours`, in the order of the call.')}\nexport const OPERATORS: readonly string[] = [\n${table.map((entry) => `  '${entry}',`).join('\n')}\n];\n`,
    'src/generated/named.ts': `${header('Results with names.')}import { namedTuple } from '../named-tuple.js';\nimport type { Tensor } from '../tensor.js';\n\n${named}`,
    'src/generated/operators.ts': module(
      "ATen's operators as typed functions: required arguments in order, the rest in one options object.",
      plain,
    ),
    'src/generated/out.ts': module("ATen's `out=` forms: they write into the tensors given last and return them.", out),
    'src/generated/methods.ts': `${header('The same operators as methods of Tensor.')}${importsFor(methodLines.replace(/\bTensor\b/g, ''), tuples, true)}\nimport { installMethods } from '../operator-runtime.js';\nimport * as operators from './operators.js';\n\ndeclare module '../tensor.js' {\n  // biome-ignore lint: the parameters must be those of the class\n  interface Tensor<D extends DType = DType, R extends number = number> {\n${methodLines}\n  }\n}\n\ninstallMethods(operators as unknown as Record<string, (...values: unknown[]) => unknown>, ${JSON.stringify(methods.map(([name]) => name).join(' '))}.split(' '));\n`,
    '../../docs/coverage.md': coveragePage(bound, skipped, versions, names.length),
  });
  console.error(
    `${table.length} overloads as ${names.length} functions, ${schemas.length - table.length} left out; ${changed} files differed`,
  );
}

main();
