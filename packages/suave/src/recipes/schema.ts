/**
 * @file The whole configuration of a run, as zod schemas: what a recipe returns, what `config.yaml` holds, what `--set` may change.
 * Unknown keys are refused. The description of a field is declared with it; help, tables and documentation read it from here.
 * All batch sizes are global. Probabilities end in `Prob`, durations and sizes carry their unit.
 */
import { z } from 'zod';
import { normalizationSchema, type optimizerSchema, positive, positiveInt, type viewSchema } from './stages/fields.js';
import { stageSchema, supervisedStageSchema } from './stages/index.js';

/** Backbones that can be named in a recipe; ResNet-18/34/50 of He et al. 2016 and the 3-stage family for small images. */
export const architectures = [
  'resnet8',
  'resnet14',
  'resnet20',
  'resnet18',
  'resnet34',
  'resnet50',
  'vit_tiny',
  'vit_small',
  'vit_base',
  'wrn-28-2',
  'wrn-28-8',
] as const;

/** What training may write beside `metrics.jsonl`. */
export const logOutputs = ['tensorboard', 'csv'] as const;

const gpuSchema = z.strictObject({
  graph: z
    .enum(['auto', 'off', 'emulate'])
    .describe('whether steps are captured as CUDA graphs; emulate does the same work without, on any device'),
  deterministic: z
    .boolean()
    .describe('only algorithms that give the same bits each time; else the fastest that a trial finds'),
  tf32: z.boolean().describe('TensorFloat-32 in float32 products and convolutions: faster, with 10 bits of mantissa'),
  channelsLast: z
    .enum(['auto', 'on', 'off'])
    .describe('channels as the innermost dimension of convolutions; auto: in half precision'),
  residentMiB: z
    .union([z.int().min(0), z.literal('auto')])
    .describe('images stay on the GPU where they fit into so many MiB; auto is a third of its free memory'),
});

/** How a GPU is used unless said. */
export const defaultGpu = {
  graph: 'auto',
  deterministic: true,
  tf32: false,
  channelsLast: 'auto',
  residentMiB: 'auto',
} as const satisfies z.infer<typeof gpuSchema>;

/** The complete configuration of a run. */
export const configSchema = z.strictObject({
  recipe: z.string().min(1).describe('recipe that this configuration derives from'),
  devices: positiveInt.describe('devices that the batch sizes are meant for; --scale divides by it'),
  preset: z.enum(['paper', 'official-code']).describe('paper, or the published code with its quirks'),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).describe('seed of every random number'),
  device: z.enum(['cpu', 'cuda']).describe('where to train'),
  precision: z.enum(['fp32', 'bf16', 'fp16']).describe('number format of convolutions and matrix products'),
  threads: z.int().min(1).max(1024).describe('threads of libtorch; part of the run, because the bits depend on it'),
  init: z.string().nullable().describe('checkpoint whose weights the first stage starts from, or null'),
  allowPartialInit: z.boolean().describe('whether less than 90 % of the backbone may come from that checkpoint'),
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
      .describe('shorter side of cached images, pixels; none decodes every image anew, at full size'),
    exifOrientation: z.enum(['apply', 'ignore']).describe('whether the orientation tag of photos is obeyed'),
    cache: z.string().nullable().describe('folder of the decoded images; null is the user cache folder'),
    workers: z.int().min(0).max(256).describe('threads that decode images'),
  }),
  gpu: gpuSchema.default(() => ({ ...defaultGpu })).describe('how a GPU is used; nothing on the CPU'),
  normalization: normalizationSchema,
  model: z.strictObject({
    arch: z.enum(architectures).describe('backbone'),
    width: positive.describe('multiplies every channel count of the backbone'),
    stem: z.enum(['imagenet', 'cifar']).describe('7x7 stride 2 with max-pooling, or 3x3 stride 1 for small images'),
    patchSize: positiveInt.nullable().describe('side of a patch of a vision transformer, pixels; else null'),
    imageSize: positiveInt
      .nullable()
      .describe('side of the images its position encoding is made for, pixels; else null'),
    dropPath: z
      .number()
      .min(0)
      .lt(1)
      .describe('stochastic depth of a vision transformer in training, of its last block'),
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
    collapse: z
      .enum(['warn', 'stop', 'off'])
      .describe('what happens where the assignments say nothing any more: a warning, the end of the run, or nothing'),
    outputs: z
      .array(z.enum(logOutputs))
      .default((): (typeof logOutputs)[number][] => ['tensorboard'])
      .describe('what is written beside metrics.jsonl: event files for TensorBoard, metrics.csv'),
  }),
  stages: z
    .array(stageSchema)
    .min(1)
    .describe('trained one after the other; each starts from the weights of the one before'),
  baseline: supervisedStageSchema.describe('supervised-only training that --baseline compares with'),
});

export type ViewConfig = z.infer<typeof viewSchema>;
export type OptimizerConfig = z.infer<typeof optimizerSchema>;
export type * from './stages/index.js';
/** A complete, validated configuration. */
export type Config = z.infer<typeof configSchema>;
