/**
 * @file What a report shows, as one JSON value: collected from a run folder and its held-out images, drawn by `pages/report`.
 * A part that a run cannot have is null, and `missing` says why. Accuracies, probabilities and confidences are fractions.
 */
import type { Estimate } from '../evaluation/intervals.js';

export type { Estimate };

import type { CoveragePoint } from '../runs/coverage-point.js';

export type { CoveragePoint } from '../runs/coverage-point.js';

/** Accuracy on images that were not trained on. */
export interface ReportScore {
  readonly top1: Estimate;
  readonly top5: Estimate;
  /** Cross entropy of the calibrated probabilities, nats. */
  readonly loss: number;
}

/** One image, small: `src` is a data URI, null where the file is gone or cannot be read. */
export interface Thumbnail {
  readonly path: string;
  readonly src: string | null;
}

/** A class with how well it is told. */
export interface ClassRow {
  readonly name: string;
  /** Held-out images of the class; the accuracies are null where there are none. */
  readonly images: number;
  /** Share of its images that are told right (recall). */
  readonly top1: Estimate | null;
  /** Share of right ones among the images that are told to be of it; null where no image is. */
  readonly precision: number | null;
  /** Labeled training images. */
  readonly labeled: number;
  readonly examples: readonly Thumbnail[];
}

/** Images of class `truth` that were told to be `predicted`. */
export interface ConfusionCell {
  readonly truth: number;
  readonly predicted: number;
  readonly images: number;
  /** At most three, for the cells with the most mistakes. */
  readonly examples: readonly Thumbnail[];
}

/** A wrong answer, given with confidence. */
export interface Mistake {
  readonly image: Thumbnail;
  readonly truth: string;
  readonly predicted: string;
  /** Calibrated probability of the wrong class, and of the right one. */
  readonly confidence: number;
  readonly ofTruth: number;
}

/** Images whose confidence falls into one bin. */
export interface ReliabilityBin {
  /** Bounds of the bin. */
  readonly low: number;
  readonly high: number;
  readonly images: number;
  /** Means over its images; null where it has none. */
  readonly confidence: number | null;
  readonly accuracy: number | null;
}

/** How far probabilities can be trusted. */
export interface Calibration {
  /** Fitted temperature, the one that probabilities are computed with; of a run under way, the one that would be fitted now. */
  readonly temperature: number;
  /**
   * Expected calibration error, 15 bins of equal width; each half of the images at the temperature that fits the other half. Images of
   * another folder are all measured at `temperature`, which was not fitted on them.
   */
  readonly ece: number;
  /** The same with the temperature of training. */
  readonly eceBefore: number;
  readonly trainingTemperature: number;
  readonly bins: readonly ReliabilityBin[];
}

/** A number over the course of training. */
export interface Curve {
  /** Key of metrics.jsonl. */
  readonly key: string;
  /** In words. */
  readonly name: string;
  /** Unlabeled (else labeled) images seen since the start of the run, and the value there. */
  readonly points: readonly (readonly [images: number, value: number])[];
}

/** Where a stage of training begins, on the axis of the curves. */
export interface StageStart {
  readonly name: string;
  /** Images seen before its first step. */
  readonly images: number;
}

/** Curves that share an axis. */
export interface CurveGroup {
  readonly title: string;
  /** What the values are. */
  readonly unit: 'fraction' | 'nats' | 'rate' | 'number';
  readonly logarithmic: boolean;
  readonly curves: readonly Curve[];
}

/** Which prototypes (classes or clusters) the held-out images fall to. */
export interface PrototypeUse {
  /** Images that each prototype wins, in the order of the prototypes. */
  readonly wins: readonly number[];
  /** Names of the prototypes that stand for classes, in order; the others have none. */
  readonly names: readonly string[];
  /** Effective number of prototypes in use, exp(entropy of the wins). */
  readonly effective: number;
}

/** Augmented views of a few training images in one stage. */
export interface ViewSheet {
  readonly stage: string;
  /** The sheet as data URI: one row an image, one column a view. */
  readonly src: string;
  readonly width: number;
  readonly height: number;
  /** What each column shows. */
  readonly columns: readonly string[];
}

/** Images in two dimensions. */
export interface MapData {
  /** x, y of every point. */
  readonly points: readonly (readonly [number, number])[];
  /** Names of the classes that `labels` and `predicted` count. */
  readonly names: readonly string[];
  /** Class of every point, −1 where unknown. */
  readonly labels: readonly number[];
  /** Predicted class of every point; null where the network names no classes. */
  readonly predicted: readonly number[] | null;
  /** x, y of the prototypes that are shown. */
  readonly prototypes: readonly (readonly [number, number])[];
  /** Whether prototype i stands for class i. */
  readonly prototypesAreClasses: boolean;
  /** Images that there were to choose from. */
  readonly images: number;
  /** What was mapped: embeddings, backbone features. */
  readonly features: string;
  readonly thumbnails: readonly (Thumbnail | null)[];
}

/** A heading with what belongs to it, shown as a table of names and values. */
export interface Facts {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, value: string])[];
}

/** Names of the parts that may be missing. */
export type ReportPart =
  | 'score'
  | 'baseline'
  | 'classes'
  | 'confusion'
  | 'mistakes'
  | 'calibration'
  | 'coverage'
  | 'curves'
  | 'prototypes'
  | 'views'
  | 'map';

/** The whole report. */
export interface ReportData {
  readonly format: 1;
  /** Name of the run folder. */
  readonly title: string;
  /** Path of the run folder as a command of the reader would name it. */
  readonly run: string;
  /** Method of the last stage, as people know it: Suave, SwAV, … */
  readonly method: string;
  /** ISO date and time of writing. */
  readonly written: string;
  readonly suaveVersion: string;
  /** One or two sentences in plain words: what was learned, from what, and how good it is. */
  readonly summary: string;
  /** Sentences that a reader must know: selected on the hold-out, skipped files, images that are gone. */
  readonly notes: readonly string[];
  /** Why a part is null. */
  readonly missing: Partial<Record<ReportPart, string>>;
  readonly score: ReportScore | null;
  /** Supervised training on the same labels alone, on the same images; its best number of steps. */
  readonly baseline: ReportScore | null;
  /** Top-1 minus that of the baseline, with the 95 % interval of the difference (paired where both were scored on the same images). */
  readonly gain: Estimate | null;
  /** Where the measured images come from: `folder` is one that was named and is not the data of the run. */
  readonly source: 'val' | 'hold-out' | 'folder' | null;
  readonly images: { readonly training: number; readonly labeled: number; readonly measured: number };
  readonly curves: readonly CurveGroup[];
  /** In order; the first begins at 0. */
  readonly stages: readonly StageStart[];
  readonly classes: readonly ClassRow[] | null;
  /** Cells with at least one image. */
  readonly confusion: readonly ConfusionCell[] | null;
  readonly mistakes: readonly Mistake[] | null;
  readonly calibration: Calibration | null;
  /** By rising threshold. */
  readonly coverage: readonly CoveragePoint[] | null;
  readonly prototypes: PrototypeUse | null;
  readonly views: readonly ViewSheet[] | null;
  readonly map: MapData | null;
  /** The resolved recipe, stage by stage. */
  readonly recipe: readonly Facts[];
  /** The same as YAML, re-runnable. */
  readonly config: string;
  /** Machine, versions, time, throughput. */
  readonly environment: readonly Facts[];
}
