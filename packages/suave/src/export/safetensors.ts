/**
 * @file Weights for Python: the backbone under the keys of torchvision and timm, with a linear classifier where the network has
 * one, and timm's description of it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Tensor, writeSafetensors } from '@suave/torch';
import {
  findCheckpoint,
  predictingPrefix,
  readCheckpointMetadata,
  readNetworkTensors,
} from '../evaluation/classifier.js';
import { isBackboneKey } from '../models/backbone-keys.js';
import { backboneFamily } from '../models/index.js';
import type { CheckpointMetadata, CheckpointModel } from '../runs/index.js';

/** What was written. */
export interface SafetensorsExport {
  /** Names of the files in the folder. */
  readonly files: readonly string[];
  /** Tensors of the backbone, and of the classifier on it: 0 where the network compares with prototypes or labeled images. */
  readonly backbone: number;
  readonly classifier: number;
  /** How timm makes the same network; null where it has none. */
  readonly timm: TimmArchitecture | null;
}

/** A network of timm. */
export interface TimmArchitecture {
  readonly architecture: string;
  /** Further arguments of `timm.create_model`. */
  readonly arguments: Readonly<Record<string, number>>;
}

/** Name of a transformer's classifier in timm. Residual networks have `fc` everywhere. */
const transformerClassifier = 'head';

/** The network of timm whose keys and shapes are those of a backbone; null where it has none. */
export function timmArchitecture({
  arch,
  width,
  stem,
  patchSize,
  imageSize,
}: CheckpointModel): TimmArchitecture | null {
  if (width !== 1) return null;
  if (patchSize !== null && imageSize !== null) {
    // a named model of timm stands for its widths; patch and image size are arguments of it
    return { architecture: `${arch}_patch16_224`, arguments: { patch_size: patchSize, img_size: imageSize } };
  }
  const isPublished = stem === 'imagenet' && ['resnet18', 'resnet34', 'resnet50'].includes(arch);
  return isPublished ? { architecture: arch, arguments: {} } : null;
}

/**
 * Writes `model.safetensors` (and `config.json` for timm, where it has such a network) into a folder that is there.
 * @param model  run folder or checkpoint file
 * @throws CheckpointError, RunError where there is none or it is damaged
 */
export function writeSafetensorsFolder(
  model: string,
  folder: string,
  options: { checkpoint?: 'last' | 'best' } = {},
): SafetensorsExport {
  const file = findCheckpoint(model, options.checkpoint);
  const metadata = readCheckpointMetadata(file);
  const tensors = readNetworkTensors(file, predictingPrefix(metadata.model));
  try {
    const { backbone, classifier } = publishedKeys(metadata.model, tensors);
    const timm = timmArchitecture(metadata.model);
    writeSafetensors(join(folder, 'model.safetensors'), new Map([...backbone, ...classifier]), { format: 'pt' });
    const files = ['model.safetensors'];
    if (timm !== null) {
      const config = timmConfig(metadata, timm, classifier.size > 0);
      writeFileSync(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
      files.push('config.json');
    }
    return { files, backbone: backbone.size, classifier: classifier.size, timm };
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

/** Backbone and classifier under the keys that other programs know. */
function publishedKeys(model: CheckpointModel, tensors: ReadonlyMap<string, Tensor>) {
  const backbone = new Map<string, Tensor>();
  const classifier = new Map<string, Tensor>();
  const isTransformer = backboneFamily(model.arch) === 'vision-transformer';
  const readsUsualFeature = model.kind === 'linear' && model.features === null;
  for (const [key, tensor] of tensors) {
    const own = key.startsWith('backbone.') ? key.slice('backbone.'.length) : key;
    if (isBackboneKey(own)) backbone.set(own, tensor);
    else if (readsUsualFeature && own.startsWith('fc.'))
      classifier.set(isTransformer ? own.replace('fc', transformerClassifier) : own, tensor);
  }
  return { backbone, classifier };
}

/** The `config.json` that `timm.create_model('local-dir:FOLDER')` reads. */
function timmConfig(metadata: CheckpointMetadata, timm: TimmArchitecture, hasClassifier: boolean) {
  const { input, classes, model } = metadata;
  const isTransformer = backboneFamily(model.arch) === 'vision-transformer';
  const numClasses = hasClassifier ? model.outputs[0] : 0;
  const args = Object.keys(timm.arguments).length > 0 ? { model_args: timm.arguments } : {};
  return {
    architecture: timm.architecture,
    num_classes: numClasses,
    ...args,
    ...(hasClassifier && classes !== null ? { label_names: classes } : {}),
    pretrained_cfg: {
      input_size: [3, input.crop, input.crop],
      interpolation: input.interpolation,
      crop_pct: input.crop / input.resize,
      crop_mode: 'center',
      mean: input.mean,
      std: input.std,
      num_classes: numClasses,
      first_conv: isTransformer ? 'patch_embed.proj' : 'conv1',
      classifier: isTransformer ? transformerClassifier : 'fc',
    },
  };
}
