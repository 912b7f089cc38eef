/** @file The error of this room; `runs` imports nothing else of ours, so that any reader of run folders can use it alone. */

/** A run folder that cannot be used as asked: it exists already, is missing, is in use or is damaged (exit status 2). */
export class RunError extends Error {
  readonly code: string;
  readonly exitCode = 2;

  constructor(code: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RunError';
    this.code = code;
  }
}
