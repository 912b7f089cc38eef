/** @file `suave search`: the images that are most like a given one. */
import type { Command } from 'commander';
import { listNames, UsageError } from '../errors.js';
import type { SearchReport } from '../evaluation/index.js';
import { type FeatureCommandOptions, featureChoice, withFeatureOptions } from './feature-options.js';
import { wholeNumber } from './numbers.js';
import { Terminal, table } from './terminal.js';
import { countOn } from './train-report.js';

interface SearchCommandOptions extends FeatureCommandOptions {
  query?: string[];
  top?: string;
  index?: string;
  json?: boolean;
}

const examples = `Examples:
  suave search runs/first photos --query photo.jpg
  suave search runs/first photos --query a.jpg --query b.jpg --top 3 --json
  suave embed runs/first photos --out index.safetensors
  suave search runs/first --index index.safetensors --query photo.jpg    at once: only the query is looked at
`;

/** Adds `search` to the program. */
export function addSearchCommand(program: Command): void {
  const command = program
    .command('search')
    .summary('images that are most like a given one')
    .description(
      'Prints the nearest images of every query by the cosine of their features, most similar first; a query that is among the images comes first, with 1.',
    )
    .argument('<RUN|CKPT>', 'run folder or checkpoint file')
    .argument('[DATA]', 'folder of images (default: the data of the run)')
    .requiredOption('--query <IMAGE>', 'image to compare with; may be given several times', collect)
    .option('--top <K>', 'images per query (default: 10)')
    .option('--index <FILE>', 'safetensors file of suave embed with the same checkpoint, instead of DATA');
  withFeatureOptions(command)
    .option('--json', 'print [{ query, matches: [{ path, similarity, label }] }]')
    .addHelpText('before', examples)
    .action(runSearch);
}

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value];

async function runSearch(model: string, data: string | undefined, options: SearchCommandOptions): Promise<void> {
  if (data !== undefined && options.index !== undefined)
    throw new UsageError('suave search --index: expected an index or DATA, got both. Leave one out.');
  const top = wholeNumber('search', 'top', options.top, 1);
  const choice = await featureChoice('search', options);
  const { search } = await import('../evaluation/index.js');
  const terminal = new Terminal();
  const progress = countOn(terminal);
  try {
    const report = await search({
      ...choice,
      model,
      data: data ?? null,
      index: options.index ?? null,
      queries: options.query ?? [],
      ...(top === undefined ? {} : { top }),
      onProgress: (done, total) => progress('embedding', done, total),
    });
    terminal.endBar();
    for (const note of report.notes) terminal.note(note);
    if (report.skipped.length > 0)
      terminal.warning(`${report.skipped.length} files cannot be read and are left out: ${listNames(report.skipped)}`);
    process.stdout.write(options.json ? `${JSON.stringify(report.results)}\n` : searchText(report));
  } finally {
    terminal.endBar();
  }
}

/** A block of lines for every query. */
function searchText({ results, images, features }: SearchReport): string {
  const blocks = results.map(({ query, matches }) => {
    const rows = matches.map(({ path, similarity, label }) => [similarity.toFixed(4), label ?? '-', path]);
    return `${query}\n${table([['similarity', 'class', 'image'], ...rows])}\n`;
  });
  return `${blocks.join('\n')}\n${images} images compared by ${features}\n`;
}
