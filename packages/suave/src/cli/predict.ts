/** @file `suave predict`: classes and probabilities of images, one or twenty thousand. */
import type { Command } from 'commander';
import { DataError, listNames, UsageError } from '../errors.js';
import type { Prediction } from '../evaluation/index.js';
import { coverageAt, isFolder, readCalibration, runPaths } from '../runs/index.js';
import { chooseDevice } from './device.js';
import { fraction, oneOf, wholeNumber } from './numbers.js';
import { Terminal } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';
import { countOn } from './train-report.js';

interface PredictCommandOptions {
  top?: string;
  abstain?: string;
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
  suave predict runs/first new-photos --csv --abstain 0.9    no class where it is less sure than 90 %
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
    .option('--abstain <P>', 'no answer for images whose most probable class has a probability below P (0 to 1)')
    .option('--checkpoint <WHICH>', 'last (default) or best')
    .option('--device <DEVICE>', 'cpu or cuda (default: cuda where there is one)')
    .option('--threads <N>', 'threads of libtorch (default: all processors)')
    .option('--workers <N>', 'threads that decode images')
    .option('--json', 'print [{ path, top: [{ class, probability }] }], with --abstain also answer: the class or null')
    .option('--csv', 'print path,class,probability; with --abstain the class is empty where there is no answer')
    .addHelpText('before', examples)
    .action(runPredict);
}

async function runPredict(model: string, files: string[], options: PredictCommandOptions): Promise<void> {
  if (options.json && options.csv) throw new UsageError('suave predict: expected one of --json and --csv, got both.');
  const top = wholeNumber('predict', 'top', options.top, 1) ?? (options.csv ? 1 : 5);
  const threads = wholeNumber('predict', 'threads', options.threads, 1) ?? defaultThreads();
  const abstain = fraction('predict', 'abstain', options.abstain) ?? null;
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
  let withheld = 0;
  const writer = options.json ? jsonWriter() : options.csv ? csvWriter() : textWriter();
  try {
    await predict(classifier, paths, {
      top,
      workers,
      abstain,
      onPrediction(prediction) {
        if (prediction.answer === null) withheld++;
        writer.write(prediction);
      },
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
  if (abstain !== null)
    terminal.note(
      abstentionText(isFolder(model) && checkpoint !== 'best' ? model : null, abstain, {
        withheld,
        images: writer.count,
      }),
    );
  if (unreadable.length > 0)
    terminal.warning(`${unreadable.length} files cannot be read and are left out: ${listNames(unreadable)}`);
}

/** How many images got no answer, and what to expect of the others by what was measured when the run ended. */
function abstentionText(
  run: string | null,
  abstain: number,
  { withheld, images }: { withheld: number; images: number },
) {
  const counted = `${withheld} of ${images} images have no class of probability ${abstain} or more.`;
  const record = run === null ? null : readCalibration(runPaths(run).calibration);
  const point = record === null ? null : coverageAt(record, abstain);
  if (record === null || point === null) return counted;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const { threshold, coverage, accuracy } = point; // of the curve's hundredths, the next below what is asked for
  const given = `Of ${record.images} held-out images, ${percent(coverage)} have a probability of ${threshold} or more`;
  return `${counted} ${given}${accuracy === null ? '' : `, and ${percent(accuracy)} of these are right`}.`;
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
    ({ path, top, answer }) =>
      top
        .map(({ class: name, probability }, rank) => {
          const isWithheld = rank === 0 && answer === null;
          return `${csvField(path)},${isWithheld ? '' : csvField(name)},${probability.toFixed(6)}\n`;
        })
        .join(''),
    '',
  );

const textWriter = (): PredictionWriter =>
  writerOf(
    '',
    ({ path, top, answer }) =>
      `${path}: ${answer === null ? 'not sure: ' : ''}${top.map((entry) => `${entry.class} ${(100 * entry.probability).toFixed(1)} %`).join(', ')}\n`,
    '',
  );
