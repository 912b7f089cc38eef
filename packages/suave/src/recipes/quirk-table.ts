/** @file The list of quirks as the markdown tables of docs/recipes.md. */
import { settledQuirks, switchedQuirks } from './quirks.js';

const code = (text: string): string => `\`${text}\``;
const value = (of: unknown): string => code(typeof of === 'string' ? of : JSON.stringify(of));

function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Two tables: quirks with the setting that switches each, and quirks without one with the reason. */
export function quirkTables(): string {
  const switched = markdownTable(
    ['quirk', 'what the published code does', 'setting', '`paper`', '`official-code`', 'other', 'for example in'],
    switchedQuirks.map(({ id, what, path, paper, official, other, recipe }) => [
      id,
      what,
      code(path),
      value(paper),
      value(official),
      other === undefined ? '' : value(other),
      code(recipe),
    ]),
  );
  const settled = markdownTable(
    ['quirk', 'what the published code does', 'why there is no setting'],
    settledQuirks.map(({ id, what, reason }) => [id, what, reason]),
  );
  return `${switched}\n\nWithout a setting:\n\n${settled}`;
}
