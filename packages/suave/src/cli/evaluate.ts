/** @file `suave evaluate`: accuracy of a trained classifier. */
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import type { Evaluation, EvaluationReport, FeatureProtocol, ProtocolReport } from '../evaluation/index.js';
import { chooseDevice } from './device.js';
import { oneOf, wholeNumber } from './numbers.js';
import { Terminal, table } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';
import { countOn } from './train-report.js';

interface EvaluateCommandOptions {
  protocol?: string;
  k?: string;
  bank?: string;
  weights?: string;
  split?: string;
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
  suave evaluate runs/swav photos --protocol knn --k 20    features compared with labeled images; for checkpoints without classes too
`;

const protocols = ['classifier', 'knn', 'linear', 'paws-nn'] as const;

/** Adds `evaluate` to the program. */
export function addEvaluateCommand(program: Command): void {
  program
    .command('evaluate')
    .summary('measure accuracy on held-out images or another folder')
    .description(
      'Prints top-1, top-5, per-class accuracy and loss of a run or checkpoint. The protocols knn, linear and paws-nn compare features with those of labeled training images, so they also measure checkpoints that name no classes (SwAV, DINO).',
    )
    .argument('<RUN|CKPT>', 'run folder or checkpoint file')
    .argument('[DATA]', 'folder of images (default: the data of the run)')
    .option(
      '--protocol <NAME>',
      'classifier (default); knn: votes of the nearest images; linear: a classifier on cached features; paws-nn: soft nearest neighbours of embeddings',
    )
    .option('--k <N>', 'knn: neighbours that vote (20, or all where there are fewer)')
    .option('--bank <WHICH>', 'images that are compared with: labeled (default), or all training images of known class')
    .option(
      '--weights <WHICH>',
      'of DINO and Daino, with the protocols that compare features: teacher (default) or student',
    )
    .option('--split <NAME>', 'val: only images that were set aside, never all of DATA')
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
  const protocol = oneOf('evaluate', 'protocol', options.protocol, protocols) ?? 'classifier';
  const split = oneOf('evaluate', 'split', options.split, ['val']) ?? null;
  const comparison = comparisonOf(protocol, options);
  prepareThreads(threads);
  const { evaluate, evaluateProtocol } = await import('../evaluation/index.js');
  const device = await chooseDevice(asked, threads);
  const terminal = new Terminal();
  const common = {
    model,
    data: data ?? null,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    device,
    workers,
    cache: options.cache ?? null,
    onProgress: countOn(terminal),
  };
  if (comparison === null) {
    const report = await evaluate({ ...common, split });
    terminal.endBar();
    for (const note of report.notes) terminal.warning(note);
    process.stdout.write(options.json ? `${JSON.stringify(report.evaluation)}\n` : evaluationText(report));
    return;
  }
  const report = await evaluateProtocol({ ...common, ...comparison });
  terminal.endBar();
  for (const note of report.notes) terminal.note(note);
  process.stdout.write(options.json ? `${JSON.stringify(report.evaluation)}\n` : protocolText(report));
}

interface Comparison {
  protocol: FeatureProtocol;
  k: number | null;
  bank: 'labeled' | 'all';
  weights: 'teacher' | 'student' | null;
}

/** How features are compared; null for the classifier, which takes none of these options. */
function comparisonOf(protocol: (typeof protocols)[number], options: EvaluateCommandOptions): Comparison | null {
  const k = wholeNumber('evaluate', 'k', options.k, 1) ?? null;
  const bank = oneOf('evaluate', 'bank', options.bank, ['labeled', 'all']);
  const weights = oneOf('evaluate', 'weights', options.weights, ['teacher', 'student']) ?? null;
  if (k !== null && protocol !== 'knn') throw refused('k', 'with --protocol knn', protocol);
  if (protocol !== 'classifier') return { protocol, k, bank: bank ?? 'labeled', weights };
  if (bank !== undefined) throw refused('bank', 'with --protocol knn, linear or paws-nn', protocol);
  if (weights !== null) throw refused('weights', 'with --protocol knn, linear or paws-nn', protocol);
  return null;
}

function refused(option: string, expected: string, protocol: string): UsageError {
  return new UsageError(`suave evaluate --${option}: expected ${expected}, got ${protocol}. Leave it out.`);
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

const protocolNames: Record<FeatureProtocol, string> = {
  knn: 'weighted k-NN',
  linear: 'linear probe',
  'paws-nn': 'soft nearest neighbours',
};

function protocolText({ evaluation, source, data, bankImages, features, k }: ProtocolReport): string {
  const { protocol, top1, top5, loss, images, classes } = evaluation;
  const lossText = loss === null ? '' : `  loss ${loss.toFixed(4)}`;
  const head = `top-1 ${top1.toFixed(4)}  top-5 ${top5.toFixed(4)}${lossText}  (${images} ${source === 'val' ? sources.val : 'held-out images'} in ${data})`;
  const name = k === null ? protocolNames[protocol] : `${protocolNames[protocol]} (k = ${k})`;
  const how = `${name} on ${features}, with ${bankImages} labeled training images`;
  return `${head}\n${how}\n\n${table([['class', 'top-1', 'images'], ...classRows(classes)])}\n`;
}

function classRows(classes: Evaluation['classes']): string[][] {
  return Object.entries(classes).map(([name, { top1, images }]) => [
    name,
    top1 === null ? '-' : top1.toFixed(4),
    String(images),
  ]);
}
