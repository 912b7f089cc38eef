/** @file `suave export`: a trained network as ONNX, as a web page or as weights for Python. */
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import type { CheckpointChoice } from '../evaluation/index.js';
import { chooseDevice } from './device.js';
import { exitStatus } from './exit.js';
import { onnxText, safetensorsText, webText } from './export-text.js';
import { oneOf, wholeNumber } from './numbers.js';
import { stopOnSignals } from './signals.js';
import { Terminal } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';
import { countOn } from './train-report.js';

interface ExportCommandOptions {
  format?: string;
  out?: string;
  features?: boolean;
  withPreprocessing?: boolean;
  quantize?: string;
  data?: string;
  title?: string;
  checkpoint?: string;
  threads?: string;
  workers?: string;
  cache?: string;
  json?: boolean;
}

const examples = `Examples:
  suave export runs/first --format onnx --out shapes                for transformers.js, onnxruntime and the Hugging Face hub
  suave export runs/first --format onnx --quantize int8 --out small     with a second file of a quarter of the size; its loss is measured
  suave export runs/first --format onnx --with-preprocessing --out app  with a second file that takes images of any size as they are
  suave export runs/swav --format onnx --features --out features        images to features, for checkpoints without classes too
  suave export runs/first --format web --out page                       a page that classifies images in the browser
  suave export runs/first --format safetensors --out weights            weights under the keys of torchvision and timm
`;

/** Adds `export` to the program. */
export function addExportCommand(program: Command): void {
  program
    .command('export')
    .summary('a network for browsers, onnxruntime or Python')
    .description(
      'Writes the network of a run or checkpoint into a new folder: as ONNX in the layout of transformers.js and the Hugging Face hub, as a web page, or as safetensors for torchvision and timm. What onnxruntime gives is compared with our own network before an ONNX folder is complete.',
    )
    .argument('<RUN|CKPT>', 'run folder or checkpoint file')
    .requiredOption('--format <NAME>', 'onnx, web or safetensors')
    .requiredOption('--out <DIR>', 'folder to write; new or empty')
    .option('--features', 'onnx: the features of the backbone instead of class scores')
    .option('--with-preprocessing', 'onnx: also a model that takes uint8 images of any size and prepares them itself')
    .option(
      '--quantize <HOW>',
      'onnx, web: int8 stores weights in 8 bits; onnx: as a second file, whose loss is measured',
    )
    .option('--data <DATA>', 'onnx: images of known class to measure on (default: the hold-out of the run)')
    .option('--title <TEXT>', 'web: heading of the page')
    .option('--checkpoint <WHICH>', 'last (default) or best')
    .option('--threads <N>', 'threads of libtorch (default: all processors)')
    .option('--workers <N>', 'threads that decode images')
    .option('--cache <DIR>', 'folder for decoded images')
    .option('--json', 'print one JSON object')
    .addHelpText('before', examples)
    .action(runExport);
}

const formatNames = ['onnx', 'web', 'safetensors'] as const;

type Format = (typeof formatNames)[number];

/** What every format needs to know, and what only some of them take. */
interface ExportRequest {
  readonly model: string;
  readonly out: string;
  readonly checkpoint: CheckpointChoice | undefined;
  readonly quantize: 'int8' | null;
  readonly workers: number | null;
  readonly options: ExportCommandOptions;
  readonly terminal: Terminal;
}

/** What was written, as an object and in words. */
interface Exported {
  readonly result: object;
  readonly text: string;
}

const formats: Readonly<Record<Format, (request: ExportRequest) => Promise<Exported>>> = {
  onnx: writeOnnx,
  web: writeWeb,
  safetensors: writeSafetensors,
};

/** Which formats take an option; the others refuse it. */
const belongsTo = {
  features: ['onnx'],
  withPreprocessing: ['onnx'],
  quantize: ['onnx', 'web'],
  data: ['onnx'],
  title: ['web'],
} as const satisfies Partial<Record<keyof ExportCommandOptions, readonly Format[]>>;

async function runExport(model: string, options: ExportCommandOptions): Promise<void> {
  const format = oneOf('export', 'format', options.format, formatNames) as Format;
  refuseForeign(format, options);
  const quantize = oneOf('export', 'quantize', options.quantize, ['int8']) ?? null;
  const checkpoint = oneOf('export', 'checkpoint', options.checkpoint, ['last', 'best']);
  const threads = wholeNumber('export', 'threads', options.threads, 1) ?? defaultThreads();
  const workers = wholeNumber('export', 'workers', options.workers, 0) ?? null;
  prepareThreads(threads);
  await chooseDevice('cpu', threads);
  const terminal = new Terminal();
  const started = performance.now();
  const request = { model, out: options.out as string, checkpoint, quantize, workers, options, terminal };
  const stop = stopOnSignals(terminal, 'ending; nothing is written');
  stop.signal.addEventListener('abort', () => process.exit(exitStatus.interrupted));
  try {
    const { result, text } = await formats[format](request);
    const seconds = Math.round(performance.now() - started) / 1000;
    terminal.endBar();
    process.stdout.write(
      options.json ? `${JSON.stringify({ ...result, seconds })}\n` : `${text}time      ${seconds.toFixed(1)} s\n`,
    );
  } finally {
    stop.dispose();
  }
}

function refuseForeign(format: Format, options: ExportCommandOptions): void {
  for (const [name, known] of Object.entries(belongsTo) as [keyof typeof belongsTo, readonly Format[]][]) {
    if (options[name] === undefined || known.includes(format)) continue;
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(
      `suave export --${flag}: expected with --format ${known.join(' or ')}, got ${format}. Leave it out.`,
    );
  }
}

async function writeOnnx(request: ExportRequest): Promise<Exported> {
  const { model, out, checkpoint, quantize, workers, options, terminal } = request;
  const { exportOnnxFolder } = await import('../export/index.js');
  const result = await exportOnnxFolder({
    model,
    out,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    features: options.features === true,
    withPreprocessing: options.withPreprocessing === true,
    quantize,
    data: options.data ?? null,
    workers,
    cache: options.cache ?? null,
    onProgress: countOn(terminal),
  });
  terminal.endBar();
  for (const note of result.notes) terminal.note(note);
  return { result, text: onnxText(result) };
}

async function writeWeb({ model, out, checkpoint, quantize, options }: ExportRequest): Promise<Exported> {
  const { exportWeb } = await import('../export/index.js');
  const result = await exportWeb({
    model,
    out,
    quantize,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(options.title === undefined ? {} : { title: options.title }),
  });
  return { result: { format: 'web', ...result }, text: webText(result) };
}

async function writeSafetensors({ model, out, checkpoint }: ExportRequest): Promise<Exported> {
  const { writeNewFolder, writeSafetensorsFolder } = await import('../export/index.js');
  const choice = checkpoint === undefined ? {} : { checkpoint };
  const result = await writeNewFolder(out, (folder) => writeSafetensorsFolder(model, folder, choice));
  return { result: { format: 'safetensors', out, ...result }, text: safetensorsText(out, result) };
}
