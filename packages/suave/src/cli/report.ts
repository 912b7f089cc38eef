/** @file `suave report`: writes the report of a run, one page that opens without a network. */
import type { Command } from 'commander';
import type { ReportData } from '../report/index.js';
import { chooseDevice } from './device.js';
import { oneOf, wholeNumber } from './numbers.js';
import { stopOnSignals } from './signals.js';
import { Terminal } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';
import { countOn } from './train-report.js';

interface ReportCommandOptions {
  checkpoint?: string;
  out?: string;
  device?: string;
  threads?: string;
  workers?: string;
  cache?: string;
  json?: boolean;
}

const examples = `Examples:
  suave report runs/first                            writes runs/first/report.html anew, also of a run under way
  suave report runs/first photos                     the images have moved to photos/
  suave report runs/first --checkpoint best --out best.html
  suave report runs/first --json                     the numbers as one JSON object
`;

/** Adds `report` to the program. */
export function addReportCommand(program: Command): void {
  program
    .command('report')
    .summary('write what a run has learned as one page')
    .description(
      'Writes report.html: accuracy with its interval and against the baseline, curves, classes, confusion, the most confident mistakes, calibration, prototypes, views, a map, the recipe and the machine. Every training ends with it; this makes it again. One file that needs no network.',
    )
    .argument('<RUN>', 'run folder, finished or not')
    .argument('[DATA]', 'folder of images (default: the data of the run)')
    .option('--checkpoint <WHICH>', 'last (default) or best')
    .option('--out <FILE>', 'a new file (default: RUN/report.html, which is written anew)')
    .option('--device <DEVICE>', 'cpu or cuda (default: cuda where there is one)')
    .option('--threads <N>', 'threads of libtorch (default: all processors)')
    .option('--workers <N>', 'threads that decode images')
    .option('--cache <DIR>', 'folder for decoded images')
    .option('--json', 'print the numbers as one JSON object, without pictures and curves')
    .addHelpText('before', examples)
    .action(runReport);
}

async function runReport(run: string, data: string | undefined, options: ReportCommandOptions): Promise<void> {
  const threads = wholeNumber('report', 'threads', options.threads, 1) ?? defaultThreads();
  const workers = wholeNumber('report', 'workers', options.workers, 0) ?? null;
  const checkpoint = oneOf('report', 'checkpoint', options.checkpoint, ['last', 'best']);
  const asked = oneOf('report', 'device', options.device, ['cpu', 'cuda']);
  prepareThreads(threads);
  const { reportNumbers, writeReport } = await import('../report/index.js');
  const device = await chooseDevice(asked, threads);
  const terminal = new Terminal();
  const stop = stopOnSignals(terminal, 'ending; nothing is written');
  try {
    const written = await writeReport({
      run,
      data: data ?? null,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      out: options.out ?? null,
      device,
      workers,
      cache: options.cache ?? null,
      signal: stop.signal,
      onProgress: countOn(terminal),
    });
    terminal.endBar();
    process.stdout.write(
      options.json ? `${JSON.stringify(reportNumbers(written))}\n` : reportText(written.data, written.file),
    );
  } catch (error) {
    throw stop.explain(error, 'interrupted; nothing was written.');
  } finally {
    terminal.endBar();
    stop.dispose();
  }
}

/** The report in words: what it says first, what is missing, where it lies. */
function reportText({ summary, notes, missing }: ReportData, file: string): string {
  const absent = new Map<string, string[]>();
  for (const [part, why] of Object.entries(missing)) absent.set(why, [...(absent.get(why) ?? []), part]);
  return `${[
    summary,
    ...notes,
    ...[...absent].map(([why, parts]) => `not in it: ${parts.join(', ')}. ${why}`),
    `report: ${file}`,
  ].join('\n')}\n`;
}
