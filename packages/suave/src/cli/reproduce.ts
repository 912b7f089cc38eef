/** @file `suave reproduce`: a published table as one command, from the plan to the filled-in table. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { didYouMean, UsageError } from '../errors.js';
import { type Override, parseSet } from '../recipes/index.js';
import type { PlannedReproduction, PlanReport, Table1Options } from '../reproduce/index.js';
import { checkOut } from '../runs/index.js';
import { chooseDevice } from './device.js';
import { InterruptedError } from './exit.js';
import { oneOf, wholeNumber } from './numbers.js';
import { stopOnSignals } from './signals.js';
import { Terminal, table as textTable } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';
import { reportTraining } from './train-report.js';

interface ReproduceOptions {
  out: string;
  imagenet?: string;
  labels1pct?: string;
  labels10pct?: string;
  swav100?: string;
  swav200?: string;
  swav800?: string;
  scale?: string;
  budget?: string;
  labelsPerClass?: string;
  seeds?: string;
  only?: string;
  device?: string;
  precision?: string;
  threads?: string;
  cache?: string;
  set: string[];
  dryRun?: boolean;
  json?: boolean;
}

const tables = ['table1', 'cifar10', 'cifar100'] as const;
type TableName = (typeof tables)[number];

const examples = `Examples:
  suave reproduce table1 --imagenet imagenet --out table1 --dry-run              the runs and the device-hours, from a measured step
  suave reproduce table1 --imagenet imagenet --labels-1pct 1percent.txt --labels-10pct 10percent.txt --swav-800 swav800.safetensors --out table1
  suave reproduce cifar10 data/cifar10 --budget 60 --out cifar10                 supervised, Suave, Daino and PAWS within an hour
  suave reproduce cifar10 data/cifar10 --budget 60 --out cifar10                 once more: continues, skips what is done
`;

/** Adds `reproduce` to the program. */
export function addReproduceCommand(program: Command): void {
  program
    .command('reproduce')
    .summary('the runs of a published table, and the table filled in')
    .description(
      'Lays out the runs of a table, does those that are not done yet, and writes the table beside the published numbers into OUT.',
    )
    .argument('<TABLE>', 'table1 (ImageNet), cifar10 or cifar100')
    .argument('[DATA]', 'images of cifar10 or cifar100, as suave train takes them')
    .requiredOption('--out <DIR>', 'folder for runs, results and the table')
    .option('--imagenet <DIR>', 'table1: the folder with train/ and val/')
    .option('--labels-1pct <FILE>', 'table1: the published list of 1 %; without it labels are drawn')
    .option('--labels-10pct <FILE>', 'table1: the published list of 10 %')
    .option('--swav-100 <CKPT>', 'table1: SwAV checkpoint of 100 epochs; without it SwAV is trained')
    .option('--swav-200 <CKPT>', 'table1: SwAV checkpoint of 200 epochs')
    .option('--swav-800 <CKPT>', 'table1: SwAV checkpoint of 800 epochs')
    .option('--scale <DEVICES>', 'table1: adapt every recipe to so many devices, by its rule')
    .option('--budget <MINUTES>', 'cifar: backbone and epochs that fit (default: the recipes as they are)')
    .option('--labels-per-class <N>', 'cifar: labels of each class (25)')
    .option('--seeds <N>', 'cifar: runs of each method (1)')
    .option('--only <IDS>', 'do only these runs, separated by commas')
    .option('--device <DEVICE>', 'cpu or cuda (default: cuda where there is one)')
    .option('--precision <P>', 'fp32, bf16 or fp16 (default: fp32 on processors, bf16 where a recipe has fp16)')
    .option('--threads <N>', 'threads of libtorch (default: all processors)')
    .option('--cache <DIR>', 'folder for decoded images')
    .option(
      '--set <path=value>',
      'change a setting of all runs; repeatable',
      (value, all: string[]) => [...all, value],
      [],
    )
    .option('--dry-run', 'print the plan with estimated device-hours from measured steps, and do nothing')
    .option('--json', 'print one JSON object')
    .addHelpText('before', examples)
    .action(runReproduce);
}

interface Prepared extends PlannedReproduction {
  readonly device: 'cpu' | 'cuda';
}

async function runReproduce(name: string, data: string | undefined, options: ReproduceOptions): Promise<void> {
  const table = tables.find((known) => known === name);
  if (table === undefined)
    throw new UsageError(
      `suave reproduce: expected table1, cifar10 or cifar100, got "${name}".${didYouMean(name, tables)}`,
    );
  checkArguments(table, data, options);
  checkOut(options.out, true);
  const threads = wholeNumber('reproduce', 'threads', options.threads, 1) ?? defaultThreads();
  prepareThreads(threads);
  const reproduce = await import('../reproduce/index.js');
  const terminal = new Terminal();
  const { plan, estimate, device } = await prepare(table, data, options, threads, terminal);
  const only = wantedIds(options);
  const out = resolve(options.out);
  if (options.dryRun) {
    const wanted = { ...plan, jobs: reproduce.wantedJobs(plan.jobs, only) };
    const report = reproduce.planReportOf(wanted, estimate!, reproduce.readResults(wanted, out));
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : planText(report, device, threads));
    return;
  }
  const stop = stopOnSignals(terminal);
  try {
    const { results, interrupted } = await reproduce.runJobs(plan, {
      out,
      threads,
      device,
      ...(only === null ? {} : { only }),
      signal: stop.signal,
      events: reportTraining(terminal),
      onResult: (soFar) => reproduce.writeReport(reproduce.reportOf(plan, soFar), out),
    });
    const report = reproduce.reportOf(plan, results);
    reproduce.writeReport(report, out);
    terminal.endBar();
    if (interrupted) throw interruption();
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reproduce.markdownOf(report));
  } catch (error) {
    throw error instanceof Error && error.name === 'AbortError' ? interruption() : error;
  } finally {
    terminal.endBar();
    stop.dispose();
  }
}

const interruption = (): InterruptedError => new InterruptedError('interrupted; the same command continues.');

function checkArguments(table: TableName, data: string | undefined, options: ReproduceOptions): void {
  const isTable1 = table === 'table1';
  if (isTable1 && options.imagenet === undefined)
    throw new UsageError('suave reproduce table1: expected --imagenet DIR, the folder with train/ and val/.');
  if (isTable1 && data !== undefined)
    throw new UsageError(`suave reproduce table1: takes no DATA, got "${data}". Give the folder with --imagenet.`);
  if (!isTable1 && data === undefined)
    throw new UsageError(`suave reproduce ${table}: expected DATA, the images. See suave download ${table}.`);
  const foreign = isTable1
    ? (['budget', 'labelsPerClass', 'seeds'] as const)
    : (['imagenet', 'labels1pct', 'labels10pct', 'swav100', 'swav200', 'swav800', 'scale'] as const);
  const wrong = foreign.find((option) => options[option] !== undefined);
  if (wrong === undefined) return;
  const shown = wrong.replace(/([A-Z]|\d+(?=$|pct))/g, (part) => `-${part.toLowerCase()}`);
  throw new UsageError(
    `suave reproduce ${table}: --${shown} belongs to ${isTable1 ? 'cifar10 and cifar100' : 'table1'}. Leave it out.`,
  );
}

const wantedIds = ({ only }: ReproduceOptions): string[] | null => only?.split(',').map((id) => id.trim()) ?? null;

/** Settings of all runs. */
function commonOverrides(options: ReproduceOptions, device: 'cpu' | 'cuda', recipesUseHalf: boolean): Override[] {
  const set = (path: string, value: unknown): Override => ({ path, value, isText: false });
  const precision =
    oneOf('reproduce', 'precision', options.precision, ['fp32', 'bf16', 'fp16']) ??
    (device === 'cuda' && recipesUseHalf ? 'bf16' : 'fp32');
  return [
    set('device', device),
    set('precision', precision),
    ...(options.cache === undefined ? [] : [set('data.cache', resolve(options.cache))]),
    ...options.set.map(parseSet),
  ];
}

async function prepare(
  table: TableName,
  data: string | undefined,
  options: ReproduceOptions,
  threads: number,
  terminal: Terminal,
): Promise<Prepared> {
  const asked = oneOf('reproduce', 'device', options.device, ['cpu', 'cuda']);
  const device = await chooseDevice(asked, threads);
  const overrides = commonOverrides(options, device, table === 'table1');
  const { prepareCifar, prepareTable1 } = await import('../reproduce/index.js');
  const onMeasure = (title: string): void => terminal.line(`measuring a step of ${title}`);
  if (table === 'table1') {
    const request = table1Options(options, overrides);
    return {
      ...prepareTable1(request, { device, threads }, options.dryRun ? { onMeasure } : null, wantedIds(options)),
      device,
    };
  }
  const request = {
    set: table,
    data: resolve(data!),
    labelsPerClass: wholeNumber('reproduce', 'labels-per-class', options.labelsPerClass, 1) ?? 25,
    seeds: wholeNumber('reproduce', 'seeds', options.seeds, 1) ?? 1,
    budget: wholeNumber('reproduce', 'budget', options.budget, 1) ?? null,
    overrides,
    out: resolve(options.out),
    keep: options.dryRun !== true,
    only: wantedIds(options),
  };
  return { ...(await prepareCifar(request, { device, threads }, onMeasure)), device };
}

function table1Options(options: ReproduceOptions, overrides: readonly Override[]): Table1Options {
  const given = <K extends string | number>(entries: [K, string | undefined][]): Partial<Record<K, string>> =>
    Object.fromEntries(entries.flatMap(([key, path]) => (path === undefined ? [] : [[key, resolve(path)]]))) as Partial<
      Record<K, string>
    >;
  return {
    imagenet: resolve(options.imagenet!),
    labels: given([
      ['1pct', options.labels1pct],
      ['10pct', options.labels10pct],
    ]),
    swav: given([
      [100, options.swav100],
      [200, options.swav200],
      [800, options.swav800],
    ]),
    scale: wholeNumber('reproduce', 'scale', options.scale, 1) ?? null,
    overrides,
  };
}

/** The plan in words. */
function planText(report: PlanReport, device: 'cpu' | 'cuda', threads: number): string {
  const machine = device === 'cuda' ? 'this GPU' : `this processor with ${threads} thread${threads === 1 ? '' : 's'}`;
  const rows = report.jobs.map(({ id, title, from, state, steps, deviceHours }) => [
    id,
    state,
    String(steps),
    `${deviceHours} h`,
    from === null ? title : `${title} (from ${from})`,
  ]);
  return [
    textTable([['run', 'state', 'steps', 'time', 'what'], ...rows]),
    '',
    `${report.deviceHours} hours on ${machine} for what is to do; steps alone, without decoding and evaluation.`,
    ...report.measurements.map((text) => `measured: ${text}`),
    ...report.notes.map((text) => `note: ${text}`),
    '',
  ].join('\n');
}
