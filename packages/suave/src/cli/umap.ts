/** @file `suave umap`: the paper's Figure 1, images on a plane with the prototypes among them. */
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { listNames, UsageError } from '../errors.js';
import type { FeatureMap, MapSplit } from '../figures/index.js';
import { type FeatureCommandOptions, featureChoice, withFeatureOptions } from './feature-options.js';
import { oneOf, wholeNumber } from './numbers.js';
import { Terminal } from './terminal.js';
import { countOn } from './train-report.js';

interface UmapCommandOptions extends FeatureCommandOptions {
  out: string;
  split?: string;
  classes?: string;
  numClasses?: string;
  images?: string;
  prototypes?: string;
  beside?: string[];
  titles?: string;
  neighbors?: string;
  seed?: string;
  json?: boolean;
}

const examples = `Examples:
  suave umap runs/first --out map.svg                     held-out images of the run, colored by class
  suave umap runs/first photos --split all --out map.html to zoom and to see which image is which
  suave umap runs/swav --beside runs/finetuned --beside runs/suave --titles "SwAV|SwAV fine-tuned|Suave" --out figure1.png
`;

/** Adds `umap` to the program. */
export function addUmapCommand(program: Command): void {
  const command = program
    .command('umap')
    .summary('map of images and prototypes, as SVG, PNG or HTML')
    .description(
      'Places images on a plane by UMAP on their bottleneck features, similar ones beside each other, together with the prototypes: + of classes, × of clusters. The same seed gives the same file.',
    )
    .argument('<RUN|CKPT>', 'run folder or checkpoint file')
    .argument('[DATA]', 'folder of images (default: the data of the run)')
    .requiredOption('--out <FILE>', 'new file: .svg, .png or .html')
    .option('--split <NAME>', 'val (default where images were set aside), train or all')
    .option('--classes <A,B,…>', 'only these classes')
    .option('--num-classes <N>', 'so many classes, drawn at random (default: all, or 20 of more)')
    .option('--images <N>', 'at most so many images, drawn at random (default: 20000)')
    .option('--prototypes <N>', 'prototypes of clusters that are shown, drawn at random (default: 300)')
    .option('--beside <RUN>', 'another run or checkpoint on the same images; may be given several times', collect)
    .option('--titles <A|B|…>', 'titles of the panels, between vertical bars (default: names of the runs)')
    .option('--neighbors <N>', 'neighbours that a point is placed by (default: 15)')
    .option('--seed <N>', 'of what is drawn and of the layout (default: 0)');
  withFeatureOptions(command, { features: false })
    .option('--json', 'print one JSON object')
    .addHelpText('before', examples)
    .action(runUmap);
}

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value];

/** Points that are mapped in minutes on two processors. */
const defaultImages = 20_000;

async function runUmap(model: string, data: string | undefined, options: UmapCommandOptions): Promise<void> {
  const models = [model, ...(options.beside ?? [])];
  const titles = titlesOf(models, options.titles);
  const request = {
    runs: models.map((each, i) => ({ model: each, title: titles[i] })),
    data: data ?? null,
    split: oneOf<MapSplit>('umap', 'split', options.split, ['val', 'train', 'all']) ?? null,
    classes: classesOf(options.classes),
    numClasses: wholeNumber('umap', 'num-classes', options.numClasses, 1) ?? null,
    images: wholeNumber('umap', 'images', options.images, 1) ?? defaultImages,
    prototypes: wholeNumber('umap', 'prototypes', options.prototypes, 0) ?? 300,
    seed: wholeNumber('umap', 'seed', options.seed, 0) ?? 0,
  };
  const neighbours = wholeNumber('umap', 'neighbors', options.neighbors, 2);
  if (request.classes !== null && request.numClasses !== null)
    throw new UsageError('suave umap: expected one of --classes and --num-classes, got both.');
  const choice = await featureChoice('umap', options);
  const { checkMapFile, makeFeatureMap, writeMap } = await import('../figures/index.js');
  checkMapFile(options.out);
  const terminal = new Terminal();
  const started = performance.now();
  try {
    const map = await makeFeatureMap({
      ...choice,
      ...request,
      ...(neighbours === undefined ? {} : { neighbours }),
      onProgress: countOn(terminal),
    });
    terminal.endBar();
    for (const note of map.notes) terminal.note(note);
    if (map.skipped.length > 0)
      terminal.warning(`${map.skipped.length} files cannot be read and are left out: ${listNames([...map.skipped])}`);
    await writeMap(options.out, map.figure, request.seed);
    const out = resolve(options.out);
    const seconds = (performance.now() - started) / 1000;
    process.stdout.write(options.json ? `${JSON.stringify(mapJson(map, out, seconds))}\n` : mapText(map, out));
  } finally {
    terminal.endBar();
  }
}

/** Titles as given, or the names of the runs; a single panel needs none. */
function titlesOf(models: readonly string[], text: string | undefined): string[] {
  if (text === undefined) return models.length === 1 ? [''] : models.map((model) => basename(resolve(model)));
  const titles = text.split('|').map((title) => title.trim());
  if (titles.length === models.length) return titles;
  throw new UsageError(
    `suave umap --titles: expected ${models.length} titles between vertical bars, got ${titles.length}.`,
  );
}

function classesOf(text: string | undefined): string[] | null {
  if (text === undefined) return null;
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name !== '')) return names;
  throw new UsageError(`suave umap --classes: expected names between commas, got "${text}".`);
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

function mapJson({ figure, split, skipped }: FeatureMap, out: string, seconds: number): object {
  return {
    out,
    images: figure.paths.length,
    split,
    classes: figure.classes,
    skipped: skipped.length,
    seconds: rounded(seconds, 1),
    panels: figure.panels.map(({ title, features, dim, prototypes, quality, seconds: own }) => ({
      title,
      features,
      dim,
      prototypes: prototypes.length,
      trustworthiness: quality.trustworthiness === null ? null : rounded(quality.trustworthiness, 4),
      neighbourAccuracy: quality.neighbourAccuracy,
      seconds: { features: rounded(own.features, 1), map: rounded(own.map, 1) },
    })),
  };
}

function mapText({ figure, split }: FeatureMap, out: string): string {
  const lines = figure.panels.map(({ title, features, dim, prototypes, quality }) => {
    const { trustworthiness, neighbourAccuracy } = quality;
    const trust = trustworthiness === null ? '' : `, trustworthiness ${trustworthiness.toFixed(3)}`;
    const accuracy =
      neighbourAccuracy === null
        ? ''
        : `, 15 nearest tell the class of ${(100 * neighbourAccuracy.features).toFixed(1)} % (on the map ${(100 * neighbourAccuracy.map).toFixed(1)} %)`;
    return `${title === '' ? '' : `${title}: `}${features} of ${dim} numbers, ${prototypes.length} prototypes${trust}${accuracy}`;
  });
  const { length: images } = figure.paths;
  return `${lines.join('\n')}\n${images} images (${split}), ${figure.classes.length} classes in ${out}\n`;
}
