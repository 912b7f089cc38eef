/** @file `suave evaluate`: accuracy of a trained classifier. */
import type { Command } from 'commander';
import type { Evaluation, EvaluationReport } from '../evaluation/index.js';
import { chooseDevice } from './device.js';
import { oneOf, wholeNumber } from './numbers.js';
import { Terminal, table } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';
import { countOn } from './train-report.js';

interface EvaluateCommandOptions {
  checkpoint?: string;
  device?: string;
  threads?: string;
  workers?: string;
  cache?: string;
  json?: boolean;
}

const examples = `Examples:
  suave evaluate runs/first                 on the images that were set aside, or DATA/val
  suave evaluate runs/first other-photos    on another folder, classes matched by name
  suave evaluate runs/first --json
`;

/** Adds `evaluate` to the program. */
export function addEvaluateCommand(program: Command): void {
  program
    .command('evaluate')
    .summary('measure accuracy on held-out images or another folder')
    .description('Prints top-1, top-5, per-class accuracy and loss of a run or checkpoint.')
    .argument('<RUN|CKPT>', 'run folder or checkpoint file')
    .argument('[DATA]', 'folder of images (default: the data of the run)')
    .option('--checkpoint <WHICH>', 'last (default) or best')
    .option('--device <DEVICE>', 'cpu or cuda (default: cuda where there is one)')
    .option('--threads <N>', 'threads of libtorch (default: all processors)')
    .option('--workers <N>', 'threads that decode images')
    .option('--cache <DIR>', 'folder for decoded images')
    .option('--json', 'print one JSON object')
    .addHelpText('before', examples)
    .action(runEvaluate);
}

async function runEvaluate(model: string, data: string | undefined, options: EvaluateCommandOptions): Promise<void> {
  const threads = wholeNumber('evaluate', 'threads', options.threads, 1) ?? defaultThreads();
  const workers = wholeNumber('evaluate', 'workers', options.workers, 0) ?? null;
  const checkpoint = oneOf('evaluate', 'checkpoint', options.checkpoint, ['last', 'best']);
  const asked = oneOf('evaluate', 'device', options.device, ['cpu', 'cuda']);
  prepareThreads(threads);
  const { evaluate } = await import('../evaluation/index.js');
  const device = await chooseDevice(asked, threads);
  const terminal = new Terminal();
  const report = await evaluate({
    model,
    data: data ?? null,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    device,
    workers,
    cache: options.cache ?? null,
    onProgress: countOn(terminal),
  });
  terminal.endBar();
  for (const note of report.notes) terminal.warning(note);
  process.stdout.write(options.json ? `${JSON.stringify(report.evaluation)}\n` : evaluationText(report));
}

const sources: Record<EvaluationReport['source'], string> = {
  val: 'images of val/',
  'hold-out': "images of the run's hold-out",
  all: 'images',
};

/** The evaluation in words: one line, then a table of classes. */
function evaluationText({ evaluation, source, data }: EvaluationReport): string {
  const { top1, top5, loss, images, classes } = evaluation;
  const head = `top-1 ${top1.toFixed(4)}  top-5 ${top5.toFixed(4)}  loss ${loss.toFixed(4)}  (${images} ${sources[source]} in ${data})`;
  return `${head}\n\n${table([['class', 'top-1', 'images'], ...classRows(classes)])}\n`;
}

function classRows(classes: Evaluation['classes']): string[][] {
  return Object.entries(classes).map(([name, { top1, images }]) => [
    name,
    top1 === null ? '-' : top1.toFixed(4),
    String(images),
  ]);
}
