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
  backboneFamily,
  backboneNames,
  createBackbone,
  type ImportPlan,
  leastBackboneShare,
  loadWeights,
  planImport,
  readTensors,
} from '../models/index.js';
import type { CheckpointBackbone, CheckpointInput } from '../runs/index.js';

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
  const described = architectureOf(plan);
  if (described === null) throw unknownForm(file.path, `got ${plan.backbone}`);
  const { arch, width, stem, patchSize, imageSize } = described;
  const isTransformer = patchSize !== null && imageSize !== null;
  if (!isTransformer && stem === 'cifar')
    throw unknownForm(file.path, `got ${arch} for small images, of unknown size and colors`);
  const backbone = createBackbone(arch, isTransformer ? { patchSize, imageSize } : { stem, width });
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
  const input = inputOf(plan, arch, imageSize ?? 224);
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

/** The architecture that names and shapes of a file's backbone show; null for one without a name. */
export function architectureOf({ backbone: arch, weights }: ImportPlan): CheckpointBackbone | null {
  if (!backboneNames.includes(arch)) return null;
  const shapeOf = (key: string): readonly number[] => weights.get(key)?.shape ?? [];
  const plain = { arch, width: 1, patchSize: null, imageSize: null } as const;
  switch (backboneFamily(arch)) {
    case 'vision-transformer': {
      const patchSize = shapeOf('patch_embed.proj.weight')[2];
      const grid = Math.round(Math.sqrt(shapeOf('pos_embed')[1] - 1));
      return { ...plain, stem: 'imagenet', patchSize, imageSize: patchSize * grid };
    }
    case 'resnet': {
      const [channels, , kernel] = shapeOf('conv1.weight');
      const planes = ['resnet8', 'resnet14', 'resnet20'].includes(arch) ? 16 : 64;
      return { ...plain, stem: kernel === 3 ? 'cifar' : 'imagenet', width: channels / planes };
    }
    case 'wide-resnet':
      return { ...plain, stem: 'cifar' };
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
