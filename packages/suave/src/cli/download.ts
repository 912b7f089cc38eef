/** @file `suave download`: a data set by its name, from its official address into a folder. */
import type { Command } from 'commander';
import type { DownloadedSet } from '../datasets/index.js';
import { InterruptedError } from './exit.js';
import { oneOf, wholeNumber } from './numbers.js';
import { drawBar, formatDuration, Terminal } from './terminal.js';

interface DownloadOptions {
  out: string;
  form?: string;
  url?: string;
  checksum?: string;
  retries?: string;
  json?: boolean;
}

const examples = `Examples:
  suave download cifar10 --out data/cifar10       then: suave train data/cifar10 --labels-per-class 25 --out runs/first
  suave download cifar100 --out data/cifar100 --form python
  suave download cifar10 --out data/cifar10 --url https://mirror.example/cifar-10-binary.tar.gz
`;

/** Adds `download` to the program. */
export function addDownloadCommand(program: Command): void {
  program
    .command('download')
    .summary('a data set by name, from its official address')
    .description(
      'Downloads CIFAR-10 or CIFAR-100 (160 MB), compares the published checksum and unpacks it. An interrupted download is continued.',
    )
    .argument('<NAME>', 'cifar10 or cifar100')
    .requiredOption('--out <DIR>', 'folder for the set; DATA of suave train afterwards')
    .option('--form <FORM>', 'binary (default) or python')
    .option('--url <URL>', 'another address of the same archive')
    .option('--checksum <HEX>', 'MD5 or SHA-256 of another archive than the published one')
    .option('--retries <N>', 'further tries in a row after one that brought nothing (default: 5)')
    .option('--json', 'print one JSON object')
    .addHelpText('before', examples)
    .action(runDownload);
}

async function runDownload(name: string, options: DownloadOptions): Promise<void> {
  const form = oneOf('download', 'form', options.form, ['binary', 'python']);
  const retries = wholeNumber('download', 'retries', options.retries, 0);
  const { downloadSet } = await import('../datasets/index.js');
  const terminal = new Terminal();
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const set = await downloadSet({
      name,
      out: options.out,
      ...(form === undefined ? {} : { form }),
      ...(retries === undefined ? {} : { retries }),
      ...(options.url === undefined ? {} : { url: options.url }),
      ...(options.checksum === undefined ? {} : { checksum: options.checksum }),
      onProgress: progressOn(terminal),
      onRetry: (reason, seconds) => terminal.line(`download: ${reason}; trying again in ${seconds} s`),
      onUnpack: () => {
        terminal.endBar();
        terminal.line('checksum agrees; unpacking');
      },
      signal: controller.signal,
    });
    terminal.endBar();
    process.stdout.write(options.json ? `${JSON.stringify(set)}\n` : resultText(set));
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    throw new InterruptedError('interrupted; what was downloaded is kept. The same command continues.');
  } finally {
    terminal.endBar();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

/** A bar on a terminal; elsewhere a line each tenth of the file. */
function progressOn(terminal: Terminal): (done: number, total: number | null) => void {
  const began = performance.now();
  let first: number | null = null;
  let tenths = -1;
  return (done, total) => {
    first ??= done;
    const seconds = (performance.now() - began) / 1000;
    const rate = (done - first) / Math.max(seconds, 1e-3);
    const text = () => {
      const of = total === null ? '' : ` of ${megabytes(total)}`;
      const left = total === null || rate === 0 ? '' : `  ${formatDuration((total - done) / rate)} left`;
      return `downloading ${megabytes(done)}${of}  ${(rate / 1e6).toFixed(1)} MB/s${left}`;
    };
    terminal.bar(() => `${total === null ? '' : `${drawBar(done, total, 20)} `}${text()}`);
    const reached = total === null ? Math.floor(done / 16e6) : Math.floor((10 * done) / total);
    if (reached !== tenths && !terminal.isInteractive) terminal.line(text());
    tenths = reached;
  };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function resultText(set: DownloadedSet): string {
  const how =
    set.downloadedBytes + set.resumedBytes === 0
      ? 'was there already'
      : `${megabytes(set.downloadedBytes)} downloaded${set.resumedBytes > 0 ? `, ${megabytes(set.resumedBytes)} were there` : ''}`;
  return `${set.name} (${set.form}): ${set.train} training and ${set.val} test images of ${set.classes} classes in ${set.folder}; ${how}\n`;
}
