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
import { EXPRESSIBLE, emitFunction, emitMethod, shapeOfCall } from './emit.mjs';
import { camelCase, parseSchema } from './schema.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Operators that are left out by name, each with its reason. */
const SKIPPED_NAMES = [
  [
    /^(item|_local_scalar_dense|is_leaf|data|set_data|requires_grad_|backward|_backward|retain_grad|output_nr|_version)$/,
    'written by hand in Tensor, or part of autograd',
  ],
  [
    /^(__contains__|len|append|pop|insert|sort_list|keys|values_dict|Int|Float|Bool|FloatImplicit|IntImplicit|ScalarImplicit)$/,
    'an operator of TorchScript containers, not of tensors',
  ],
];
const SKIPPED_OVERLOADS = [
  [/(^|_)names?(_|$)|[Dd]imname/, 'named dimensions, which PyTorch gave up'],
  [/^prim_/, 'a helper of TorchScript'],
  [/^(str|t|Dict.*|dict.*|bool_.*|hacked_twin)$/, 'an operator of TorchScript containers, not of tensors'],
];
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
]);

function reasonToSkip(schema) {
  for (const [pattern, reason] of SKIPPED_NAMES) if (pattern.test(schema.name)) return reason;
  for (const [pattern, reason] of SKIPPED_OVERLOADS) if (pattern.test(schema.overload)) return reason;
  for (const { type } of [...schema.arguments, ...schema.returns])
    if (!EXPRESSIBLE.has(type.base)) return `a value of type ${type.base}`;
  return null;
}

function readDumps() {
  const schemas = new Map();
  const versions = [];
  const files = readdirSync(join(root, 'schemas')).filter((name) => /^aten-.*\.txt$/.test(name));
  files.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  for (const file of files) {
    versions.push(/^aten-(.*)\.txt$/.exec(file)[1]);
    for (const line of readFileSync(join(root, 'schemas', file), 'utf8')
      .trim()
      .split('\n')) {
      const schema = parseSchema(line);
      schemas.set(`${schema.name}.${schema.overload}`, schema);
    }
  }
  return { schemas: [...schemas.values()], versions };
}

/** The most specific arguments first: tensors, single values, then lists (which a single number may fill) and scalars. */
function byPreference(a, b) {
  const rank = (schema) => {
    const { positional } = shapeOfCall(schema);
    return (
      positional
        .map(({ type }) =>
          type.base === 'Tensor' ? (type.optional ? 'b' : 'a') : type.list ? 'd' : type.base === 'Scalar' ? 'e' : 'c',
        )
        .join('') + schema.overload
    );
  };
  return rank(a).localeCompare(rank(b), 'en');
}

function main() {
  if (process.argv.includes('--dump')) {
    const version = process.argv[process.argv.indexOf('--dump') + 1];
    const { tag } = JSON.parse(readFileSync(join(root, 'build', 'current.json'), 'utf8'));
    const native = createRequire(import.meta.url)(join(root, 'build', tag, 'suave_torch.node'));
    const lines = native.schemas().filter((line) => line.startsWith('aten::'));
    writeFileSync(join(root, 'schemas', `aten-${version}.txt`), `${lines.join('\n')}\n`);
  }
  const { schemas, versions } = readDumps();
  const skipped = new Map();
  const groups = new Map();
  for (const schema of schemas) {
    const reason = reasonToSkip(schema);
    if (reason !== null) {
      if (!skipped.has(reason)) skipped.set(reason, []);
      skipped.get(reason).push(`${schema.name}${schema.overload === '' ? '' : `.${schema.overload}`}`);
      continue;
    }
    const isOut = schema.arguments.some(
      (argument) => argument.keywordOnly && argument.required && argument.type.written,
    );
    const name = camelCase(schema.name) + (isOut && !/_out$/.test(schema.name) ? 'Out' : '');
    if (!groups.has(name)) groups.set(name, { isOut, schemas: [] });
    groups.get(name).schemas.push(schema);
  }
  const names = [...groups.keys()].sort();
  const table = [];
  const indices = new Map();
  for (const name of names) {
    for (const schema of groups.get(name).schemas.sort(byPreference)) {
      const { positional, options } = shapeOfCall(schema);
      indices.set(schema, table.length);
      table.push(
        `${schema.name}${schema.overload === '' ? '' : `.${schema.overload}`}:${[...positional, ...options].map((argument) => argument.name).join(',')}`,
      );
    }
  }
  const header = (what) =>
    `// Generated by codegen/generate.mjs from the schemas of libtorch ${versions.join(' and ')}. Do not edit.\n/** @file ${what} */\n`;
  const imports = `import type { Device, DType, Layout, MemoryFormat, Scalar } from '../dtype.js';\nimport { Generator } from '../generator.js';\nimport { handlesOf } from '../handle-list.js';\nimport { native } from '../native.js';\nimport { accepts, handleOrNull, id, isNumberList, isOptions, isScalar, isTensorList, listOrNull, results, wrapAll } from '../operator-runtime.js';\nimport { Tensor, wrap } from '../tensor.js';\n`;
  const functions = (wanted) =>
    names
      .filter((name) => groups.get(name).isOut === wanted)
      .map((name) => emitFunction(name, groups.get(name).schemas, (schema) => indices.get(schema)))
      .join('\n\n');
  const usedIn = (body) =>
    imports
      .split('\n')
      .map((line) => {
        const braces = /\{ (.*) \}/.exec(line);
        if (braces === null) return line;
        const used = braces[1].split(', ').filter((word) => new RegExp(`\\b${word}\\b`).test(body));
        return used.length === 0 ? '' : line.replace(braces[1], used.join(', '));
      })
      .filter((line) => line !== '')
      .join('\n');
  const plain = functions(false);
  const out = functions(true);
  const methods = names
    .filter((name) => !groups.get(name).isOut && !OWN_METHODS.has(name))
    .map((name) => [
      name,
      groups
        .get(name)
        .schemas.filter(
          (schema) =>
            schema.arguments[0]?.name === 'self' &&
            schema.arguments[0].required &&
            schema.arguments[0].type.base === 'Tensor' &&
            !schema.arguments[0].type.list &&
            !schema.arguments[0].type.optional,
        ),
    ])
    .filter(([, list]) => list.length > 0);
  const methodBody = `declare module '../tensor.js' {\n  // biome-ignore lint: the parameters must be those of the class\n  interface Tensor<D extends DType = DType, R extends number = number> {\n${methods.map(([name, list]) => emitMethod(name, list)).join('\n')}\n  }\n}\n\nimport * as operators from './operators.js';\nimport { installMethods } from '../operator-runtime.js';\n\ninstallMethods(operators as unknown as Record<string, (...values: unknown[]) => unknown>, ${JSON.stringify(methods.map(([name]) => name).join(' '))}.split(' '));\n`;
  const coverage = `<!-- Generated by packages/torch/codegen/generate.mjs. Do not edit. -->\n# Operator coverage\n\nSchemas of libtorch ${versions.join(' and ')}: ${schemas.length} in all, ${table.length} bound as ${names.length} functions, ${schemas.length - table.length} left out.\nAnything registered with the dispatcher, custom operators too, can also be called by name: \`ops('namespace::name')\`.\n\n${[
    ...skipped,
  ]
    .sort((a, b) => b[1].length - a[1].length)
    .map(
      ([reason, list]) =>
        `## Left out: ${reason} (${list.length})\n\n${list
          .sort()
          .map((name) => `\`${name}\``)
          .join(', ')}\n`,
    )
    .join('\n')}`;
  const files = {
    'src/generated/table.ts': `${header('Every bound overload: `name.overload:arguments in the order of the call`.')}\nexport const OPERATORS: readonly string[] = [\n${table.map((entry) => `  '${entry}',`).join('\n')}\n];\n`,
    'src/generated/operators.ts': `${header("ATen's operators as typed functions: required arguments in order, the rest in one options object.")}${usedIn(plain)}\n\n${plain}\n`,
    'src/generated/out.ts': `${header("ATen's `out=` forms: they write into the tensors given last and return them.")}${usedIn(out)}\n\n${out}\n`,
    'src/generated/methods.ts': `${header('The same operators as methods of Tensor.')}import type { Device, DType, Layout, MemoryFormat, Scalar } from '../dtype.js';\nimport type { Generator } from '../generator.js';\n\n${methodBody}`,
    '../../docs/coverage.md': coverage,
  };
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
  console.error(
    `${table.length} overloads as ${names.length} functions, ${schemas.length - table.length} left out; ${changed} files differed`,
  );
}

main();
