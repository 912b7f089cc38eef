/** @file `suave doctor`: what is found on this machine, what is missing, and the command that mends it. */
import type { Command } from 'commander';
import { examine, type Finding } from './examine.js';
import { exitStatus } from './exit.js';
import { Terminal, table } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';

/** Adds `doctor` to the program. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .summary('what is found on this machine and what is missing')
    .description(
      'Looks at Node, libtorch, BLAS, threads, CUDA, image decoding, memory and disk; exit status 1 if it could not train.',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('before', 'Examples:\n  suave doctor\n  suave doctor --json\n')
    .action(runDoctor);
}

async function runDoctor(options: { json?: boolean }): Promise<void> {
  const threads = defaultThreads();
  prepareThreads(threads);
  const { findings, ...facts } = await examine(threads);
  const canTrain = findings.every((finding) => finding.state !== 'missing');
  if (options.json) process.stdout.write(`${JSON.stringify({ canTrain, ...facts, findings })}\n`);
  else process.stdout.write(findingsText(findings, canTrain, new Terminal(process.stdout)));
  process.exitCode = canTrain ? exitStatus.done : exitStatus.failed;
}

const marks: Record<Finding['state'], [text: string, color: 'green' | 'yellow' | 'red']> = {
  ok: ['ok', 'green'],
  slow: ['note', 'yellow'],
  missing: ['missing', 'red'],
};

function findingsText(findings: readonly Finding[], canTrain: boolean, terminal: Terminal): string {
  const rows = findings.map(({ what, state, found, mend }) => [
    what,
    marks[state][0],
    mend === null ? found : `${found}\n  → ${mend}`,
  ]);
  const lines = table(rows)
    .split('\n')
    .map((line) => {
      const finding = findings.find(({ what, state }) => line.startsWith(what) && state !== 'ok');
      return finding === undefined ? line : terminal.style(marks[finding.state][1], line);
    });
  const verdict = canTrain ? 'This machine can train.' : 'This machine cannot train yet: mend what is missing above.';
  return `${lines.join('\n')}\n\n${verdict}\n`;
}
