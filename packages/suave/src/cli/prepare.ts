/** @file `suave prepare`: one file of DATA that trains anywhere, or the cache filled before training. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { PreparedSummary } from '../data/index.js';
import { UsageError } from '../errors.js';
import { checkNewFile } from '../out-file.js';
import { defaultRecipe, exampleFacts, type Override, parseSet, resolveRecipe } from '../recipes/index.js';
import type { FilledCache } from '../training/index.js';
import { wholeNumber } from './numbers.js';
import { stopOnSignals } from './signals.js';
import { Terminal } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';
import { countOn } from './train-report.js';

interface PrepareCommandOptions {
  out?: string;
  cache?: string;
  labels?: string;
  cacheSide?: string;
  compress?: boolean;
  recipe?: string;
  set: string[];
  workers?: string;
  json?: boolean;
}

const examples = `Examples:
  suave prepare photos --out photos.suave                       the image files in one file: any run, on any machine
  suave prepare photos --labels labels.csv --out photos.suave   with the labels inside
  suave prepare photos --cache-side auto --out photos.suave     pixels, ready for suave train photos.suave: nothing is decoded there
  suave prepare data/cifar10 --compress --out cifar10.suave     CIFAR, smaller: lossless WebP
  suave prepare photos --cache caches                           what suave train photos --cache caches would decode first
`;

/** Adds `prepare` to the program. */
export function addPrepareCommand(program: Command): void {
  program
    .command('prepare')
    .summary('one file of all images, to train on another machine; or fill the cache')
    .description(
      'Makes one file of DATA that suave train, evaluate and embed read in its place, on any machine: the images as their files or as pixels, their paths, and the labels of a label file. A run on it equals one on DATA. With --cache, fills the cache of a folder as training would.',
    )
    .argument('<DATA>', 'folder of images, or the files of CIFAR-10 or CIFAR-100')
    .option('--out <FILE>', 'new file that ends in .suave')
    .option('--cache <DIR>', 'instead: folder whose cache is filled')
    .option('--labels <FILE>', 'label file, stored with the images')
    .option(
      '--cache-side <N>',
      'with --out: store pixels, the shorter side reduced to N, or auto: as the recipe wants it; default: none, the files as they are',
    )
    .option('--compress', 'with --out: the images of CIFAR as lossless WebP')
    .option('--recipe <NAME|FILE>', `recipe that says how images are read (default: ${defaultRecipe})`)
    .option('--set <path=value>', 'change a setting of it; repeatable', (value, all: string[]) => [...all, value], [])
    .option('--workers <N>', 'threads that decode images')
    .option('--json', 'print one JSON object')
    .addHelpText('before', examples)
    .action(runPrepare);
}

/** `none`, `auto`, or the number that an option says; undefined where it is not given. */
function cacheSideOf(text: string | undefined): number | 'none' | 'auto' | undefined {
  if (text === undefined || text === 'none' || text === 'auto') return text;
  const side = Number(text);
  if (text.trim() !== '' && Number.isInteger(side) && side >= 1) return side;
  throw new UsageError(
    `suave prepare --cache-side: expected a whole number >= 1, auto or none, got "${text}". The largest crop × 256/224 is usual.`,
  );
}

async function runPrepare(data: string, options: PrepareCommandOptions): Promise<void> {
  const workers = wholeNumber('prepare', 'workers', options.workers, 0);
  const cacheSide = cacheSideOf(options.cacheSide);
  const { out, cache } = options;
  if ((out === undefined) === (cache === undefined)) {
    const got = out === undefined ? 'neither' : 'both';
    throw new UsageError(`suave prepare: expected one of --out FILE and --cache DIR, got ${got}. See --help.`);
  }
  if (out !== undefined) checkNewFile('prepare', out, ['.suave']);
  checkCanAct(options, cacheSide);
  const overrides = overridesOf(options, workers, cacheSide);
  const request = { data, recipe: options.recipe ?? null, overrides };
  const { exifOrientation } = resolveRecipe(
    { recipe: options.recipe ?? defaultRecipe, overrides, scale: null },
    exampleFacts,
  ).config.data;
  prepareThreads(defaultThreads());
  const terminal = new Terminal();
  const stop = stopOnSignals(terminal, 'stopping');
  const count = countOn(terminal);
  const watch = {
    signal: stop.signal,
    onProgress: (done: number, total: number, activity: string) => count(activity, done, total),
  };
  try {
    if (out === undefined) {
      const { fillCache } = await import('../training/index.js');
      print(terminal, await fillCache(request, watch), options, cacheText);
      return;
    }
    const { prepareFile } = await import('../data/index.js');
    const reading =
      cacheSide === 'auto' ? await wantedBy(request) : { cacheSide: cacheSide ?? 'none', exifOrientation };
    const labels = options.labels ?? null;
    const summary = await prepareFile({
      data,
      out,
      labels,
      ...reading,
      compress: options.compress ?? false,
      workers: workers ?? null,
      ...watch,
    });
    print(terminal, summary, options, fileText);
  } catch (error) {
    throw stop.explain(error, 'interrupted; nothing was written.');
  } finally {
    terminal.endBar();
    stop.dispose();
  }
}

async function wantedBy(request: { data: string; recipe: string | null; overrides: readonly Override[] }) {
  const { readingOf } = await import('../training/index.js');
  return readingOf(request);
}

/** Refuses what would change nothing. */
function checkCanAct(
  { out, recipe, set, compress }: PrepareCommandOptions,
  cacheSide: ReturnType<typeof cacheSideOf>,
): void {
  const storesFiles = out !== undefined && (cacheSide ?? 'none') === 'none';
  const given = recipe !== undefined ? '--recipe' : set.length > 0 ? '--set' : null;
  if (storesFiles && given !== null) {
    throw new UsageError(
      `suave prepare ${given}: expected it with --cache, or --cache-side and a number or auto, got neither: files are stored as they are, for any recipe. Leave it out.`,
    );
  }
  if (compress && out === undefined) {
    throw new UsageError('suave prepare --compress: expected it with --out, got --cache. Leave it out.');
  }
}

function overridesOf(
  { labels, cache, set }: PrepareCommandOptions,
  workers: number | undefined,
  cacheSide: ReturnType<typeof cacheSideOf>,
): Override[] {
  const settings: [path: string, value: unknown][] = [
    ['data.labels', labels && resolve(labels)],
    ['data.cache', cache && resolve(cache)],
    ['data.workers', workers],
    ['data.cacheSide', cacheSide === 'auto' ? undefined : cacheSide],
  ];
  const given = settings.filter(([, value]) => value !== undefined);
  return [...given.map(([path, value]) => ({ path, value, isText: false })), ...set.map(parseSet)];
}

function print<Result extends PreparedSummary | FilledCache>(
  terminal: Terminal,
  result: Result,
  { json }: PrepareCommandOptions,
  text: (result: Result) => string,
): void {
  terminal.endBar();
  for (const note of result.notes) terminal.note(note);
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : text(result));
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function fileText({ file, bytes, checksum, images, form, cacheSide, labels }: PreparedSummary): string {
  const what = form === 'files' ? 'files' : cacheSide === null ? 'whole pixels' : `pixels, shorter side ${cacheSide}`;
  const withLabels = labels === 0 ? '' : `, ${labels} lines of labels`;
  return `${file}: ${images} images as ${what}${withLabels}, ${megabytes(bytes)}, checksum ${checksum.slice(0, 16)}\nTrain on it anywhere: suave train ${file.split('/').at(-1)} --out RUN\n`;
}

function cacheText({ cache, images, cacheSide }: FilledCache): string {
  const side = cacheSide === 'none' ? 'sizes alone, images are decoded anew each time' : `shorter side ${cacheSide}`;
  const how = `${cache.numDecoded} read now, ${cache.numReused} were there`;
  return `${cache.path}: ${images} images, ${side}, ${megabytes(cache.bytes)}; ${how}\n`;
}
