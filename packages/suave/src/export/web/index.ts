/** @file `suave export --format web`: a folder that shows a classifier at work in any browser, without a server and without a network. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { runOfCheckpoint } from '../../evaluation/classifier.js';
import type { CheckpointChoice } from '../../evaluation/index.js';
import { architectureText } from '../../evaluation/network.js';
import { storedData } from '../../evaluation/own-data.js';
import { suaveVersion } from '../../version.js';
import { labelsOf } from '../hub/configs.js';
import { buildOnnxModel, type ExportTarget, encodeOnnxModel, exportTargetOf, OnnxSession } from '../onnx/index.js';
import { checkNewFolder, writeNewFolder } from '../output-folder.js';
import { quantizeWeights } from '../quantize.js';
import { writeAsset } from './assets.js';
import type { PageModel } from './page-model.js';
import { renderPage } from './render-page.js';

/** What is exported, and where to. */
export interface WebExportOptions {
  /** Run folder or checkpoint file. */
  readonly model: string;
  /** Folder to write; new or empty. */
  readonly out: string;
  readonly checkpoint?: CheckpointChoice;
  /** `int8`: weights of 8 bits. */
  readonly quantize?: 'int8' | null;
  /** Heading of the page; the name of the folder of images unless said, else that of the run or checkpoint. */
  readonly title?: string;
}

/** What was written. */
export interface WebExport {
  readonly out: string;
  /** The page, to be opened. */
  readonly page: string;
  /** Paths in the folder. */
  readonly files: readonly string[];
  /** Size of the folder. */
  readonly bytes: number;
  readonly classes: number;
  /**
   * Milliseconds of loading the network and of its first prediction, in onnxruntime-web with one thread under Node on this
   * machine: the program that the page runs, without decompression and without decoding an image.
   */
  readonly loadMs: number;
  readonly firstPredictionMs: number;
}

/**
 * Writes the page of a classifier.
 * @throws CheckpointError, RunError when there is no network; UsageError when `out` is in use; OnnxError when the network cannot
 *         be expressed. Nothing is left behind then.
 */
export async function exportWeb(options: WebExportOptions): Promise<WebExport> {
  const { out, quantize = null } = options;
  checkNewFolder(out);
  using target = exportTargetOf(
    options.model,
    options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint },
  );
  const exact = buildOnnxModel(target, { output: 'logits' });
  const bytes = encodeOnnxModel(quantize === 'int8' ? quantizeWeights(exact) : exact);
  const times = await measure(bytes, target);
  return await writeNewFolder(out, async (folder) => {
    const runtime = await writeAsset(folder, 'runtime', 'The runtime (runtime.js)', readFileSync(runtimeFile()));
    const network = await writeAsset(folder, 'model', 'The model (model.js)', bytes);
    const page = renderPage(describe(options, target, times.outputs, { runtime, network }));
    writeFileSync(join(folder, 'index.html'), page);
    const scripts = [...runtime.files, ...network.files];
    return {
      out,
      page: join(out, 'index.html'),
      files: ['index.html', ...scripts.map(({ path }) => path)],
      bytes: Buffer.byteLength(page) + scripts.reduce((sum, file) => sum + file.bytes, 0),
      classes: times.outputs,
      loadMs: times.loadMs,
      firstPredictionMs: times.firstPredictionMs,
    };
  });
}

/** The WebAssembly that goes with the code that the page bundles. */
function runtimeFile(): string {
  return createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm');
}

function describe(
  { model, quantize, title }: WebExportOptions,
  target: ExportTarget,
  outputs: number,
  assets: Pick<PageModel, 'runtime' | 'network'>,
): PageModel {
  const { metadata } = target;
  return {
    format: 1,
    title: title?.trim() || titleOf(model, target),
    classes: labelsOf(metadata, outputs),
    clusters: metadata.classes === null,
    architecture: architectureText(metadata.model),
    weights: quantize ?? 'float32',
    input: metadata.input,
    ...assets,
    version: suaveVersion,
  };
}

/** The name of the images that it was trained on, else of the run or checkpoint. */
function titleOf(model: string, { file, metadata }: ExportTarget): string {
  const images = storedData(metadata)?.path;
  if (images !== undefined) return basename(resolve(images)) || 'Classifier';
  return basename(runOfCheckpoint(resolve(model)) ?? resolve(file), '.safetensors') || 'Classifier';
}

/** Loads the model here as the page does, and predicts once. */
async function measure(
  bytes: Uint8Array,
  { imageSize }: ExportTarget,
): Promise<{ outputs: number; loadMs: number; firstPredictionMs: number }> {
  const started = performance.now();
  const session = await OnnxSession.open(bytes);
  try {
    const loaded = performance.now();
    const { values } = await session.run(new Float32Array(3 * imageSize ** 2), [1, 3, imageSize, imageSize]);
    return {
      outputs: values.length,
      loadMs: loaded - started,
      firstPredictionMs: performance.now() - loaded,
    };
  } finally {
    await session.release();
  }
}
