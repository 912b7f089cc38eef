/**
 * @file The errors that a person can mend: each has a stable `code`, one clear sentence, and the exit status of the command.
 * Pattern of a message: *where: what was expected, got what. What to do.*
 */

/** Base of all errors of this package. `exitCode` 2 = wrong usage, configuration or input; 1 = failed while running. */
export class SuaveError extends Error {
  readonly code: string;
  readonly exitCode: 1 | 2;

  constructor(code: string, message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.exitCode = options.exitCode ?? 2;
  }
}

/** A wrong command line: unknown command or option, options that exclude each other. */
export class UsageError extends SuaveError {
  constructor(message: string, options: { code?: string; cause?: unknown } = {}) {
    super(options.code ?? 'USAGE', message, options);
  }
}

/** A wrong configuration value; `path` is the dotted path of the field, e.g. `optimizer.lr`. */
export class ConfigError extends SuaveError {
  readonly path: string;

  constructor(path: string, message: string, options: { code?: string; cause?: unknown } = {}) {
    super(options.code ?? 'CONFIG', message, options);
    this.path = path;
  }
}

/** Data that cannot be used: a missing folder, a label file with an unknown path; `file` names the culprit where there is one. */
export class DataError extends SuaveError {
  readonly file: string | null;

  constructor(message: string, options: { code?: string; file?: string; cause?: unknown } = {}) {
    super(options.code ?? 'DATA', message, options);
    this.file = options.file ?? null;
  }
}

/** A checkpoint that is missing, damaged or of another architecture. */
export class CheckpointError extends SuaveError {
  constructor(message: string, options: { code?: string; exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(options.code ?? 'CHECKPOINT', message, options);
  }
}

/** Training that went wrong while running (exit status 1), such as a loss that is not a number. */
export class TrainingError extends SuaveError {
  constructor(message: string, options: { code?: string; cause?: unknown } = {}) {
    super(options.code ?? 'TRAINING', message, { exitCode: 1, ...options });
  }
}

/** Lists up to ten names, then a count: `a, b, c and 12 more`. */
export function listNames(names: readonly string[], limit = 10): string {
  if (names.length <= limit) return names.join(', ');
  return `${names.slice(0, limit).join(', ')} and ${names.length - limit} more`;
}

/** Levenshtein distance with transpositions, for "did you mean". */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...new Array<number>(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) rows[0][j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const substitution = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, substitution);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2][j - 2] + 1);
      rows[i][j] = best;
    }
  }
  return rows[a.length][b.length];
}

/**
 * The known name nearest to a mistyped one, or null when nothing is near (more than half of the letters differ).
 * @param name   what was typed
 * @param known  all valid names
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` Did you mean "x"?` or ` Known: a, b, c.`, to be appended to an unknown-name message. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === null ? ` Known: ${listNames(known, 20)}.` : ` Did you mean "${nearest}"?`;
}
