/** @file A module as text, in the words and the layout of PyTorch's `print(module)`. */
import type { Module } from './module.js';

/** A value to be printed as Python prints a float: `1.0` where JavaScript has `1`. */
export class Float {
  constructor(readonly value: number) {}
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16))
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** A value in Python's words; numbers that are whole are integers, unless wrapped in {@link Float}. */
export function python(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (value instanceof Float) return floatText(value.value);
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : floatText(value);
  if (Array.isArray(value)) return `(${value.map(python).join(', ')}${value.length === 1 ? ',' : ''})`;
  return String(value);
}

/** `2, 4, kernel_size=(3, 1), bias=False`: values in order, then named ones; those that are undefined are left out. */
export function describe(positional: readonly unknown[], named: Readonly<Record<string, unknown>> = {}): string {
  const pairs = Object.entries(named).filter(([, value]) => value !== undefined);
  return [...positional.map(python), ...pairs.map(([name, value]) => `${name}=${python(value)}`)].join(', ');
}

/** Neighbouring children of a list that print alike are one line, `(0-5): 6 x …`, as since PyTorch 2.0. */
function childLines(module: Module, collapse: boolean): string[] {
  const groups: { names: string[]; text: string }[] = [];
  for (const [name, child] of module.namedChildren()) {
    const text = formatModule(child).replaceAll('\n', '\n  ');
    const last = groups.at(-1);
    if (collapse && last?.text === text) last.names.push(name);
    else groups.push({ names: [name], text });
  }
  return groups.map(({ names, text }) =>
    names.length === 1 ? `(${names[0]}): ${text}` : `(${names[0]}-${names.at(-1)}): ${names.length} x ${text}`,
  );
}

/** The module and all below it, two spaces deeper at each level. */
export function formatModule(module: Module, { collapse = false }: { collapse?: boolean } = {}): string {
  const name = module.constructor.name;
  const extra = module.extraRepr();
  const children = childLines(module, collapse || name === 'ModuleList');
  if (children.length === 0 && !extra.includes('\n')) return `${name}(${extra})`;
  const lines = [...(extra === '' ? [] : extra.split('\n')), ...children];
  return `${name}(\n  ${lines.join('\n  ')}\n)`;
}
