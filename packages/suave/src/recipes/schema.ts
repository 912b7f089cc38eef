/**
 * @file The whole configuration of a run, as zod schemas: what a recipe returns, what `config.yaml` holds, what `--set` may change.
 * Unknown keys are refused. The description of a field is declared with it; help, tables and documentation read it from here.
 * All batch sizes are global. Probabilities end in `Prob`, durations and sizes carry their unit.
 */
import { z } from 'zod';

/** Backbones that can be named in a recipe; ResNet-18/34/50 of He et al. 2016 and the 3-stage family for small images. */
export const architectures = ['resnet8', 'resnet14', 'resnet20', 'resnet18', 'resnet34', 'resnet50'] as const;

const positiveInt = z.int().min(1);
const fraction = z.number().min(0).max(1);
const positive = z.number().positive();
const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, { error: 'a range [low, high] with low <= high' });

/** How one kind of view is cut and colored; the order of operations is crop, flip, jitter, gray, blur, solarize. */
export const viewSchema = z.strictObject({
  name: z.string().min(1).describe('what the view is called in messages'),
  count: positiveInt.describe('views of this kind per image'),
  size: z.int().min(8).max(1024).describe('side of the square view, pixels'),
  scale: range
    .refine(([low, high]) => low > 0 && high <= 1, { error: 'a range within (0, 1]' })
    .describe('range of the share of the image area that is cropped'),
  ratio: range
    .refine(([low]) => low > 0, { error: 'a range of positive numbers' })
    .describe('range of width / height of the crop'),
  interpolation: z.enum(['bilinear', 'bicubic']).describe('how the crop is resized (always antialiased)'),
  flipProb: fraction.describe('probability of a horizontal flip'),
  jitter: z
    .strictObject({
      brightness: z.number().min(0).describe('brightness factor from [1 - b, 1 + b]'),
      contrast: z.number().min(0).describe('contrast factor from [1 - c, 1 + c]'),
      saturation: z.number().min(0).describe('saturation factor from [1 - s, 1 + s]'),
      hue: z.number().min(0).max(0.5).describe('hue shift from [-h, h], in turns'),
      prob: fraction.describe('probability of the whole jitter'),
    })
    .nullable()
    .describe('color jitter, or null'),
  grayProb: fraction.describe('probability of turning gray'),
  blur: z
    .strictObject({
      prob: fraction.describe('probability of a blur'),
      sigma: range.describe('range of the standard deviation, pixels'),
    })
    .nullable()
    .describe('Gaussian blur, or null'),
  solarize: z
    .strictObject({
      prob: fraction.describe('probability of solarizing'),
      threshold: z.int().min(0).max(256).describe('values from here on are inverted'),
    })
    .nullable()
    .describe('solarize, or null'),
});

const scheduleFields = {
  lr: positive.describe('learning rate after the warm-up'),
  startLr: z.number().min(0).describe('learning rate of the first step'),
  finalLr: z.number().min(0).describe('learning rate at the end of the cosine'),
  warmupEpochs: z.number().min(0).describe('epochs of linear warm-up from startLr to lr'),
  weightDecay: z.number().min(0).describe('L2 penalty (decoupled in AdamW)'),
};

/** Optimizer and its learning-rate schedule: linear warm-up, then cosine (method specification 7). */
export const optimizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('lars').describe('SGD with layer-wise trust ratio (LARS)'),
    ...scheduleFields,
    momentum: z.number().min(0).lt(1).describe('momentum'),
    trust: positive.describe('trust coefficient: step length relative to the weight norm'),
    epsilon: z.number().min(0).describe('added to the denominator of the trust ratio'),
    nesterov: z.boolean().describe('Nesterov momentum'),
    clip: z.boolean().describe('never exceed the plain learning rate (LARC clipping)'),
    excludeOneDimensional: z.boolean().describe('leave biases and batch-norm weights without scaling and decay'),
  }),
  z.strictObject({
    kind: z.literal('sgd').describe('stochastic gradient descent'),
    ...scheduleFields,
    momentum: z.number().min(0).lt(1).describe('momentum'),
    nesterov: z.boolean().describe('Nesterov momentum'),
  }),
  z.strictObject({
    kind: z.literal('adamw').describe('AdamW'),
    ...scheduleFields,
    beta1: z.number().min(0).lt(1).describe('decay of the gradient average'),
    beta2: z.number().min(0).lt(1).describe('decay of the squared-gradient average'),
    epsilon: positive.describe('added to the denominator'),
  }),
]);

const stageName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, { error: 'a name of small letters, digits and dashes' })
  .describe('name of the stage, used in --set stages.NAME.…, metrics and checkpoints');

const initFrom = z
  .enum(['nothing', 'backbone', 'backbone+head', 'all-but-prototypes'])
  .describe(
    'what is taken from the stage before (or --init): the backbone, the projection head too, or everything but the prototypes',
  );

const mixingFields = {
  cutmixProb: fraction.describe('CutMix instead of MixUp with this probability'),
  beta: positive.describe('lambda is drawn from Beta(beta, beta); 1 is uniform'),
};

const clusteringFields = {
  temperature: positive.describe('softmax temperature T of the predictions'),
  epsilon: positive.describe('Sinkhorn temperature; smaller is sharper'),
  sinkhornIterations: positiveInt.describe('Sinkhorn-Knopp iterations'),
  queue: z
    .strictObject({
      size: z
        .int()
        .min(0)
        .describe('past embeddings that join Sinkhorn-Knopp; cut to a multiple of the batch; 0 is no queue'),
      startEpoch: z.int().min(0).describe('first epoch with a queue'),
    })
    .describe('queue of past embeddings'),
  freezePrototypesEpochs: z.number().min(0).describe('epochs in which the prototypes do not learn'),
};

/** SwAV: swapped prediction of cluster assignments, no labels. */
export const swavStageSchema = z.strictObject({
  name: stageName,
  method: z.literal('swav').describe('learning method'),
  epochs: positiveInt.describe('passes over all training images'),
  init: initFrom,
  batch: z.strictObject({ unlabeled: positiveInt.describe('images per step, over all devices') }),
  views: z.strictObject({
    unlabeled: z.array(viewSchema).min(1).describe('views of every image; the first two are the assignment crops'),
  }),
  prototypes: z
    .array(positiveInt)
    .min(1)
    .describe('number of prototypes; several numbers give several prototype layers'),
  ...clusteringFields,
  optimizer: optimizerSchema,
});

/** Suave: SwAV whose prototypes are the classes, with a supervised loss on the labeled images. */
export const suaveStageSchema = z.strictObject({
  name: stageName,
  method: z.literal('suave').describe('learning method'),
  epochs: positiveInt.describe('passes over all training images, labeled ones included'),
  init: initFrom,
  batch: z.strictObject({
    unlabeled: positiveInt.describe('images per step whose label is not used, over all devices'),
    labeled: positiveInt.describe('labeled images per step before mixing, over all devices'),
  }),
  views: z.strictObject({
    unlabeled: z.array(viewSchema).min(1).describe('views of every image; the first two are the assignment crops'),
    labeled: viewSchema.describe('view of the labeled images'),
  }),
  mixing: z.strictObject({
    labeled: z.enum(['none', 'extend']).describe('extend: the labeled batch is followed by its mixed copy'),
    unlabeled: z.enum(['none', 'globals', 'all']).describe('which pairs of views get a mixed view'),
    ...mixingFields,
    positions: z
      .enum(['true', 'official'])
      .describe('where mixed views are taken from; official: the swapped positions of the published code'),
  }),
  ...clusteringFields,
  labelSmoothing: fraction.describe('label smoothing of the supervised loss'),
  mixedWeight: z
    .enum(['views', 'samples'])
    .describe('weight of the mixed loss counts views (published numbers) or samples'),
  warmupProjectionEpochs: z.number().min(0).describe('epochs in which only projection head and prototypes learn'),
  momentumEncoder: z
    .strictObject({ momentum: fraction.describe('momentum at the first step, rising to 1 by a cosine') })
    .nullable()
    .describe('an averaged copy of the model that makes the assignments, or null'),
  onlineHeads: z.boolean().describe('linear classifiers on detached features, to watch; no influence on the model'),
  optimizer: optimizerSchema,
});

/** Supervised-only training on the labeled images: the baseline. */
export const supervisedStageSchema = z.strictObject({
  name: stageName,
  method: z.literal('supervised').describe('learning method'),
  epochs: positiveInt.describe('epochs'),
  stepsPerEpoch: positiveInt.nullable().describe('steps of an epoch; null is one pass over the labeled images'),
  init: initFrom,
  batch: z.strictObject({ labeled: positiveInt.describe('labeled images per step before mixing, over all devices') }),
  views: z.strictObject({ labeled: viewSchema.describe('view of the labeled images') }),
  mixing: z.strictObject({
    labeled: z.enum(['none', 'extend']).describe('extend: the labeled batch is followed by its mixed copy'),
    ...mixingFields,
  }),
  temperature: positive.describe('softmax temperature T of the predictions'),
  labelSmoothing: fraction.describe('label smoothing'),
  optimizer: optimizerSchema,
});

export const stageSchema = z.discriminatedUnion('method', [swavStageSchema, suaveStageSchema, supervisedStageSchema]);

const channelTriple = z.tuple([z.number(), z.number(), z.number()]);

/** The complete configuration of a run. */
export const configSchema = z.strictObject({
  recipe: z.string().min(1).describe('recipe that this configuration derives from'),
  preset: z.enum(['paper', 'official-code']).describe('paper, or the published code with its quirks'),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).describe('seed of every random number'),
  device: z.enum(['cpu', 'cuda']).describe('where to train'),
  precision: z.enum(['fp32', 'bf16', 'fp16']).describe('number format of convolutions and matrix products'),
  threads: z.int().min(1).max(1024).describe('threads of libtorch; part of the run, because the bits depend on it'),
  init: z.string().nullable().describe('checkpoint whose weights the first stage starts from, or null'),
  data: z.strictObject({
    path: z.string().describe('the folder of images'),
    labels: z.string().nullable().describe('label file, or null where folders are the labels'),
    labelsPerClass: positiveInt.nullable().describe('use only so many labels of each class, or null'),
    labelFraction: z
      .number()
      .gt(0)
      .max(1)
      .nullable()
      .describe('use only this fraction of the labels of each class, or null'),
    holdout: z.number().gt(0).lt(1).describe('fraction set aside for validation where there is no val folder'),
    cacheSide: z
      .union([z.int().min(8), z.literal('none')])
      .describe('shorter side of cached images, pixels; none decodes at full size'),
    exifOrientation: z.enum(['apply', 'ignore']).describe('whether the orientation tag of photos is obeyed'),
    cache: z.string().nullable().describe('folder of the decoded images; null is the user cache folder'),
    workers: z.int().min(0).max(256).describe('threads that decode images'),
  }),
  normalization: z.strictObject({
    mean: channelTriple.describe('channel means, of values 0 to 1'),
    std: channelTriple
      .refine((values) => values.every((value) => value > 0), { error: 'three positive numbers' })
      .describe('channel standard deviations'),
  }),
  model: z.strictObject({
    arch: z.enum(architectures).describe('backbone'),
    width: positive.describe('multiplies every channel count of the backbone'),
    stem: z.enum(['imagenet', 'cifar']).describe('7x7 stride 2 with max-pooling, or 3x3 stride 1 for small images'),
    hidden: z.array(positiveInt).describe('widths of the hidden layers of the projection head'),
    outputDim: positiveInt.describe('length of the embeddings'),
  }),
  evaluation: z.strictObject({
    resize: z.int().min(8).describe('shorter side after resizing, pixels'),
    crop: z.int().min(8).describe('side of the center crop, pixels'),
    interpolation: z.enum(['bilinear', 'bicubic']).describe('how images are resized'),
    batch: positiveInt.describe('images per forward pass'),
  }),
  logging: z.strictObject({
    every: positiveInt.describe('steps between two lines of metrics.jsonl'),
    checkpointMinutes: positive.describe('minutes between two checkpoints within an epoch'),
  }),
  stages: z
    .array(stageSchema)
    .min(1)
    .describe('trained one after the other; each starts from the weights of the one before'),
  baseline: supervisedStageSchema.describe('supervised-only training that --baseline compares with'),
});

export type ViewConfig = z.infer<typeof viewSchema>;
export type OptimizerConfig = z.infer<typeof optimizerSchema>;
export type SwavStage = z.infer<typeof swavStageSchema>;
export type SuaveStage = z.infer<typeof suaveStageSchema>;
export type SupervisedStage = z.infer<typeof supervisedStageSchema>;
export type Stage = z.infer<typeof stageSchema>;
/** A complete, validated configuration. */
export type Config = z.infer<typeof configSchema>;
