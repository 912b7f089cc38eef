/** @file Reads docs/pytorch-to-typescript.md: its set-up, and what becomes of each cell and block, as one TypeScript module. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** A row of a table, or a block; `python` is null for a block that stands alone. */
export interface Idiom {
  readonly python: string | null;
  readonly typescript: string;
}

/** The page's idioms in order, and the TypeScript that stands before each of them. */
export interface Guide {
  readonly setup: string;
  readonly idioms: readonly Idiom[];
}

const CODE = /^`(.+)`$/;

function rowOf(line: string): Idiom[] {
  const [, python = '', typescript = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
  const [left, right] = [CODE.exec(python)?.[1], CODE.exec(typescript)?.[1]];
  return left === undefined || right === undefined ? [] : [{ python: left, typescript: right }];
}

/** Reads the page at a path. */
export function readGuide(path: string | URL): Guide {
  const text = readFileSync(path, 'utf8');
  let setup = '';
  const idioms: Idiom[] = [];
  const parts = /^```(python|ts)( setup)?\n([\s\S]*?)^```$|^(\|.*)$/gm;
  let python: string | null = null;
  for (const [, language, isSetup, code = '', row] of text.matchAll(parts)) {
    if (row !== undefined) idioms.push(...rowOf(row));
    else if (isSetup !== undefined) setup = language === 'ts' ? code : setup;
    else if (language === 'python') python = code;
    else {
      idioms.push({ python, typescript: code });
      python = null;
    }
  }
  return { setup, idioms };
}

/** The code as the body of a function that returns the value of its last statement: an expression, or what it declares. */
function returning(code: string): string {
  const source = ts.createSourceFile('cell.ts', code, ts.ScriptTarget.ES2022, true);
  const last = source.statements.at(-1);
  if (last === undefined) return code;
  if (ts.isExpressionStatement(last)) return `${code.slice(0, last.getStart())}return (${last.expression.getText()});`;
  if (!ts.isVariableStatement(last)) return code;
  const names: string[] = [];
  const collect = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) names.push(name.text);
    else for (const element of name.elements) if (ts.isBindingElement(element)) collect(element.name);
  };
  for (const { name } of last.declarationList.declarations) collect(name);
  return `${code}\nreturn ${names.length === 1 ? names[0] : `[${names.join(', ')}]`};`;
}

/** A module that runs every idiom after a set-up of its own, and prints `[value or { error }]` as JSON. */
export function moduleOf({ setup, idioms }: Guide): string {
  const imports = setup.split('\n').filter((line) => line.startsWith('import '));
  const prelude = setup.split('\n').filter((line) => !line.startsWith('import '));
  const bodies = idioms.map(({ typescript }) => `() => {\n${prelude.join('\n')}\n${returning(typescript)}\n},`);
  return [...imports, 'const cells: readonly (() => unknown)[] = [', ...bodies, '];', ENCODER].join('\n');
}

const ENCODER = `
function encode(value: unknown): unknown {
  if (value instanceof torch.Tensor) {
    const { shape, dtype } = value;
    return { shape, dtype, data: Array.from(value.data() as ArrayLike<number | bigint>, Number) };
  }
  if (Array.isArray(value)) return value.map(encode);
  return ['number', 'string', 'boolean'].includes(typeof value) ? value : null;
}
console.log(
  JSON.stringify(
    cells.map((cell) => {
      try {
        return encode(cell());
      } catch (error) {
        return { error: String(error) };
      }
    }),
  ),
);
`;

/** Messages of the compiler about a module, under strict settings, as if it lay in a folder of a user of the package. */
export function typeErrors(module: string, file: string): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    rootDir: file.slice(0, file.lastIndexOf('/')),
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, languageVersion, ...rest) =>
    name === file
      ? ts.createSourceFile(name, module, languageVersion)
      : getSourceFile.call(host, name, languageVersion, ...rest);
  host.fileExists = (name) => name === file || fileExists.call(host, name);
  host.readFile = (name) => (name === file ? module : readFile.call(host, name));
  const program = ts.createProgram([file], options, host);
  return [...program.getGlobalDiagnostics(), ...program.getOptionsDiagnostics(), ...errorsIn(program, file)].map(
    ({ messageText, start, file: source }) => {
      const line = source === undefined || start === undefined ? 0 : source.getLineAndCharacterOfPosition(start).line;
      return `${ts.flattenDiagnosticMessageText(messageText, '\n')} (${module.split('\n')[line]})`;
    },
  );
}

function errorsIn(program: ts.Program, file: string): readonly ts.Diagnostic[] {
  const source = program.getSourceFile(file);
  return source === undefined
    ? []
    : [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
}
