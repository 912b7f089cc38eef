/**
 * @file Fields that several stages share: views, optimizer, mixing, clustering. The description of a field is declared with it; help,
 * tables and documentation read it from here. All batch sizes are global. Probabilities end in `Prob`.
 */
import { z } from 'zod';

export const positiveInt = z.int().min(1);
export const channelTriple = z.tuple([z.number(), z.number(), z.number()]);

/** Channel means and deviations of values 0 to 1. */
export const normalizationSchema = z.strictObject({
  mean: channelTriple.describe('channel means, of values 0 to 1'),
  std: channelTriple
    .refine((values) => values.every((value) => value > 0), { error: 'three positive numbers' })
    .describe('channel standard deviations'),
});

export const fraction = z.number().min(0).max(1);
export const positive = z.number().positive();
/** A range [low, high]. */
export const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, { error: 'a range [low, high] with low <= high' });

/** How one kind of view is cut and colored; the order of operations is crop, flip, (3-Augment,) jitter, gray, blur, solarize, equalize. */
export const viewSchema = z
  .strictObject({
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
        threshold: z
          .union([z.int().min(0).max(256), z.literal('random')])
          .describe('values from here on are inverted; random: another threshold for each view'),
      })
      .nullable()
      .describe('solarize, or null'),
    equalizeProb: fraction
      .optional()
      .describe('probability of equalizing the histogram of each channel; 0 unless given'),
    threeAugment: z
      .strictObject({
        sigma: range.describe('range of the standard deviation of the blur, pixels'),
        threshold: z.int().min(0).max(256).describe('values from here on are inverted where solarizing is chosen'),
      })
      .nullable()
      .describe('3-Augment: one of gray, solarize and blur, each as likely, before the jitter; or null'),
    cropMode: z
      .enum(['resized', 'simple'])
      .describe(
        'resized: a random part, resized; simple: the resized image with reflected borders, a random square of it',
      ),
    normalization: normalizationSchema.nullable().describe("its own means and deviations, or null for the run's"),
  })
  .refine(({ threeAugment, equalizeProb = 0 }) => threeAugment === null || equalizeProb === 0, {
    path: ['equalizeProb'],
    error: 'no equalizing beside 3-Augment',
  });

const scheduleFields = {
  lr: positive.describe('learning rate after the warm-up'),
  headLr: positive.nullable().describe('learning rate of the classifier where it has its own, or null'),
  startLr: z.number().min(0).describe('learning rate of the first step'),
  finalLr: z.number().min(0).describe('learning rate at the end of the cosine'),
  warmupEpochs: z.number().min(0).describe('epochs of linear warm-up from startLr to lr'),
  schedule: z
    .enum(['cosine', 'cosine-per-epoch', 'paws', 'steps'])
    .describe(
      'cosine: warm-up, then half a cosine; cosine-per-epoch: the same value for a whole epoch; paws: the warm-up ends a step later; steps: see decay',
    ),
  decay: z
    .strictObject({
      epochs: z.array(positiveInt).min(1).describe('epochs at whose beginning the rate falls'),
      factor: positive.describe('what it is multiplied by'),
    })
    .nullable()
    .describe('where the schedule is steps; else null'),
  weightDecay: z.number().min(0).describe('L2 penalty (decoupled in AdamW)'),
  finalWeightDecay: z
    .number()
    .min(0)
    .nullable()
    .describe('weight decay at the end, reached along a cosine; null keeps it constant'),
  scaling: z
    .enum(['linear', 'none'])
    .describe('how the rates follow the batch where --scale changes it: with it, or not at all'),
};

/** Optimizer and its schedules (method specification 7). */
export const optimizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('lars').describe('SGD with layer-wise trust ratio (LARS)'),
    ...scheduleFields,
    form: z.enum(['suave', 'daino', 'paws']).describe('which published form of the trust ratio'),
    momentum: z.number().min(0).lt(1).describe('momentum'),
    trust: positive.describe('trust coefficient: step length relative to the weight norm'),
    epsilon: z.number().min(0).describe('added to the denominator of the trust ratio (0 in the form daino)'),
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

export const stageName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, { error: 'a name of small letters, digits and dashes' })
  .describe('name of the stage, used in --set stages.NAME.…, metrics and checkpoints');

export const initFrom = z
  .enum(['nothing', 'backbone', 'backbone+head', 'all-but-prototypes'])
  .describe(
    'what is taken from the stage before (or --init): the backbone, the projection head too, or everything but the prototypes',
  );

export const mixingFields = {
  cutmixProb: fraction.describe('CutMix instead of MixUp with this probability'),
  beta: positive.describe('lambda is drawn from Beta(beta, beta); 1 is uniform'),
  prob: fraction.describe('probability that a labeled batch is mixed at all; else its mixed copy is the plain one'),
};

/** How labeled images are mixed. */
export const labeledMixing = z
  .enum(['none', 'extend', 'replace'])
  .describe('extend: the labeled batch is followed by its mixed copy; replace: only the mixed copy');

const unlabeledViews = z.array(viewSchema).min(1).describe('views of every image; the first two are the global crops');

/** Parts of every stage that learns from images without labels. */
export const unlabeledFields = {
  epochs: positiveInt.describe('passes over all training images, labeled ones included'),
  batch: { unlabeled: positiveInt.describe('images per step whose label is not used, over all devices') },
  views: { unlabeled: unlabeledViews },
};

/** Parts of every stage that learns from labels. */
export const labeledFields = {
  batch: {
    labeled: positiveInt.describe('labeled images per step before mixing, over all devices'),
    labeledRepeats: positiveInt.describe('views of every labeled image in a batch (2 with 3-Augment)'),
  },
  views: { labeled: viewSchema.describe('view of the labeled images') },
  labelSmoothing: fraction.describe('label smoothing of the supervised loss'),
};

/** How a momentum moves. */
export const momentumSchema = z.strictObject({
  momentum: fraction.describe('momentum at the first step'),
  schedule: z.enum(['cosine', 'constant']).default('cosine').describe('cosine: it rises to 1; constant: it stays'),
});

/** The head of DINO and Daino. */
export const dinoHeadSchema = z.strictObject({
  hiddenDim: positiveInt.describe('width of the hidden layers'),
  bottleneckDim: positiveInt.describe('length of the normalised feature before the last layer'),
  layers: positiveInt.describe('linear layers before the last one'),
  batchNorm: z.boolean().describe('batch norm after every hidden layer'),
  normLastLayer: z.boolean().describe('the gain of the last layer stays 1'),
});

/** What DINO and Daino share beside head and views. */
export const distillationFields = {
  head: dinoHeadSchema.describe('projection head'),
  studentTemperature: positive.describe("softmax temperature of the student's predictions and of the supervised loss"),
  teacherTemperature: z
    .strictObject({
      warmup: positive.describe('temperature of the first epoch'),
      final: positive.describe('temperature after the warm-up'),
      warmupEpochs: z.int().min(0).describe('epochs from the one to the other'),
    })
    .describe("softmax temperature of the teacher's targets"),
  teacher: momentumSchema.describe('the teacher is an average of the student'),
  centerMomentum: fraction.describe("momentum of the average of the teacher's scores"),
  clipGradNorm: positive.nullable().describe("largest norm of each parameter's gradient, or null"),
  freezeLastLayerEpochs: z.number().min(0).describe('epochs in which the last layer does not learn'),
};

export const clusteringFields = {
  temperature: positive.describe('softmax temperature T of the predictions'),
  epsilon: z
    .union([positive, z.literal('auto')])
    .describe(
      'Sinkhorn temperature; smaller is sharper; auto follows the scores, so that assignments keep their entropy',
    ),
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
