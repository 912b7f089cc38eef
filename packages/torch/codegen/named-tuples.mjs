/** @file Results with names: one class and one type for each list of names, such as `ValuesIndices`. */
import { identifier } from './call-shape.mjs';

/** Name of the class for a schema's results, or null when they are not several, or not all named. */
export function namedTupleOf(schema) {
  if (schema.returns.length < 2 || schema.returns.some(({ name }) => name === '')) return null;
  return schema.returns.map(({ name }) => identifier(name)[0].toUpperCase() + identifier(name).slice(1)).join('');
}

/** The file of all named tuples that a list of schemas returns. */
export function emitNamedTuples(schemas) {
  const byName = new Map();
  for (const schema of schemas) {
    const name = namedTupleOf(schema);
    if (name !== null && !byName.has(name))
      byName.set(
        name,
        schema.returns.map((value) => identifier(value.name)),
      );
  }
  const lines = [];
  for (const name of [...byName.keys()].sort()) {
    const fields = byName.get(name);
    const letters = fields.map((_, i) => `T${i}`);
    lines.push(
      `/** The results ${fields.map((field) => `\`${field}\``).join(', ')}, in this order and by name. */`,
      `export type ${name}<${letters.map((letter) => `${letter} = Tensor`).join(', ')}> = [${fields.map((field, i) => `${field}: ${letters[i]}`).join(', ')}] & { ${fields.map((field, i) => `readonly ${field}: ${letters[i]}`).join('; ')} };`,
      `export const ${name} = namedTuple(${fields.map((field) => `'${field}'`).join(', ')});`,
      '',
    );
  }
  return lines.join('\n');
}
