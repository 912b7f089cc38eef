/** @file Settings of a DINO stage. */
import { z } from 'zod';
import { distillationFields, initFrom, optimizerSchema, positiveInt, stageName, unlabeledFields } from './fields.js';

/** DINO: a student learns the scores of an averaged teacher, no labels. */
export const dinoStageSchema = z.strictObject({
  name: stageName,
  method: z.literal('dino').describe('learning method'),
  epochs: unlabeledFields.epochs,
  init: initFrom,
  batch: z.strictObject(unlabeledFields.batch),
  views: z.strictObject(unlabeledFields.views),
  outDim: positiveInt.describe('number of outputs'),
  ...distillationFields,
  optimizer: optimizerSchema,
});

export type DinoStage = z.infer<typeof dinoStageSchema>;
