/** @file Settings of a PAWS stage. */
import { z } from 'zod';
import {
  fraction,
  initFrom,
  labeledFields,
  optimizerSchema,
  positive,
  positiveInt,
  stageName,
  unlabeledFields,
  viewSchema,
} from './fields.js';

/** PAWS: predictions by similarity to a class-stratified support of labeled images. */
export const pawsStageSchema = z.strictObject({
  name: stageName,
  method: z.literal('paws').describe('learning method'),
  epochs: unlabeledFields.epochs,
  init: initFrom,
  batch: z.strictObject({
    ...unlabeledFields.batch,
    classes: positiveInt.describe('classes in the support of a step, over all devices'),
    imagesPerClass: positiveInt.describe('labeled images of each of them'),
    supportViews: positiveInt.describe('views of every labeled image'),
  }),
  views: z.strictObject({
    ...unlabeledFields.views,
    support: viewSchema.describe('view of the labeled images'),
  }),
  head: z
    .strictObject({
      hiddenDim: positiveInt.describe('width of the two hidden layers'),
      outputDim: positiveInt.describe('length of the embeddings'),
      prediction: z.boolean().describe('a prediction head that the targets do not pass'),
    })
    .describe('projection head'),
  temperature: positive.describe('softmax temperature of similarities'),
  sharpening: positive.describe('temperature that sharpens the targets'),
  targetThreshold: fraction.describe('smaller target entries become 0'),
  labelSmoothing: labeledFields.labelSmoothing,
  meMax: z.boolean().describe('mean-entropy maximisation'),
  optimizer: optimizerSchema,
});

export type PawsStage = z.infer<typeof pawsStageSchema>;
