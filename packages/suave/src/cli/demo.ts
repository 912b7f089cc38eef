/** @file `suave demo`: the whole product in minutes. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { InterruptedError } from './exit.js';
import { wholeNumber } from './numbers.js';
import { stopOnSignals } from './signals.js';
import { Terminal } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';
import { reportTraining } from './train-report.js';

interface DemoOptions {
  out: string;
  seed?: string;
  threads?: string;
  json?: boolean;
}

/** Adds `demo` to the program. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .summary('make a small image set, train on it, compare with supervised training')
    .description(
      'Draws ten classes of shapes, trains Suave on all images and a baseline on the few labels, and prints both accuracies.',
    )
    .option('--out <DIR>', 'folder for the images and the runs', 'demo-run')
    .option('--seed <S>', 'seed of images and training')
    .option('--threads <N>', 'threads of libtorch (default: all processors)')
    .option('--json', 'end with one JSON object: suave_top1, supervised_top1, seconds')
    .addHelpText('before', 'Examples:\n  suave demo\n  suave demo --seed 2 --json\n')
    .action(runDemoCommand);
}

async function runDemoCommand(options: DemoOptions): Promise<void> {
  const threads = wholeNumber('demo', 'threads', options.threads, 1) ?? defaultThreads();
  const seed = wholeNumber('demo', 'seed', options.seed, 0);
  prepareThreads(threads);
  const { runDemo } = await import('../demo/index.js');
  const terminal = new Terminal();
  const stop = stopOnSignals(terminal);
  try {
    const result = await runDemo({
      out: resolve(options.out),
      ...(seed === undefined ? {} : { seed }),
      threads,
      signal: stop.signal,
      events: reportTraining(terminal),
    });
    terminal.endBar();
    if (result.interrupted) throw new InterruptedError('interrupted; run suave demo again to continue.');
    process.stdout.write(options.json ? `${JSON.stringify(result.json)}\n` : result.text);
  } catch (error) {
    throw stop.explain(error);
  } finally {
    terminal.endBar();
    stop.dispose();
  }
}
