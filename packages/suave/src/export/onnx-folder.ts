/** @file `suave export --format onnx`: a network in the folder layout of transformers.js and the Hugging Face hub, compared with our own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SuaveError } from '../errors.js';
import type { CheckpointChoice } from '../evaluation/index.js';
import { compareModel, comparePreparation, type Difference, type OwnOutputs, ownOutputs } from './compare.js';
import { type HubOutput, hubConfig, labelsOf, preprocessorConfig } from './hub/configs.js';
import { modelCard } from './hub/model-card.js';
import { runFactsOf } from './hub/run-facts.js';
import {
  buildOnnxModel,
  type ExportTarget,
  encodeOnnxModel,
  exportTargetOf,
  type OnnxModel,
  OnnxSession,
} from './onnx/index.js';
import { checkNewFolder, writeNewFolder } from './output-folder.js';
import { openPictures, type Pictures } from './pictures.js';
import { withPreprocessing } from './preprocessing.js';
import { measureQuantized, type Quantization } from './quantization-loss.js';
import { quantizeWeights } from './quantize.js';

/** What is exported, and where to. */
export interface OnnxExportOptions {
  /** Run folder or checkpoint file. */
  readonly model: string;
  /** Folder to write; new or empty. */
  readonly out: string;
  readonly checkpoint?: CheckpointChoice;
  /** The features of the backbone instead of logits. Default false. */
  readonly features?: boolean;
  /** Also writes a model that prepares images itself. Default false. */
  readonly withPreprocessing?: boolean;
  /** `int8`: also writes a model with weights of 8 bits. */
  readonly quantize?: 'int8' | null;
  /** Images of known class to measure on; null is the hold-out of the run. */
  readonly data?: string | null;
  readonly workers?: number | null;
  readonly cache?: string | null;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** A file of the folder. */
export interface WrittenFile {
  /** In the folder. */
  readonly path: string;
  readonly bytes: number;
}

/** A comparison with our own network. */
export interface Comparison extends Difference {
  readonly source: Pictures['source'];
}

/** What was written, and how it compares. Accuracies are fractions. */
export interface OnnxExport {
  readonly format: 'onnx';
  readonly out: string;
  readonly files: readonly WrittenFile[];
  readonly output: HubOutput;
  /** Outputs of the network. */
  readonly numOutputs: number;
  /** Height and width of the network's input, in pixels. */
  readonly imageSize: number;
  /** Logits or features, of images that are prepared alike. */
  readonly comparison: Comparison;
  /** Probabilities or features with the preparation in the graph, against `suave predict`; null without. */
  readonly preparation: Comparison | null;
  readonly quantization: Quantization | null;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/** Largest difference of logits and features: absolute below 1, relative to the largest one above. */
const tolerance = 1e-4;

/**
 * Of what the graph prepares itself. Single pixels may be rounded to the next whole value, one of 255, where the filters of two
 * programs meet a half.
 */
const preparationTolerance = 0.05;

/**
 * Writes the folder: `onnx/model.onnx` and what transformers.js and the hub want beside it.
 * @throws UsageError when `out` is in use; CheckpointError, RunError when there is no network; DataError when `data` is named and
 *         cannot be used; SuaveError `EXPORT_DIFFERS` (exit status 1) when a written model computes something else. Nothing is
 *         left behind then.
 */
export async function exportOnnxFolder(options: OnnxExportOptions): Promise<OnnxExport> {
  checkNewFolder(options.out);
  using target = exportTargetOf(
    options.model,
    options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint },
  );
  const output: HubOutput = options.features ? 'features' : 'logits';
  const model = buildOnnxModel(target, { output });
  const pictures = await openPictures(target.metadata, heldOutOptions(options));
  const own = ownOutputs(target, output, pictures.images);
  return await writeNewFolder(options.out, (folder) =>
    writeAll({ options, target, output, model, pictures, own, folder }),
  );
}

/** Everything that is known when the folder is written. */
interface Work {
  readonly options: OnnxExportOptions;
  readonly target: ExportTarget;
  readonly output: HubOutput;
  readonly model: OnnxModel;
  readonly pictures: Pictures;
  readonly own: OwnOutputs;
  readonly folder: string;
}

async function writeAll(work: Work): Promise<OnnxExport> {
  const { options, target, output, model, pictures, own } = work;
  const { metadata, imageSize } = target;
  const files: WrittenFile[] = [];
  const write = (path: string, content: string | Uint8Array): void => {
    const file = join(work.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    files.push({ path, bytes: Buffer.byteLength(content) });
  };
  /** Compares what is read back from the disk. */
  const compare = async (path: string, of: (session: OnnxSession) => Promise<Difference>): Promise<Comparison> => {
    const session = await OnnxSession.open(readFileSync(join(work.folder, path)));
    try {
      return { ...(await of(session)), source: pictures.source };
    } finally {
      await session.release();
    }
  };

  write('onnx/model.onnx', encodeOnnxModel(model));
  const comparison = await compare('onnx/model.onnx', (session) => compareModel(session, own, imageSize));
  refuse('onnx/model.onnx', comparison, tolerance);

  let preparation: Comparison | null = null;
  if (options.withPreprocessing) {
    const path = 'onnx/model_with_preprocessing.onnx';
    write(path, encodeOnnxModel(withPreprocessing(model, metadata.input)));
    const expected = output === 'logits' ? own.probabilities : own.values;
    preparation = await compare(path, (session) => comparePreparation(session, pictures.images, expected));
    refuse(path, preparation, preparationTolerance);
  }

  let quantization: Quantization | null = null;
  if (options.quantize === 'int8') {
    const path = 'onnx/model_quantized.onnx';
    write(path, encodeOnnxModel(quantizeWeights(model)));
    const [full, small] = ['onnx/model.onnx', path].map((each) => readFileSync(join(work.folder, each)));
    quantization = await measureQuantized({ full, small, target, output, own }, heldOutOptions(options));
  }

  const numOutputs = own.values.length / pictures.images.length;
  const labels = labelsOf(metadata, numOutputs);
  write('config.json', json(hubConfig(metadata, output, labels)));
  write('preprocessor_config.json', json(preprocessorConfig(metadata.input)));
  write(
    'README.md',
    modelCard({
      metadata,
      facts: runFactsOf(options.model, metadata),
      output,
      numOutputs,
      labels,
      numParameters: countParameters(target),
      hasPreparation: preparation !== null,
      quantization,
    }),
  );
  return {
    format: 'onnx',
    out: options.out,
    files,
    output,
    numOutputs,
    imageSize,
    comparison,
    preparation,
    quantization,
    notes: notesOf(work, labels, quantization),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function heldOutOptions(options: OnnxExportOptions) {
  return {
    run: options.model,
    data: options.data ?? null,
    workers: options.workers ?? null,
    cache: options.cache ?? null,
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  };
}

function countParameters({ network }: ExportTarget): number {
  const sizes = [...network.parameters()].map(({ shape }) => shape.reduce((product, size) => product * size, 1));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function refuse(path: string, { max, largest }: Difference, allowed: number): void {
  if (max <= allowed * Math.max(1, largest)) return;
  throw new SuaveError(
    'EXPORT_DIFFERS',
    `export: expected ${path} to give what our own network gives, got a difference of ${max.toPrecision(2)}. Nothing is written; please report it.`,
    { exitCode: 1 },
  );
}

function notesOf(
  { target, output, pictures }: Work,
  labels: readonly string[],
  quantization: Quantization | null,
): string[] {
  const notes: string[] = [];
  if (target.classes === null && output === 'logits') {
    notes.push(
      `The network was trained without classes: its outputs are clusters, ${labels[0]} to ${labels[labels.length - 1]}. --features writes the features of its backbone instead.`,
    );
  }
  if (pictures.why !== null) notes.push(`Compared on drawn pictures, not on held-out images. ${pictures.why}`);
  if (quantization?.why != null) notes.push(`The loss of 8-bit weights is not measured. ${quantization.why}`);
  return notes;
}
