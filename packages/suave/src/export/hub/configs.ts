/** @file The files that transformers.js and the Hugging Face hub read beside a network: `config.json`, `preprocessor_config.json`. */
import { backboneFamily } from '../../models/index.js';
import type { CheckpointInput, CheckpointMetadata, CheckpointModel } from '../../runs/index.js';
import { suaveVersion } from '../../version.js';

/** What an exported network gives. */
export type HubOutput = 'logits' | 'features';

/** Pillow's numbers of the filters. */
const resampleCode: Record<CheckpointInput['interpolation'], number> = { bilinear: 2, bicubic: 3 };

/**
 * Names of the outputs: the classes, or `cluster-0`, `cluster-1`, … where a network was trained without classes.
 * @param numOutputs  outputs of the network
 */
export function labelsOf({ classes }: Pick<CheckpointMetadata, 'classes'>, numOutputs: number): string[] {
  return classes ?? Array.from({ length: numOutputs }, (_, index) => `cluster-${index}`);
}

/** The family of networks of the hub whose code runs ours: it only says which class of transformers.js holds the session. */
function hubFamily(arch: string): { model_type: string; prefix: string } {
  return backboneFamily(arch) === 'vision-transformer'
    ? { model_type: 'vit', prefix: 'ViT' }
    : { model_type: 'resnet', prefix: 'ResNet' };
}

/**
 * `config.json`.
 * @param labels  names of the outputs; not written for features
 */
export function hubConfig(
  { model, input, stage }: Pick<CheckpointMetadata, 'model' | 'input' | 'stage'>,
  output: HubOutput,
  labels: readonly string[],
): Record<string, unknown> {
  const { model_type, prefix } = hubFamily(model.arch);
  const names = {
    num_labels: labels.length,
    id2label: Object.fromEntries(labels.map((label, index) => [index, label])),
    label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
    problem_type: 'single_label_classification',
  };
  return {
    architectures: [output === 'logits' ? `${prefix}ForImageClassification` : `${prefix}Model`],
    model_type,
    num_channels: 3,
    image_size: input.crop,
    ...(model.patchSize === null ? {} : { patch_size: model.patchSize }),
    ...(output === 'logits' ? names : {}),
    // without this, transformers.js asks for 8-bit weights where it runs on WebAssembly
    'transformers.js_config': { dtype: 'fp32' },
    suave: { version: suaveVersion, stage: stage.name, ...architecture(model) },
  };
}

function architecture({ kind, arch, width, stem, patchSize, imageSize }: CheckpointModel): Record<string, unknown> {
  return patchSize === null ? { kind, arch, width, stem } : { kind, arch, width, patchSize, imageSize };
}

/**
 * `preprocessor_config.json`: shorter side resized, center cut out, values in [0, 1], normalized. The processor of BiT does this, in
 * this order, in transformers.js and in Python (that of ViT does not crop in Python).
 */
export function preprocessorConfig({
  resize,
  crop,
  interpolation,
  mean,
  std,
}: CheckpointInput): Record<string, unknown> {
  return {
    image_processor_type: 'BitImageProcessor',
    do_convert_rgb: true,
    do_resize: true,
    size: { shortest_edge: resize },
    resample: resampleCode[interpolation],
    do_center_crop: true,
    crop_size: { height: crop, width: crop },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  };
}
