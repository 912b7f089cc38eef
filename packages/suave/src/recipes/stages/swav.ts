/** @file Settings of a SwAV stage. */
import { z } from 'zod';
import { clusteringFields, initFrom, optimizerSchema, positiveInt, stageName, unlabeledFields } from './fields.js';

/** SwAV: swapped prediction of cluster assignments, no labels. */
export const swavStageSchema = z.strictObject({
  name: stageName,
  method: z.literal('swav').describe('learning method'),
  epochs: unlabeledFields.epochs,
  init: initFrom,
  batch: z.strictObject(unlabeledFields.batch),
  views: z.strictObject(unlabeledFields.views),
  prototypes: z
    .array(positiveInt)
    .min(1)
    .describe('number of prototypes; several numbers give several prototype layers'),
  ...clusteringFields,
  optimizer: optimizerSchema,
});

export type SwavStage = z.infer<typeof swavStageSchema>;
