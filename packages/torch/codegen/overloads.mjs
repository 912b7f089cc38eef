/** @file Which overload of a group a call means: conditions on the arguments, tested in order. */
import { kindLetter, shapeOfCall } from './call-shape.mjs';
import { camelCase } from './schema.mjs';

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

/**
 * The most specific arguments first: tensors, single values, then lists (which a single number may fill) and scalars.
 * Where those are alike, the overload with fewer options: the others are meant when one of their own is given.
 */
export function byPreference(a, b) {
  const rank = (schema) => {
    const { positional, options } = shapeOfCall(schema);
    const kinds = positional
      .map(({ type }) =>
        type.base === 'Tensor' ? (type.optional ? 'b' : 'a') : type.list ? 'd' : type.base === 'Scalar' ? 'e' : 'c',
      )
      .join('');
    return `${kinds} ${String(options.length).padStart(2, '0')} ${schema.overload}`;
  };
  const [first, second] = [rank(a), rank(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** Conditions on the options that a later overload with the same positional arguments does not fulfil. */
function optionTests(own, twins, value) {
  const tests = new Set();
  for (const twin of twins)
    for (const option of twin.options) {
      const same = own.options.find(({ name }) => name === option.name);
      const given = `${value}.${camelCase(option.name)}`;
      if (same === undefined) tests.add(`${given} === undefined`);
      else if (kindLetter(same.type) !== kindLetter(option.type))
        tests.add(check({ ...same.type, optional: true }, given));
    }
  if (tests.size === 0) return [];
  return [`(${value} === undefined || (isOptions(${value}) && ${[...tests].join(' && ')}))`];
}

/** Conditions under which each overload of a group is meant; the last one needs none (`true`). */
export function conditions(group, parameters) {
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
    const twins = later.filter(
      ({ positional }) =>
        positional.length === calls[j].positional.length &&
        positional.every((argument, p) => kindLetter(argument.type) === kindLetter(calls[j].positional[p].type)),
    );
    tests.push(...optionTests(calls[j], twins, parameters[calls[j].positional.length]));
    return tests.length === 0 ? 'true' : tests.join(' && ');
  });
}
