/** @file `suave embed`: features of images in a file for other programs. */
import type { Command } from 'commander';
import { listNames } from '../errors.js';
import { type FeatureCommandOptions, featureChoice, withFeatureOptions } from './feature-options.js';
import { Terminal } from './terminal.js';
import { countOn } from './train-report.js';

interface EmbedCommandOptions extends FeatureCommandOptions {
  out: string;
  json?: boolean;
}

const examples = `Examples:
  suave embed runs/first photos --out photos.parquet        one row an image, for pandas, DuckDB, Spark
  suave embed runs/first photos --out photos.safetensors    float32 [images, features]; also the index of suave search
  suave embed runs/first photos --out photos.csv --features bottleneck
`;

/** Adds `embed` to the program. */
export function addEmbedCommand(program: Command): void {
  const command = program
    .command('embed')
    .summary('features of images, as safetensors, Parquet or CSV')
    .description(
      'Writes one row an image: path, class where it is known, predicted class and probability where the run has classes, features. DATA is a folder of any layout, CIFAR as published, or one image. Files that cannot be read are named and left out.',
    )
    .argument('<RUN|CKPT>', 'run folder or checkpoint file')
    .argument('[DATA]', 'folder of images, or an image (default: the data of the run)')
    .requiredOption('--out <FILE>', 'new file: .safetensors, .parquet or .csv');
  withFeatureOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('before', examples)
    .action(runEmbed);
}

async function runEmbed(model: string, data: string | undefined, options: EmbedCommandOptions): Promise<void> {
  const choice = await featureChoice('embed', options);
  const { embed } = await import('../evaluation/index.js');
  const terminal = new Terminal();
  const progress = countOn(terminal);
  const started = performance.now();
  try {
    const report = await embed({
      ...choice,
      model,
      data: data ?? null,
      out: options.out,
      onProgress: (done, total) => progress('embedding', done, total),
    });
    terminal.endBar();
    for (const note of report.notes) terminal.note(note);
    if (report.skipped.length > 0)
      terminal.warning(`${report.skipped.length} files cannot be read and are left out: ${listNames(report.skipped)}`);
    const { out, images, dim, features, skipped } = report;
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ out, images, dim, features, skipped: skipped.length, seconds })}\n`
        : `${images} images × ${dim} ${features} in ${out}\n`,
    );
  } finally {
    terminal.endBar();
  }
}
