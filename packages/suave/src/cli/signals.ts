/** @file Ctrl-C and SIGTERM: the first asks for a checkpoint and an orderly end, the second ends at once. */
import { exitStatus, InterruptedError } from './exit.js';
import type { Terminal } from './terminal.js';

/** A request to stop that signals make. */
export interface StopRequest {
  readonly signal: AbortSignal;
  /** The error to report: work that was stopped before it had anything to checkpoint was interrupted, not failed. */
  explain(error: unknown, message?: string): unknown;
  /** Removes the signal handlers. */
  dispose(): void;
}

/**
 * Listens for SIGINT and SIGTERM.
 * @param whatHappens  said at the first one
 */
export function stopOnSignals(
  terminal: Terminal,
  whatHappens = 'finishing the step and writing a checkpoint; again to end at once',
): StopRequest {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      terminal.line(`${name} again: ending at once, work since the last checkpoint is lost`);
      process.exit(exitStatus.interrupted);
    }
    terminal.line(`${name}: ${whatHappens}`);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    explain: (error, message = 'interrupted before training began; nothing was written.') =>
      error instanceof Error && error.name === 'AbortError' ? new InterruptedError(message) : error,
    dispose() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
