/** @file Entry of the `suave` command: parses, runs one command, turns errors into one sentence and an exit status. */
import { CommanderError } from 'commander';
import { exitStatus, failureOf } from './exit.js';
import { createProgram } from './program.js';

/**
 * Runs the command line.
 * @param args  arguments after the program's name
 * @returns     the exit status: 0 done, 1 failed while running, 2 refused, 130 interrupted after a checkpoint
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const program = createProgram();
    await program.parseAsync(args.length === 0 ? ['--help'] : args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : exitStatus.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.refused;
    const failure = failureOf(error);
    process.stderr.write(`suave: ${failure.message}\n`);
    if (process.env.SUAVE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return failure.status;
  }
}

// A reader that closes its end of the pipe (`suave predict … | head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitStatus.done);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
