/** @file Turns parsed schemas into typed TypeScript functions. One case in each small function for every kind of argument. */
import { isReserved, kindLetter, returnsItsArguments, shapeOfCall, writtenTensors } from './call-shape.mjs';
import { isCreation, OVERLOADS } from './extras.mjs';
import { namedTupleOf } from './named-tuples.mjs';
import { conditions } from './overloads.mjs';
import { camelCase } from './schema.mjs';
import { docComment, signature } from './signatures.mjs';

/** An expression for the addon from a value of the type; `place` is the entry of the table and the argument's position in it. */
function convert(type, value, place, isTensor) {
  const letter = kindLetter(type);
  if (letter === 'L') return type.optional ? `listOrNull(${value}, ${place})` : `listOf(${value}, ${place})`;
  if (letter === 'T') {
    if (type.optional) return `handleOrNull(${value}, ${place})`;
    return isTensor ? `${value}.handle` : `(${value}?.handle ?? noTensor(${value}, ${place}))`;
  }
  if (letter === 'G') return `generatorOrNull(${value}, ${place})`;
  return value;
}

/** The statements of one overload, given the names of the implementation's parameters and its condition. */
function bodyOf(schema, index, parameters, condition) {
  const { positional, options } = shapeOfCall(schema);
  const known = (value) => condition.split(' && ').includes(`${value} instanceof Tensor`);
  const values = positional.map((argument, i) =>
    convert(argument.type, parameters[i], `${index}, ${i}`, known(parameters[i])),
  );
  const next = parameters[positional.length];
  const given = options.map((argument, i) =>
    convert(argument.type, `${next}.${camelCase(argument.name)}`, `${index}, ${positional.length + i}`),
  );
  const drops = returnsItsArguments(schema);
  const invoke = (list) =>
    `native.${drops ? 'invokeVoid' : 'invoke'}(id(${index})${list.map((value) => `, ${value}`).join('')})`;
  const finish = (call, made = (tensor) => tensor) => {
    const { returns } = schema;
    const tuple = namedTupleOf(schema);
    if (returns.length === 0) return [`${call};`, 'return undefined;'];
    if (drops) {
      const results = writtenTensors(schema).map((argument) => parameters[positional.indexOf(argument)]);
      const several = tuple === null ? `[${results.join(', ')}]` : `new ${tuple}(${results.join(', ')})`;
      return [`${call};`, `return ${results.length === 1 ? results[0] : several};`];
    }
    if (returns.length > 1) {
      const kinds = returns.map(({ type }) => (type.base !== 'Tensor' ? 'V' : type.list ? 'L' : 'T')).join('');
      return [`return results(${call}, '${kinds}'${tuple === null ? '' : `, ${tuple}`});`];
    }
    const { type } = returns[0];
    if (type.base === 'Tensor' && type.list) return [`return wrapAll(${call});`];
    if (type.base === 'Tensor') return [`return ${made(`wrap(${call} as number)`)};`];
    return [`return ${call};`];
  };
  if (options.length === 0)
    return [`if (${next} !== undefined) unexpected(${next}, ${index});`, ...finish(invoke(values))];
  const short = finish(invoke(values));
  return [
    `if (${next} === undefined) ${short.length === 1 ? short[0] : `{ ${short.join(' ')} }`}`,
    `known(${next}, ${index});`,
    ...finish(
      invoke([...values, ...given]),
      isCreation(schema) ? (tensor) => `withGradient(${tensor}, ${next})` : undefined,
    ),
  ];
}

/** One function with its overloads; `indexOf` gives each schema's place in the table. */
export function emitFunction(name, group, indexOf, versions) {
  // One parameter more than any overload takes: what is given there, or instead of options that do not exist, is an error.
  const width = Math.max(...group.map((schema) => shapeOfCall(schema).positional.length)) + 1;
  const parameters = Array.from({ length: width }, (_, i) => `a${i}`);
  const local = isReserved(name) ? `${name}Operator` : name;
  const exported = local === name ? 'export function' : 'function';
  const lines = [];
  for (const schema of group)
    lines.push(docComment(schema, versions), `${exported} ${local}${signature(schema, false)};`);
  lines.push(`${exported} ${local}(${parameters.map((parameter) => `${parameter}?: any`).join(', ')}): any {`);
  if (OVERLOADS[name] !== undefined) {
    lines.splice(-1, 0, OVERLOADS[name].function);
    lines.push(`  ${OVERLOADS[name].line}`);
  }
  const tests = conditions(group, parameters);
  for (const [j, schema] of group.entries()) {
    const body = bodyOf(schema, indexOf(schema), parameters, tests[j]);
    if (tests[j] === 'true') {
      if (j < group.length - 1) throw new Error(`codegen: ${name}: no call means ${group[j + 1].text}`);
      lines.push(...body.map((line) => `  ${line}`));
    } else lines.push(`  if (${tests[j]}) {`, ...body.map((line) => `    ${line}`), '  }');
  }
  lines.push('}');
  if (local !== name) lines.push(`export { ${local} as ${name} };`);
  return lines.join('\n');
}

/** Method signatures of a group on `Tensor`, for the schemas whose first argument is `self`. */
export function emitMethod(name, group, versions) {
  return group
    .flatMap((schema) => [docComment(schema, versions, '    '), `    ${name}${signature(schema, true)};`])
    .concat(OVERLOADS[name]?.method ?? [])
    .join('\n');
}
