/** @file Reads operator schemas as libtorch prints them: `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`. */

/**
 * @typedef {object} Type
 * @property {string} base       Tensor, Scalar, int, float, bool, str, ScalarType, Layout, Device, MemoryFormat, Generator, or what libtorch wrote
 * @property {boolean} list
 * @property {number} size       N of `int[N]`, else 0
 * @property {boolean} optional
 * @property {boolean} optionalElements
 * @property {boolean} written   marked `(a!)`: modified in place
 *
 * @typedef {object} Argument
 * @property {string} name
 * @property {Type} type
 * @property {boolean} required
 * @property {boolean} keywordOnly
 * @property {string} default    as libtorch writes it, empty for required arguments
 *
 * @typedef {object} Schema
 * @property {string} name       without the namespace
 * @property {string} overload
 * @property {Argument[]} arguments
 * @property {{ name: string, type: Type }[]} returns
 * @property {string} text       the schema as libtorch prints it
 */

function splitTopLevel(text) {
  const parts = [];
  let depth = 0;
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    if (quoted) continue;
    if ('([{'.includes(text[i])) depth++;
    else if (')]}'.includes(text[i])) depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === '' ? parts : [...parts, last];
}

/** @returns {Type} */
export function parseType(text) {
  const written = /\([^)]*!\)/.test(text);
  let rest = text.replace(/\([^)]*\)/g, '');
  let optional = false;
  let list = false;
  let size = 0;
  let optionalElements = false;
  if (rest.endsWith('?')) {
    optional = true;
    rest = rest.slice(0, -1);
  }
  const brackets = /\[(\d*)\]$/.exec(rest);
  if (brackets !== null) {
    list = true;
    size = Number(brackets[1] || 0);
    rest = rest.slice(0, brackets.index);
    if (rest.endsWith('?')) {
      optionalElements = true;
      rest = rest.slice(0, -1);
    }
  }
  return { base: rest === 'SymInt' ? 'int' : rest, list, size, optional, optionalElements, written };
}

/** @returns {Schema} */
export function parseSchema(line) {
  const match = /^aten::([\w]+)(?:\.(\w+))?\((.*)\) -> (.*)$/.exec(line);
  if (match === null) throw new Error(`codegen: cannot read the schema ${line}`);
  const [, name, overload = '', argumentText, returnText] = match;
  const parsed = [];
  let keywordOnly = false;
  for (const part of splitTopLevel(argumentText)) {
    if (part === '*') {
      keywordOnly = true;
      continue;
    }
    const declaration = /^(.+?) (\w+)(=.*)?$/.exec(part);
    if (declaration === null) throw new Error(`codegen: cannot read the argument ${part} of ${line}`);
    parsed.push({
      name: declaration[2],
      type: parseType(declaration[1]),
      required: declaration[3] === undefined,
      keywordOnly,
      default: declaration[3]?.slice(1) ?? '',
    });
  }
  const inner = returnText.startsWith('(') ? returnText.slice(1, -1) : returnText;
  const returns = splitTopLevel(inner).map((part) => {
    const named = /^(\S+) (\w+)$/.exec(part);
    return named === null ? { name: '', type: parseType(part) } : { name: named[2], type: parseType(named[1]) };
  });
  return { name, overload, arguments: parsed, returns, text: line };
}

/** `_foreach_add_` → `_foreachAdd_`: camel case between, underscores at both ends kept. */
export function camelCase(name) {
  const [, before, middle, after] = /^(_*)(.*?)(_*)$/.exec(name);
  return before + middle.replace(/_+([a-z0-9])/gi, (_, letter) => letter.toUpperCase()) + after;
}
