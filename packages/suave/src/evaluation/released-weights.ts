/**
 * @file The backbone of a checkpoint that another program wrote, ready to tell features: released weights of SwAV, DINO, PAWS, torchvision
 * and timm, in PyTorch's files or as safetensors. What such a file does not say is taken as the published evaluation has it.
 */
import type { TensorFile } from '@suave/torch';
import type { EvalSpec } from '../augment/index.js';
import { imagenetNormalization } from '../augment/normalization.js';
import { dinoEval, imagenetEval } from '../augment/pipelines.js';
import { CheckpointError } from '../errors.js';
import {
  type Backbone,
  type BackboneOptions,
  backboneFamily,
  backboneNames,
  createBackbone,
  type ImportPlan,
  leastBackboneShare,
  loadWeights,
  planImport,
  readTensors,
} from '../models/index.js';
import type { CheckpointInput } from '../runs/index.js';

/** A backbone with what is known about it. */
export interface ReleasedBackbone {
  /** The caller owns it. */
  readonly backbone: Backbone;
  readonly arch: string;
  readonly input: CheckpointInput;
  /** One sentence: what it is and how images are prepared for it. */
  readonly note: string;
}

/**
 * Rebuilds the backbone of a file.
 * @param which  of a file with both; null is the teacher
 * @throws CheckpointError when no known backbone is in it, or less than 90 % of one, or the size of its images is unknown
 */
export function readReleasedBackbone(file: TensorFile, which: 'teacher' | 'student' | null): ReleasedBackbone {
  const plan = planImport(file, { which, part: 'backbone' });
  const arch = plan.backbone;
  if (!backboneNames.includes(arch)) throw unknownForm(file.path, `got ${arch}`);
  const shapeOf = (key: string): readonly number[] => plan.weights.get(key)?.shape ?? [];
  const options = optionsOf(arch, shapeOf);
  if (options === null) throw unknownForm(file.path, `got ${arch} for small images, of unknown size and colors`);
  const backbone = createBackbone(arch, options);
  const weights = readTensors(file, plan.weights);
  try {
    const { backbone: share } = loadWeights(backbone, weights);
    if (share.share < leastBackboneShare)
      throw unknownForm(file.path, `got ${share.loaded} of ${share.total} entries that fit ${arch}`);
  } catch (error) {
    backbone.dispose();
    throw error;
  } finally {
    for (const tensor of weights.values()) tensor.dispose();
  }
  const input = inputOf(plan, arch, options.imageSize ?? 224);
  const { resize, crop, interpolation } = input;
  const note = `${file.path}: ${plan.layout}, backbone ${arch}; images are resized to ${resize} px (${interpolation}), ${crop} px of them are seen`;
  return { backbone, arch, input, note };
}

function unknownForm(path: string, got: string): CheckpointError {
  return new CheckpointError(
    `${path}: expected a checkpoint of Suave, or the weights of a ResNet or vision transformer for ImageNet, ${got}. Train with it first: suave finetune --from, with a --recipe.`,
    { code: 'CHECKPOINT_LAYOUT' },
  );
}

/** The variant of a named backbone that shapes show; null for images of unknown size. */
function optionsOf(arch: string, shapeOf: (key: string) => readonly number[]): BackboneOptions | null {
  switch (backboneFamily(arch)) {
    case 'vision-transformer': {
      const patchSize = shapeOf('patch_embed.proj.weight')[2];
      return { patchSize, imageSize: patchSize * Math.round(Math.sqrt(shapeOf('pos_embed')[1] - 1)) };
    }
    case 'resnet': {
      const [channels, , kernel] = shapeOf('conv1.weight');
      return kernel === 7 ? { stem: 'imagenet', width: channels / 64 } : null;
    }
    case 'wide-resnet':
      return null;
  }
}

/** How the published evaluation prepares images: SwAV's, DINO's of transformers (bicubic), torchvision's. */
function inputOf({ layout }: ImportPlan, arch: string, side: number): CheckpointInput {
  const isTransformer = arch.startsWith('vit');
  const isSwav = layout.startsWith('SwAV') || layout.startsWith('Suave');
  const spec: EvalSpec = isTransformer ? dinoEval : imagenetEval;
  const { mean, std } = isSwav ? imagenetEval : imagenetNormalization;
  const resize = Math.round((side * (spec.resize ?? spec.crop)) / spec.crop);
  return {
    resize,
    crop: side,
    interpolation: spec.interpolation,
    mean: [...mean],
    std: [...std],
    exifOrientation: 'apply',
    cacheSide: resize,
  };
}
