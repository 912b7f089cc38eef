/** @file What a recipe is: a function from facts about the data to a complete configuration. */
import type { Config } from './schema.js';

/** What is known about the data and the machine before anything is decoded. */
export interface DataFacts {
  /** Training images, labeled ones included, hold-out excluded. */
  numTrain: number;
  /** Training images whose label is used. */
  numLabeled: number;
  numClasses: number;
  /** Median length of the shorter side, pixels. */
  shorterSide: number;
  device: 'cpu' | 'cuda';
  threads: number;
}

/** Choices of the user that other numbers of a recipe depend on. */
export interface RecipeHints {
  arch?: Config['model']['arch'];
  /** Epochs of the last stage. */
  epochs?: number;
  preset?: Config['preset'];
  /** Whether a checkpoint to start from is given. */
  hasInit?: boolean;
}

/** A complete configuration, and in words what was picked from the data and why. */
export interface RecipeResult {
  config: Config;
  /** One sentence per choice; printed when training starts. */
  notes: string[];
}

/** What images a recipe is made for; the list of recipes is grouped by it. */
export type RecipeGroup = 'any images' | 'ImageNet' | 'CIFAR-100' | 'CIFAR-10';

/** A named recipe. */
export interface Recipe {
  readonly name: string;
  /** One line for `suave recipes`. */
  readonly description: string;
  /** Default `any images`. */
  readonly group?: RecipeGroup;
  /** The data that it was published for; its table is shown for them. Default `exampleFacts`. */
  readonly publishedData?: Partial<DataFacts>;
  /** Builds the configuration; pure. */
  build(facts: DataFacts, hints: RecipeHints): RecipeResult;
}

/** Facts that a table without data is printed for: 10,000 photos of 32 pixels in 10 classes, 25 labels each, 2 processor cores. */
export const exampleFacts: DataFacts = {
  numTrain: 10_000,
  numLabeled: 250,
  numClasses: 10,
  shorterSide: 32,
  device: 'cpu',
  threads: 2,
};

/** Facts that the table of a recipe is shown for: the data it was published for, else `exampleFacts`. */
export function factsFor(recipe: Recipe | undefined): DataFacts {
  return { ...exampleFacts, ...recipe?.publishedData };
}
