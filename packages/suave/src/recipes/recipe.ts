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
}

/** A complete configuration, and in words what was picked from the data and why. */
export interface RecipeResult {
  config: Config;
  /** One sentence per choice; printed when training starts. */
  notes: string[];
}

/** A named recipe. */
export interface Recipe {
  readonly name: string;
  /** One line for `suave recipes`. */
  readonly description: string;
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
