/** @file Turns parsed schemas into typed TypeScript functions. One case in each small function for every kind of argument. */
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

/** Bases that TypeScript can express. */
export const EXPRESSIBLE = new Set([
  'Tensor',
  'Scalar',
  'int',
  'float',
  'bool',
  'str',
  'ScalarType',
  'Layout',
  'Device',
  'MemoryFormat',
  'Generator',
]);

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

export function identifier(name) {
  const camel = camelCase(name);
  return RESERVED.has(camel) ? `${camel}Value` : camel;
}

/** The TypeScript type of an argument. */
function typeOf({ base, list, size, optional, optionalElements }) {
  let type = TYPES[base];
  if (list) {
    type = optionalElements ? `readonly (${type} | null)[]` : `readonly ${type}[]`;
    if (size > 0 || base === 'int') type = `${TYPES[base]} | ${type}`;
  }
  return optional ? `${type} | null` : type;
}

/** Letter of an argument's kind, for choosing between overloads by option. */
function kindLetter({ base, list }) {
  if (list) return base === 'Tensor' ? 'L' : 'N';
  return { Tensor: 'T', Scalar: 'S', int: 'I', float: 'I', bool: 'B', Generator: 'G' }[base] ?? 's';
}

/** An expression that is true when `value` fits the type. */
function check(type, value) {
  const inner = {
    L: `isTensorList(${value})`,
    N: `isNumberList(${value}, ${type.size > 0 || type.base === 'int'})`,
    T: `${value} instanceof Tensor`,
    S: `isScalar(${value})`,
    I: `typeof ${value} === 'number'`,
    B: `typeof ${value} === 'boolean'`,
    G: `${value} instanceof Generator`,
    s: `typeof ${value} === 'string'`,
  }[kindLetter(type)];
  return type.optional ? `(${value} == null || ${inner})` : inner;
}

/** An expression for the addon from a value of the type. */
function convert(type, value) {
  const letter = kindLetter(type);
  if (letter === 'L') return type.optional ? `listOrNull(${value})` : `handlesOf(${value})`;
  if (letter === 'T') return type.optional ? `handleOrNull(${value})` : `${value}.handle`;
  if (letter === 'G') return `${value}?.id`;
  return value;
}

/** Positional arguments are those without a default; the others, and keyword arguments that may be null, live in one options object. */
export function shapeOfCall(schema) {
  const isPositional = ({ required, keywordOnly, type }) => required && !(keywordOnly && type.optional);
  const positional = schema.arguments.filter(isPositional);
  const options = schema.arguments.filter((argument) => !isPositional(argument));
  return { positional, options };
}

const isInPlace = (schema) =>
  schema.returns.length === 1 &&
  schema.returns[0].type.written &&
  schema.arguments[0]?.type.written &&
  schema.arguments[0].type.base === 'Tensor' &&
  !schema.arguments[0].type.list;

function returnType(schema) {
  const one = ({ type }) => {
    if (type.base === 'Tensor')
      return type.list
        ? 'Tensor[]'
        : schema.name.endsWith('_backward') && schema.returns.length > 1
          ? 'Tensor | null'
          : 'Tensor';
    const plain =
      { Scalar: 'number', int: 'number', float: 'number', bool: 'boolean', str: 'string' }[type.base] ?? 'number';
    return type.list ? `${plain}[]` : plain;
  };
  if (schema.returns.length === 0) return 'void';
  if (schema.returns.length === 1) return one(schema.returns[0]);
  const named = schema.returns.every(({ name }) => name !== '');
  return `[${schema.returns.map((value, i) => `${named ? identifier(value.name) : `result${i}`}: ${one(value)}`).join(', ')}]`;
}

function signature(schema, withSelf) {
  const { positional, options } = shapeOfCall(schema);
  const parts = (withSelf ? positional : positional.slice(1)).map(
    (argument) => `${identifier(argument.name)}: ${typeOf(argument.type)}`,
  );
  if (options.length > 0)
    parts.push(
      `options?: { ${options.map((argument) => `${camelCase(argument.name)}?: ${typeOf(argument.type)} | undefined`).join('; ')} }`,
    );
  return `(${parts.join(', ')}): ${returnType(schema)}`;
}

/** The call of one overload, given the names of the implementation's parameters. */
function callOf(schema, index, parameters) {
  const { positional, options } = shapeOfCall(schema);
  const values = positional.map((argument, i) => convert(argument.type, parameters[i]));
  const optionsName = parameters[positional.length];
  const withOptions = [
    ...values,
    ...options.map((argument) => convert(argument.type, `${optionsName}.${camelCase(argument.name)}`)),
  ];
  const invoke = (list, method) => `${method}(id(${index})${list.map((value) => `, ${value}`).join('')})`;
  const outs = schema.arguments.filter((argument) => argument.type.written && argument.type.base === 'Tensor');
  const drops =
    schema.returns.length === 0 ||
    isInPlace(schema) ||
    (outs.length > 0 && schema.returns.every(({ type }) => type.written));
  const method = drops ? 'native.invokeVoid' : 'native.invoke';
  const call =
    options.length === 0
      ? invoke(values, method)
      : `${optionsName} === undefined ? ${invoke(values, method)} : ${invoke(withOptions, method)}`;
  if (schema.returns.length === 0) return [`${call};`, 'return undefined;'];
  if (drops) {
    const results = outs.map((argument) => parameters[positional.indexOf(argument)]);
    return [`${call};`, `return ${results.length === 1 ? results[0] : `[${results.join(', ')}]`};`];
  }
  if (schema.returns.length > 1) {
    const kinds = schema.returns.map(({ type }) => (type.base !== 'Tensor' ? 'V' : type.list ? 'L' : 'T')).join('');
    return [`return results(${call}, '${kinds}');`];
  }
  const { type } = schema.returns[0];
  if (type.base === 'Tensor') return [type.list ? `return wrapAll(${call});` : `return wrap((${call}) as number);`];
  return [`return ${call};`];
}

/** Conditions under which each overload of a group is meant; the last one needs none. */
function conditions(group, parameters) {
  const calls = group.map(shapeOfCall);
  return group.map((_, j) => {
    if (j === group.length - 1) return 'true';
    const later = calls.slice(j + 1);
    const tests = [];
    for (let p = 0; p < parameters.length; p++) {
      const own = calls[j].positional[p];
      const differs = later.some(({ positional }) => JSON.stringify(positional[p]?.type) !== JSON.stringify(own?.type));
      if (!differs) continue;
      if (own !== undefined) tests.push(check(own.type, parameters[p]));
      else if (p === calls[j].positional.length) tests.push(`isOptions(${parameters[p]})`);
    }
    const twin = later.some(
      ({ positional }) =>
        positional.length === calls[j].positional.length &&
        positional.every((argument, p) => kindLetter(argument.type) === kindLetter(calls[j].positional[p].type)),
    );
    if (twin || tests.length === 0) {
      const accepted = calls[j].options
        .map(
          (argument) => `${camelCase(argument.name)}:${kindLetter(argument.type)}${argument.type.size > 0 ? '1' : ''}`,
        )
        .join(' ');
      tests.push(`accepts(${parameters[calls[j].positional.length] ?? 'undefined'}, '${accepted}')`);
    }
    return tests.join(' && ');
  });
}

/** One function with its overloads; `indexOf` gives each schema's place in the table. */
export function emitFunction(name, group, indexOf) {
  const width = Math.max(
    ...group.map((schema) => shapeOfCall(schema).positional.length + (shapeOfCall(schema).options.length > 0 ? 1 : 0)),
  );
  const parameters = Array.from({ length: width }, (_, i) => `a${i}`);
  const local = RESERVED.has(name) ? `${name}Operator` : name;
  const lines = [
    `/** ${group.map((schema) => `\`aten::${schema.name}${schema.overload === '' ? '' : `.${schema.overload}`}\``).join(', ')} */`,
  ];
  const exported = local === name ? 'export function' : 'function';
  for (const schema of group) lines.push(`${exported} ${local}${signature(schema, true)};`);
  lines.push(`${exported} ${local}(${parameters.map((parameter) => `${parameter}?: any`).join(', ')}): any {`);
  const tests = conditions(group, parameters);
  for (const [j, schema] of group.entries()) {
    const body = callOf(schema, indexOf(schema), parameters);
    if (tests[j] === 'true') lines.push(...body.map((line) => `  ${line}`));
    else lines.push(`  if (${tests[j]}) {`, ...body.map((line) => `    ${line}`), '  }');
  }
  lines.push('}');
  if (local !== name) lines.push(`export { ${local} as ${name} };`);
  return lines.join('\n');
}

/** Method signatures of a group on `Tensor`, for the schemas whose first argument is `self`. */
export function emitMethod(name, group) {
  return group.map((schema) => `    ${name}${signature(schema, false)};`).join('\n');
}
