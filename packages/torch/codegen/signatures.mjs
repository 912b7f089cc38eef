/** @file The TypeScript signature of a schema, as a function and as a method, with its doc comment. */
import { identifier, isRequiredOption, returnsItsArguments, shapeOfCall } from './call-shape.mjs';
import { isCreation } from './extras.mjs';
import { namedTupleOf } from './named-tuples.mjs';
import { resultTypes } from './result-types.mjs';
import { camelCase } from './schema.mjs';

const TYPES = {
  Tensor: 'Tensor',
  Scalar: 'Scalar',
  int: 'number',
  float: 'number',
  bool: 'boolean',
  str: 'string',
  ScalarType: 'DType',
  Layout: 'Layout',
  Device: 'Device',
  MemoryFormat: 'MemoryFormat',
  Generator: 'Generator',
};

/** Bases that TypeScript can express. */
export const EXPRESSIBLE = new Set(Object.keys(TYPES));

/** The TypeScript type of an argument. */
function typeOf({ base, list, size, optional, optionalElements }) {
  let type = TYPES[base];
  if (list) {
    type = optionalElements ? `readonly (${type} | null)[]` : `readonly ${type}[]`;
    if (size > 0 || base === 'int') type = `${TYPES[base]} | ${type}`;
  }
  return optional ? `${type} | null` : type;
}

const DTYPE_NUMBERS = { 4: 'int64', 6: 'float32', 7: 'float64', 11: 'bool' };
const REDUCTIONS = { 0: 'none', 1: 'mean', 2: 'sum' };

/** A default as TypeScript writes it. */
export function defaultText(argument) {
  const text = argument.default;
  if (text === 'None') return 'null';
  if (text === 'True' || text === 'False') return text.toLowerCase();
  if (argument.type.base === 'ScalarType') return `'${DTYPE_NUMBERS[text] ?? text}'`;
  if (text.startsWith('"')) return `'${text.slice(1, -1)}'`;
  if (argument.name === 'reduction' && argument.type.base === 'int') return `${text} (${REDUCTIONS[text]})`;
  if (/^-?[\d.]+(e-?\d+)?$/.test(text)) return String(Number(text));
  return text;
}

function optionText(argument, type) {
  const documented = argument.default === '' ? '' : `/** @default ${defaultText(argument)} */ `;
  if (isRequiredOption(argument)) return `${camelCase(argument.name)}: ${type}`;
  return `${documented}${camelCase(argument.name)}?: ${type} | undefined`;
}

function plainResult(schema, { type }) {
  if (type.base === 'Tensor') {
    if (type.list) return 'Tensor[]';
    return schema.name.endsWith('_backward') && schema.returns.length > 1 ? 'Tensor | null' : 'Tensor';
  }
  const plain =
    { Scalar: 'number', int: 'number', float: 'number', bool: 'boolean', str: 'string' }[type.base] ?? 'number';
  return type.list ? `${plain}[]` : plain;
}

function returnType(schema, known, asMethod) {
  if (schema.returns.length === 0) return 'void';
  const types = schema.returns.map((value, i) => known?.returns[i] ?? plainResult(schema, value));
  if (types.length === 1) return types[0] === 'self' ? (asMethod ? 'this' : 'T') : types[0];
  const tuple = namedTupleOf(schema);
  if (tuple !== null) return types.every((type) => type === 'Tensor') ? tuple : `${tuple}<${types.join(', ')}>`;
  const label = ({ name }, i) => (name === '' ? `result${i}` : identifier(name));
  return `[${schema.returns.map((value, i) => `${label(value, i)}: ${types[i]}`).join(', ')}]`;
}

/** `<D extends DType>(self: Tensor<D>, options?: { … }): Tensor<D>`; without `self` for a method. */
export function signature(schema, asMethod) {
  const { positional, options } = shapeOfCall(schema);
  const known = returnsItsArguments(schema) && schema.returns.length !== 1 ? null : resultTypes(schema);
  const typed = (argument) => known?.parameters[argument.name] ?? typeOf(argument.type);
  const parts = (asMethod ? positional.slice(1) : positional).map(
    (argument) => `${identifier(argument.name)}: ${typed(argument)}`,
  );
  const texts = options.map((argument) => optionText(argument, typed(argument)));
  if (isCreation(schema)) texts.push('/** @default false */ requiresGrad?: boolean | undefined');
  if (texts.length > 0) parts.push(`options${options.some(isRequiredOption) ? '' : '?'}: { ${texts.join('; ')} }`);
  const generics = known === null ? [] : asMethod ? known.generics : [...known.withSelf, ...known.generics];
  return `${generics.length === 0 ? '' : `<${generics.join(', ')}>`}(${parts.join(', ')}): ${returnType(schema, known, asMethod)}`;
}

/** The schema as PyTorch's documentation would show it, and where it is not in every version. */
export function docComment(schema, versions, indent = '') {
  const found = versions.filter((version) => schema.versions.has(version));
  const lines = [`\`${schema.text}\``];
  if (found.length < versions.length) lines.push(`Only in libtorch ${found.join(' and ')}.`);
  for (const argument of schema.arguments) {
    const missing = found.filter((version) => !schema.versions.get(version).has(argument.name));
    if (missing.length > 0) lines.push(`\`${camelCase(argument.name)}\` is not in libtorch ${missing.join(' and ')}.`);
  }
  return `${indent}/** ${lines.join(' ')} */`;
}
