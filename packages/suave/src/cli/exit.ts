/** @file From an error to one clear sentence on standard error and an exit status. A stack trace is never shown, except with SUAVE_DEBUG. */

/** Exit statuses of the command. */
export const exitStatus = { done: 0, failed: 1, refused: 2, interrupted: 130 } as const;

/** Thrown by a command that was interrupted after it wrote a checkpoint. */
export class InterruptedError extends Error {
  readonly code = 'INTERRUPTED';
}

/** The sentence and the status of an error. */
export interface Failure {
  status: number;
  message: string;
}

const refusedCodes = /^(ERR_CHECKPOINT|RUN_|CONFIG|CHECKPOINT|USAGE|UNKNOWN_)/;
const interruptedCode = 'INTERRUPTED';

function systemFailure(error: NodeJS.ErrnoException): Failure | null {
  const where = error.path === undefined ? '' : `${error.path}: `;
  switch (error.code) {
    case 'ENOSPC':
      return {
        status: 1,
        message: `${where}no space left on the device. Free some space and try again; training goes on from its last checkpoint with --resume.`,
      };
    case 'EDQUOT':
      return {
        status: 1,
        message: `${where}the disk quota is used up. Free some space and try again; training goes on from its last checkpoint with --resume.`,
      };
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return {
        status: 1,
        message: `${where}no permission (${error.code}). Check who owns it and whether the disk is writable.`,
      };
    case 'EMFILE':
    case 'ENFILE':
      return { status: 1, message: `${where}too many open files. Raise the limit with ulimit -n.` };
    case 'EIO':
      return { status: 1, message: `${where}the disk reports an error (EIO).` };
    default:
      return null;
  }
}

/** Sorts any thrown value into refused (2), failed (1) or interrupted (130), with one sentence. */
export function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof Error)) return { status: exitStatus.failed, message: String(thrown) };
  const error = thrown as NodeJS.ErrnoException & { exitCode?: unknown };
  const message = error.message.replace(/\s*\n\s*/g, ' ');
  if (error.code === interruptedCode) return { status: exitStatus.interrupted, message };
  if (error.exitCode === 1 || error.exitCode === 2) return { status: error.exitCode, message };
  const system = systemFailure(error);
  if (system !== null) return system;
  if (error.code === 'ERR_TORCH_OUT_OF_MEMORY') return { status: exitStatus.failed, message };
  if (typeof error.code === 'string' && refusedCodes.test(error.code)) return { status: exitStatus.refused, message };
  if (typeof error.code === 'string') return { status: exitStatus.failed, message };
  return { status: exitStatus.failed, message: `unexpected ${error.name}: ${message} (SUAVE_DEBUG=1 shows where)` };
}
