/** @file `suave predict`: classes and probabilities of images, one or twenty thousand. */
import type { Command } from 'commander';
import { DataError, listNames, UsageError } from '../errors.js';
import type { Prediction } from '../evaluation/index.js';
import { chooseDevice } from './device.js';
import { oneOf, wholeNumber } from './numbers.js';
import { Terminal } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';
import { countOn } from './train-report.js';

interface PredictCommandOptions {
  top?: string;
  checkpoint?: string;
  device?: string;
  threads?: string;
  workers?: string;
  json?: boolean;
  csv?: boolean;
}

const examples = `Examples:
  suave predict runs/first photo.jpg
  suave predict runs/first new-photos --csv > classes.csv
  suave predict runs/first a.jpg b.png folder --top 3 --json
`;

/** Adds `predict` to the program. */
export function addPredictCommand(program: Command): void {
  program
    .command('predict')
    .summary('class and probability of images')
    .description('Prints the most probable classes of every image. Files that cannot be read are named and left out.')
    .argument('<RUN|CKPT>', 'run folder or checkpoint file')
    .argument('<IMAGE|FOLDER...>', 'images, and folders whose images are taken at any depth')
    .option('--top <K>', 'classes per image (default: 5, with --csv 1)')
    .option('--checkpoint <WHICH>', 'last (default) or best')
    .option('--device <DEVICE>', 'cpu or cuda (default: cuda where there is one)')
    .option('--threads <N>', 'threads of libtorch (default: all processors)')
    .option('--workers <N>', 'threads that decode images')
    .option('--json', 'print [{ path, top: [{ class, probability }] }]')
    .option('--csv', 'print path,class,probability')
    .addHelpText('before', examples)
    .action(runPredict);
}

async function runPredict(model: string, files: string[], options: PredictCommandOptions): Promise<void> {
  if (options.json && options.csv) throw new UsageError('suave predict: expected one of --json and --csv, got both.');
  const top = wholeNumber('predict', 'top', options.top, 1) ?? (options.csv ? 1 : 5);
  const threads = wholeNumber('predict', 'threads', options.threads, 1) ?? defaultThreads();
  const workers = wholeNumber('predict', 'workers', options.workers, 0) ?? null;
  const checkpoint = oneOf('predict', 'checkpoint', options.checkpoint, ['last', 'best']);
  const asked = oneOf('predict', 'device', options.device, ['cpu', 'cuda']);
  prepareThreads(threads);
  const { Classifier, predict } = await import('../evaluation/index.js');
  const { listImageFiles } = await import('../data/index.js');
  const device = await chooseDevice(asked, threads);
  const { paths, skipped } = listImageFiles(files);
  const classifier = Classifier.load(model, { device, ...(checkpoint === undefined ? {} : { checkpoint }) });
  const terminal = new Terminal();
  const unreadable = skipped.map((file) => `${file.path} (${file.reason})`);
  const progress = countOn(terminal);
  const writer = options.json ? jsonWriter() : options.csv ? csvWriter() : textWriter();
  try {
    await predict(classifier, paths, {
      top,
      workers,
      onPrediction: (prediction) => writer.write(prediction),
      onSkipped: (path, reason) => unreadable.push(`${path} (${reason})`),
      onProgress: (done, total) => progress('predicting', done, total),
    });
  } finally {
    terminal.endBar();
    classifier.dispose();
  }
  if (unreadable.length > 0 && writer.count === 0) {
    throw new DataError(`suave predict: none of the ${unreadable.length} files can be read: ${listNames(unreadable)}.`);
  }
  writer.end();
  if (unreadable.length > 0)
    terminal.warning(`${unreadable.length} files cannot be read and are left out: ${listNames(unreadable)}`);
}

/** Writes predictions to standard output as they come. */
interface PredictionWriter {
  readonly count: number;
  write(prediction: Prediction): void;
  end(): void;
}

function writerOf(
  start: string,
  format: (prediction: Prediction, index: number) => string,
  end: string,
): PredictionWriter {
  let count = 0;
  return {
    get count() {
      return count;
    },
    write(prediction) {
      process.stdout.write((count === 0 ? start : '') + format(prediction, count));
      count++;
    },
    end() {
      process.stdout.write((count === 0 ? start : '') + end);
    },
  };
}

const jsonWriter = (): PredictionWriter =>
  writerOf('[', (prediction, index) => `${index === 0 ? '' : ','}\n${JSON.stringify(prediction)}`, '\n]\n');

const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const csvWriter = (): PredictionWriter =>
  writerOf(
    'path,class,probability\n',
    ({ path, top }) =>
      top.map((entry) => `${csvField(path)},${csvField(entry.class)},${entry.probability.toFixed(6)}\n`).join(''),
    '',
  );

const textWriter = (): PredictionWriter =>
  writerOf(
    '',
    ({ path, top }) =>
      `${path}: ${top.map((entry) => `${entry.class} ${(100 * entry.probability).toFixed(1)} %`).join(', ')}\n`,
    '',
  );
