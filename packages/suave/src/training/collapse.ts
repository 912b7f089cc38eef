/**
 * @file Notices that learning from unlabeled images has stopped to mean anything, from what the log reads anyway: a loss that
 * stays at ln K, a class that wins no image, one prototype that wins them all. Shapes: K prototypes of the first layer.
 */
import type { ClusterWatch, Method } from '../methods/index.js';
import type { Config, Stage } from '../recipes/index.js';

/** The loss of equal shares is ln K; closer than this share of it counts as pinned to it, and less is below it. */
const lossBand = 0.01;
/** Assignments of this normalised entropy are taken for equal shares; the loss is at or above ln K then. */
const evenEntropy = 0.95;
/** A window has this many lines of the log at least. */
const minLines = 10;
/** A window has this many assigned images per class at least: a class of the usual share wins some of them almost surely. */
const minImagesPerClass = 100;
/** Assignments are constant where one prototype wins this share of the images. */
const constantShare = 0.95;
/** Epochs after every warm-up that are not judged, and the first epochs of all. */
const graceEpochs = 1;
const firstEpoch = 2;

/** What the advice and the beginning of the watch depend on. */
export interface CollapseSettings {
  /** Name of the stage. */
  readonly stage: string;
  readonly stepsPerEpoch: number;
  /** The longest of the stage's warm-ups: rate, frozen prototypes, projection head, teacher temperature. */
  readonly warmupEpochs: number;
  /** Names of the leading prototypes, where they stand for classes. */
  readonly classes: readonly string[];
  readonly remedies: Remedies;
}

/** What may help, in words: a setting of the stage with its present value; null where the method has none. */
export interface Remedies {
  /** Makes assignments sharper. */
  readonly sharpen: string | null;
  /** Holds the prototypes still at first. */
  readonly freeze: string;
  /** Makes views easier to tell. */
  readonly views: string;
  /** Moves weights less. */
  readonly slow: string;
  /** Spreads the images over the prototypes. */
  readonly balance: string;
}

/** What a line of the log tells about assignments. */
export interface ClusterReading {
  /** Steps of the stage that were done. */
  readonly step: number;
  /** Mean unlabeled loss since the line before. */
  readonly loss: number;
  /** Images that each prototype won since then, in the steps that were watched. */
  readonly wins: readonly number[];
  /** Mean normalised entropy of the assignments of these steps. */
  readonly entropy: number;
}

type Kind = 'pinned' | 'empty' | 'constant';

/**
 * Judges windows of at least an epoch, ten lines of the log and a hundred images per class, one after the other; the first
 * begins after the warm-ups, not before epoch 2. Says everything once.
 */
export class CollapseDetector {
  readonly #settings: CollapseSettings;
  readonly #prototypes: readonly number[];
  readonly #numClasses: number;
  readonly #firstStep: number;
  readonly #said = new Set<Kind>();
  #start: number | null = null;
  #losses: number[] = [];
  #entropies: number[] = [];
  #wins: number[];

  constructor(settings: CollapseSettings, { prototypes, numClasses }: Pick<ClusterWatch, 'prototypes' | 'numClasses'>) {
    this.#settings = settings;
    this.#prototypes = prototypes;
    this.#numClasses = numClasses;
    this.#firstStep = settings.stepsPerEpoch * Math.max(firstEpoch, Math.ceil(settings.warmupEpochs) + graceEpochs);
    this.#wins = new Array<number>(prototypes[0]).fill(0);
  }

  /** The loss where all prototypes have equal shares of every image: ln K, the mean over several layers. */
  get uniformLoss(): number {
    return this.#prototypes.reduce((sum, count) => sum + Math.log(count), 0) / this.#prototypes.length;
  }

  /** Takes one line of the log. @returns  sentences for the user: what collapsed, since when, and the settings to change */
  observe({ step, loss, wins, entropy }: ClusterReading): string[] {
    if (step <= this.#firstStep) return [];
    if (this.#start === null) {
      this.#start = step; // the first line may reach back into the warm-up
      return [];
    }
    this.#losses.push(loss);
    this.#entropies.push(entropy);
    this.#wins = this.#wins.map((count, k) => count + wins[k]);
    const images = this.#wins.reduce((sum, count) => sum + count, 0);
    const isComplete =
      step - this.#start >= this.#settings.stepsPerEpoch &&
      this.#losses.length >= minLines &&
      images >= minImagesPerClass * this.#numClasses;
    if (!isComplete) return [];
    const found = this.#judge(images, `steps ${this.#start} to ${step}`);
    this.#start = step;
    this.#losses = [];
    this.#entropies = [];
    this.#wins.fill(0);
    const fresh = found.filter(([kind]) => !this.#said.has(kind));
    for (const [kind] of fresh) this.#said.add(kind);
    return fresh.map(([, sentence]) => `stage ${this.#settings.stage}, step ${step}: ${sentence}`);
  }

  #judge(images: number, when: string): [Kind, string][] {
    const found: [Kind, string][] = [];
    const pinned = this.#judgeLoss(when);
    if (pinned !== null) found.push(['pinned', pinned]);
    const largest = this.#wins.indexOf(Math.max(...this.#wins));
    const share = this.#wins[largest] / images;
    if (share >= constantShare) {
      const text = `${(100 * share).toFixed(0)} % of the unlabeled images were assigned to ${this.#name(largest)} in ${when}: their embeddings are all alike.`;
      found.push(['constant', `${text} ${this.#advice(['slow', 'freeze', 'views', 'balance'])}`]);
      return found;
    }
    const empty = [...this.#wins.keys()].filter((k) => k < this.#numClasses && this.#wins[k] === 0);
    if (empty.length > 0) {
      const more = empty.length > 1 ? ` and ${empty.length - 1} more` : '';
      const text = `no unlabeled image was assigned to ${this.#name(empty[0])}${more} in ${when}: the prototype lies away from all embeddings.`;
      found.push(['empty', `${text} ${this.#advice(['balance', 'slow', 'sharpen', 'freeze'])}`]);
    }
    return found;
  }

  /** A loss that never falls below ln K, because the assignments are even or because the predictions ignore them. */
  #judgeLoss(when: string): string | null {
    const { uniformLoss } = this;
    const isBelow = this.#losses.some((loss) => loss < uniformLoss * (1 - lossBand));
    const isAt = this.#losses.every((loss) => loss <= uniformLoss * (1 + lossBand));
    const isEven = this.#entropies.every((entropy) => entropy >= evenEntropy);
    if (isBelow || !(isAt || isEven)) return null;
    const stayed = `the unlabeled loss stayed at ln K = ${uniformLoss.toFixed(3)}${isAt ? '' : ' or above'} in ${when}`;
    return isEven
      ? `${stayed}: the assignments give all prototypes equal shares of every image. ${this.#advice(['sharpen', 'freeze', 'views', 'slow', 'balance'])}`
      : `${stayed}: the predictions do not follow the assignments. ${this.#advice(['slow', 'views', 'freeze', 'sharpen', 'balance'])}`;
  }

  #name(prototype: number): string {
    return prototype < this.#numClasses ? `class "${this.#settings.classes[prototype]}"` : `prototype ${prototype}`;
  }

  /** Settings to change, the likeliest first. */
  #advice(order: readonly (keyof Remedies)[]): string {
    const { remedies } = this.#settings;
    const chosen = order.map((key) => remedies[key]).filter((text) => text !== null);
    return `Try in a new run, in this order: ${chosen.join(', ')}.`;
  }
}

type ClusteringStage = Extract<Stage, { method: 'swav' | 'suave' | 'dino' | 'daino' }>;

/** The longest warm-up of a stage, epochs. */
function longestWarmup(stage: ClusteringStage): number {
  const { warmupEpochs } = stage.optimizer;
  switch (stage.method) {
    case 'swav':
      return Math.max(warmupEpochs, stage.freezePrototypesEpochs);
    case 'suave':
      return Math.max(warmupEpochs, stage.freezePrototypesEpochs, stage.warmupProjectionEpochs);
    default:
      return Math.max(warmupEpochs, stage.freezeLastLayerEpochs, stage.teacherTemperature.warmupEpochs);
  }
}

/** What may help a stage. */
export function remediesOf(stage: ClusteringStage): Remedies {
  const path = `stages.${stage.name}`;
  const change = (what: string, setting: string, now: number, more = '') =>
    `a ${what} ${path}.${setting} (now ${now}${more})`;
  const shared = {
    views: `lighter augmentation in ${path}.views.unlabeled`,
    slow: change('smaller', 'optimizer.lr', stage.optimizer.lr),
  };
  if (stage.method === 'swav' || stage.method === 'suave') {
    const { epsilon, freezePrototypesEpochs, queue } = stage;
    return {
      ...shared,
      sharpen: epsilon === 'auto' ? null : change('smaller', 'epsilon', epsilon, '; or auto'),
      freeze: change('larger', 'freezePrototypesEpochs', freezePrototypesEpochs),
      balance: change('larger', 'queue.size', queue.size),
    };
  }
  const { teacherTemperature, freezeLastLayerEpochs, centerMomentum } = stage;
  return {
    ...shared,
    sharpen: change('smaller', 'teacherTemperature.final', teacherTemperature.final),
    freeze: change('larger', 'freezeLastLayerEpochs', freezeLastLayerEpochs),
    balance: change('smaller', 'centerMomentum', centerMomentum),
  };
}

/**
 * The detector of a stage; null where it is off, or where the method has no clusters.
 * @param classes  names of the classes
 */
export function createCollapseDetector(
  { logging }: Pick<Config, 'logging'>,
  stage: Stage,
  { clusters }: Pick<Method, 'clusters'>,
  { stepsPerEpoch, classes }: Pick<CollapseSettings, 'stepsPerEpoch' | 'classes'>,
): CollapseDetector | null {
  if (logging.collapse === 'off' || clusters === undefined) return null;
  if (stage.method === 'supervised' || stage.method === 'paws') return null;
  return new CollapseDetector(
    { stage: stage.name, stepsPerEpoch, warmupEpochs: longestWarmup(stage), classes, remedies: remediesOf(stage) },
    clusters,
  );
}
