/** @file What `suave export` prints for people. */
import { join } from 'node:path';
import type { Comparison, OnnxExport, Quantization, SafetensorsExport, WebExport } from '../export/index.js';
import { percent, points, shortPath } from '../text.js';
import { table } from './terminal.js';

/** `465.7 kB`, `94.1 MB`. */
function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The files of an ONNX folder, and how the models compare. */
export function onnxText(result: OnnxExport): string {
  const { out, files, output, numOutputs, imageSize, comparison, preparation, quantization } = result;
  const rows = files.map(({ path, bytes }) => [`  ${path}`, sizeText(bytes)]);
  const lines = [
    `written   ${shortPath(out)}`,
    table(rows),
    `model     pixel_values [N, 3, ${imageSize}, ${imageSize}] to ${output} [N, ${numOutputs}]`,
    `compared  ${comparisonText(comparison)}: ${output} differ by ${comparison.max.toExponential(1)} at most`,
  ];
  if (preparation !== null) {
    const what = output === 'logits' ? 'probabilities' : output;
    lines.push(
      `          prepared in the graph: ${what} differ from those of suave predict by ${preparation.max.toExponential(1)} at most`,
    );
  }
  if (quantization !== null) lines.push(`8 bits    ${quantizationText(quantization)}`);
  return `${lines.join('\n')}\n`;
}

function comparisonText({ images, source }: Comparison): string {
  return `${images} ${source === 'held-out' ? 'held-out images' : 'drawn pictures'}, in onnxruntime-web`;
}

function quantizationText({ bytes, fullBytes, accuracy, fullAccuracy, images, cosine }: Quantization): string {
  const sizes = `${sizeText(bytes)} instead of ${sizeText(fullBytes)}`;
  if (accuracy === null || fullAccuracy === null)
    return `${sizes}; accuracy not measured, mean cosine of the outputs ${cosine.toFixed(5)}`;
  const change = `${points(accuracy - fullAccuracy)} points`;
  return `${sizes}; top-1 ${percent(accuracy)} instead of ${percent(fullAccuracy)} on ${images} held-out images (${change})`;
}

/** Where the page is, and how soon it answers. */
export function webText({ page, bytes, classes, loadMs, firstPredictionMs }: WebExport): string {
  return `${[
    `written   ${shortPath(page)}`,
    `size      ${sizeText(bytes)} in all, ${classes} classes`,
    `speed     ${Math.round(loadMs)} ms to load the network, ${Math.round(firstPredictionMs)} ms to the first prediction (onnxruntime-web under Node, one thread)`,
  ].join('\n')}\n`;
}

/** The files of a folder of weights, and what is in them. */
export function safetensorsText(out: string, { files, backbone, classifier, timm }: SafetensorsExport): string {
  const lines = [
    ...files.map((file, i) => `${i === 0 ? 'written ' : '        '}  ${shortPath(join(out, file))}`),
    `tensors   ${backbone} of the backbone, ${classifier} of a linear classifier`,
  ];
  if (timm !== null) lines.push(`timm      timm.create_model('local-dir:${shortPath(out)}', pretrained=True)`);
  return `${lines.join('\n')}\n`;
}
