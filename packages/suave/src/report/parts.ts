/** @file The parts of a report that are measured on images, where they come from, and why they may be missing. */
import type { CheckpointChoice } from '../evaluation/index.js';
import type { CheckpointMetadata } from '../runs/index.js';
import type { MapDraft } from './map.js';
import type { ReportData, ReportPart, Thumbnail } from './report-data.js';

/** The parts of a report that are measured on images. */
export type MeasuredParts = Pick<
  ReportData,
  | 'score'
  | 'baseline'
  | 'gain'
  | 'source'
  | 'classes'
  | 'confusion'
  | 'mistakes'
  | 'calibration'
  | 'coverage'
  | 'prototypes'
  | 'map'
> & { readonly measured: number; readonly missing: Partial<Record<ReportPart, string>> };

/** Parts that come from images. */
const imageParts = [
  'score',
  'baseline',
  'classes',
  'confusion',
  'mistakes',
  'calibration',
  'coverage',
  'prototypes',
  'map',
] as const satisfies readonly ReportPart[];

/** Parts that need names of classes. */
export const classParts = imageParts.filter((part) => part !== 'prototypes' && part !== 'map');

/** No part at all. */
export const nothing: Omit<MeasuredParts, 'missing'> = {
  score: null,
  baseline: null,
  gain: null,
  source: null,
  classes: null,
  confusion: null,
  mistakes: null,
  calibration: null,
  coverage: null,
  prototypes: null,
  map: null,
  measured: 0,
};

/** The same reason for several parts. */
export function reasons(parts: readonly ReportPart[], why: string): Partial<Record<ReportPart, string>> {
  return Object.fromEntries(parts.map((part) => [part, why]));
}

/** No image was measured. @param why  a sentence */
export function unmeasured(why: string): MeasuredParts {
  return { ...nothing, missing: reasons(imageParts, why) };
}

/** What is measured and how. */
export interface MeasureOptions {
  readonly run: string;
  readonly checkpoint: CheckpointChoice;
  readonly metadata: CheckpointMetadata;
  readonly device: string;
  /** Labeled training images of each class. */
  readonly labeled: readonly number[];
  readonly seed: number;
  readonly signal: AbortSignal | null;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** Images of a forward pass: as `suave evaluate` has it, so that the numbers are the same to the last bit. */
export const scoringBatch = 128;

/** Why a map is missing. */
export const tooFewForMap = 'There are too few held-out images for a map.';

/** Images of a map that have thumbnails. */
export const mapped = (map: MapDraft | null): number[] => (map?.thumbnails ?? []).filter((image) => image !== null);

/** Puts the thumbnails in. */
export function finishMap(map: MapDraft | null, thumbnail: (image: number) => Thumbnail): ReportData['map'] {
  return map === null
    ? null
    : { ...map, thumbnails: map.thumbnails.map((image) => (image === null ? null : thumbnail(image))) };
}
