/** @file Table 1 of the paper's supplement as runs: SwAV checkpoints, Suave from each of them, PAWS; with 1 % and 10 % of the labels. */
import type { Override } from '../recipes/index.js';
import { type Cell, type Job, type Plan, setting } from './plan.js';
import { table1Numbers } from './published.js';

const fractions = ['10pct', '1pct'] as const;
type Fraction = (typeof fractions)[number];
const shares = { '10pct': 0.1, '1pct': 0.01 } as const;
const shownShare = { '10pct': '10 %', '1pct': '1 %' } as const;
/** Epochs of the SwAV checkpoints that Suave starts from. */
export const swavEpochs = [100, 200, 800] as const;

/** What Table 1 is made from. */
export interface Table1Options {
  /** ImageNet: train/ and val/ with a folder for each class. */
  readonly imagenet: string;
  /** The published lists of labels; a fraction without one is drawn here. */
  readonly labels: Partial<Record<Fraction, string>>;
  /** SwAV checkpoints by their epochs; what is missing is trained. */
  readonly swav: Partial<Record<(typeof swavEpochs)[number], string>>;
  /** Devices to adapt every recipe to, or null for the published batches. */
  readonly scale: number | null;
  /** Settings of all runs: device, precision, cache. */
  readonly overrides: readonly Override[];
}

const isSuaveJob = ({ id }: Job): boolean => id.startsWith('suave');

/** Lays out the runs of Table 1. */
export function planTable1(options: Table1Options): Plan {
  const { scale, overrides } = options;
  const common = { scale, isEvaluated: true };
  const swavJobs: Job[] = swavEpochs
    .filter((epochs) => options.swav[epochs] === undefined)
    .map((epochs) => ({
      ...common,
      id: `swav-${epochs}`,
      title: `SwAV, ${epochs} epochs`,
      recipe: 'swav-imagenet',
      overrides: [setting('epochs', epochs), ...overrides],
      init: null,
      isEvaluated: false,
    }));
  const jobs: Job[] = [];
  const rows = table1Numbers.map((line) => {
    const cells: Cell[] = fractions.map((fraction) => {
      const job = line.method === 'Suave' ? suaveJob(line.epochs, fraction) : pawsJob(line.epochs, fraction);
      jobs.push(job);
      return { jobs: [job.id], published: line[fraction] };
    });
    const isSuave = line.method === 'Suave';
    const texts = isSuave
      ? [line.method, `(${line.epochs}) 100`, '256', '128']
      : [line.method, `${line.epochs}`, '4096', '6720'];
    return { texts, cells };
  });

  function labelsOf(fraction: Fraction): Override {
    const file = options.labels[fraction];
    return file === undefined ? setting('data.labelFraction', shares[fraction]) : setting('data.labels', file);
  }
  function suaveJob(epochs: 100 | 200 | 800, fraction: Fraction): Job {
    const file = options.swav[epochs];
    return {
      ...common,
      id: `suave-${epochs}-${fraction}`,
      title: `Suave from SwAV of ${epochs} epochs, ${shownShare[fraction]} of the labels`,
      recipe: `suave-imagenet-${fraction}`,
      overrides: [labelsOf(fraction), ...overrides],
      init: file === undefined ? { job: `swav-${epochs}` } : { file },
    };
  }
  function pawsJob(epochs: number, fraction: Fraction): Job {
    return {
      ...common,
      id: `paws-${epochs}-${fraction}`,
      title: `PAWS, ${epochs} epochs, ${shownShare[fraction]} of the labels`,
      recipe: 'paws-imagenet',
      overrides: [labelsOf(fraction), setting('epochs', epochs), ...overrides],
      init: null,
    };
  }

  const drawn = fractions.filter((fraction) => options.labels[fraction] === undefined);
  return {
    name: 'table1',
    title: 'Table 1: ImageNet without fine-tuning, top-1 in percent',
    data: options.imagenet,
    jobs: [...swavJobs, ...jobs.filter(isSuaveJob), ...jobs.filter((job) => !isSuaveJob(job))],
    heads: ['method', 'epochs', 'unlabeled batch', 'labeled batch'],
    cellHeads: fractions.map((fraction) => shownShare[fraction]),
    rows,
    notes: [
      'Epochs in parentheses are those of the SwAV checkpoint. PAWS is classified by its nearest neighbours, Suave by its prototypes; both on the center crops of val/, after the last epoch.',
      ...(scale === null
        ? []
        : [`Batches are the published ones; the runs are adapted to ${scale} device(s) by the rule of each recipe.`]),
      ...drawn.map(
        (fraction) =>
          `Labels of ${shownShare[fraction]} are drawn here, as many of each class; give the published list with --labels-${fraction} to compare.`,
      ),
    ],
  };
}
