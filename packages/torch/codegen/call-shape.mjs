/** @file What a schema looks like as a TypeScript call: identifiers, positional arguments, options, kinds of arguments. */
import { camelCase } from './schema.mjs';

const RESERVED = new Set([
  'in',
  'var',
  'default',
  'function',
  'new',
  'delete',
  'return',
  'with',
  'enum',
  'class',
  'this',
  'void',
  'case',
  'export',
  'import',
  'typeof',
  'switch',
  'arguments',
  'eval',
]);

export const isReserved = (name) => RESERVED.has(name);

export function identifier(name) {
  const camel = camelCase(name);
  return RESERVED.has(camel) ? `${camel}Value` : camel;
}

/** `add.Tensor`, or `relu` for the overload without a name. */
export const fullName = (schema) => `${schema.name}${schema.overload === '' ? '' : `.${schema.overload}`}`;

/**
 * Positional arguments are those without a default, and the tensors that are written to; those with a default, and all that
 * PyTorch takes by keyword only, live in one options object.
 */
export function shapeOfCall(schema) {
  const isPositional = ({ required, keywordOnly, type }) => required && (!keywordOnly || type.written);
  const positional = schema.arguments.filter(isPositional);
  const options = schema.arguments.filter((argument) => !isPositional(argument));
  return { positional, options };
}

/** Whether an option must be given. */
export const isRequiredOption = (argument) => argument.required && !argument.type.optional;

/** Whether a schema modifies its first tensor and returns nothing else. */
export const isInPlace = (schema) =>
  schema.returns.length === 1 &&
  schema.returns[0].type.written &&
  schema.arguments[0]?.type.written &&
  schema.arguments[0].type.base === 'Tensor' &&
  !schema.arguments[0].type.list;

/** Whether a schema writes into tensors that it is given by keyword: the `out=` forms. */
export const isOut = (schema) =>
  schema.arguments.some((argument) => argument.keywordOnly && argument.required && argument.type.written);

/** The arguments whose tensors a schema modifies. */
export const writtenTensors = (schema) =>
  schema.arguments.filter((argument) => argument.type.written && argument.type.base === 'Tensor');

/** Whether the results are the tensors that were given, so that those of the addon need no objects. */
export const returnsItsArguments = (schema) =>
  schema.returns.length === 0 ||
  isInPlace(schema) ||
  (writtenTensors(schema).length > 0 && schema.returns.every(({ type }) => type.written));

/** Letter of an argument's kind, for choosing between overloads by option. */
export function kindLetter({ base, list }) {
  if (list) return base === 'Tensor' ? 'L' : 'N';
  return { Tensor: 'T', Scalar: 'S', int: 'I', float: 'I', bool: 'B', Generator: 'G' }[base] ?? 's';
}

/** Whether a schema has a first argument `self` that is one tensor: it is a method too. */
export const isMethod = (schema) => {
  const [self] = schema.arguments;
  return (
    self?.name === 'self' && self.required && self.type.base === 'Tensor' && !self.type.list && !self.type.optional
  );
};
