/** @file The error of every file or state that does not fit, and the way long lists of keys are shown. */

/**
 * Stable codes of {@link CheckpointError}: the file itself (missing, cut off), its format (header, offsets), keys,
 * shapes and dtypes that do not fit what they are loaded into.
 */
export type CheckpointErrorCode =
  | 'ERR_CHECKPOINT_FILE'
  | 'ERR_CHECKPOINT_FORMAT'
  | 'ERR_CHECKPOINT_KEYS'
  | 'ERR_CHECKPOINT_SHAPE'
  | 'ERR_CHECKPOINT_DTYPE';

/** A checkpoint file or a state that cannot be used; nothing was changed. */
export class CheckpointError extends Error {
  readonly code: CheckpointErrorCode;
  /** Keys that were expected and not found; empty where keys are not the problem. */
  readonly missing: readonly string[];
  /** Keys that were found and not expected. */
  readonly unexpected: readonly string[];

  constructor(
    code: CheckpointErrorCode,
    message: string,
    options: { missing?: readonly string[]; unexpected?: readonly string[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CheckpointError';
    this.code = code;
    this.missing = options.missing ?? [];
    this.unexpected = options.unexpected ?? [];
  }
}

/** `a, b, c` for up to ten names; ten and a count for more: `a, …, j and 12 more`. */
export function listKeys(names: readonly string[], limit = 10): string {
  if (names.length <= limit) return names.join(', ');
  return `${names.slice(0, limit).join(', ')} and ${names.length - limit} more`;
}

/** A name out of a file as it may be printed: quoted, control characters escaped, cut at 80 characters. */
export function showName(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
