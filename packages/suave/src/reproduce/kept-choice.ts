/** @file What was chosen for a budget stays: measured again it might come out otherwise, and runs that are done would not fit any more. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';
import { writeFileAtomic } from '../runs/index.js';
import type { BudgetChoice } from './cifar-budget.js';

/** What a choice was made for: all of it must be the same when the command is repeated. */
export type ChoiceRequest = Readonly<Record<string, string | number | null>>;

interface KeptChoice {
  readonly request: ChoiceRequest;
  readonly choice: BudgetChoice;
}

const fileOf = (out: string, table: string): string => join(out, `${table}-choice.json`);

/**
 * The choice of an earlier call of the same command in OUT, or null.
 * @throws ConfigError `CONFIG_REPRODUCE` when OUT holds the choice of another command
 */
export function keptChoice(out: string, table: string, request: ChoiceRequest): BudgetChoice | null {
  const file = fileOf(out, table);
  if (!existsSync(file)) return null;
  const kept = JSON.parse(readFileSync(file, 'utf8')) as KeptChoice;
  const changed = Object.keys(request).find((key) => kept.request[key] !== request[key]);
  if (changed === undefined) return kept.choice;
  throw new ConfigError(
    changed,
    `suave reproduce ${table} ${changed}: ${out} holds a comparison with ${JSON.stringify(kept.request[changed])}, got ${JSON.stringify(request[changed])}. Repeat it as it was, or choose another --out.`,
    { code: 'CONFIG_REPRODUCE' },
  );
}

/** Writes a choice into OUT. */
export function keepChoice(out: string, table: string, request: ChoiceRequest, choice: BudgetChoice): void {
  mkdirSync(out, { recursive: true });
  writeFileAtomic(fileOf(out, table), `${JSON.stringify({ request, choice } satisfies KeptChoice, null, 2)}\n`);
}
