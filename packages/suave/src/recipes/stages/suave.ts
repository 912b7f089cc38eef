/** @file Settings of a Suave stage; fine-tuning is one too. */
import { z } from 'zod';
import {
  clusteringFields,
  initFrom,
  labeledFields,
  labeledMixing,
  mixingFields,
  momentumSchema,
  optimizerSchema,
  stageName,
  unlabeledFields,
} from './fields.js';

/** Suave: SwAV whose prototypes are the classes, with a supervised loss on the labeled images. */
export const suaveStageSchema = z.strictObject({
  name: stageName,
  method: z.literal('suave').describe('learning method'),
  epochs: unlabeledFields.epochs,
  init: initFrom,
  batch: z.strictObject({ ...unlabeledFields.batch, ...labeledFields.batch }),
  views: z.strictObject({ ...unlabeledFields.views, ...labeledFields.views }),
  mixing: z.strictObject({
    labeled: labeledMixing,
    unlabeled: z.enum(['none', 'globals', 'all']).describe('which pairs of views get a mixed view'),
    ...mixingFields,
    positions: z
      .enum(['true', 'official'])
      .describe('where mixed views are taken from; official: the swapped positions of the published code'),
  }),
  ...clusteringFields,
  prior: z
    .enum(['uniform', 'labels'])
    .describe(
      'share of the images that each class gets in the assignments: all the same, or (count + 1) / (labels + classes) of the labels',
    ),
  extraPrototypes: z
    .int()
    .min(0)
    .describe('prototypes beyond the classes, for unlabeled images of classes that no label names'),
  labelSmoothing: labeledFields.labelSmoothing,
  mixedWeight: z
    .enum(['views', 'samples'])
    .describe('weight of the mixed loss counts views (published numbers) or samples'),
  warmupProjectionEpochs: z.number().min(0).describe('epochs in which only projection head and prototypes learn'),
  momentumEncoder: momentumSchema
    .nullable()
    .describe('an averaged copy of the model that makes the assignments, or null'),
  onlineHeads: z.boolean().describe('linear classifiers on detached features, to watch; no influence on the model'),
  ensembleHead: z.boolean().describe('one more of them on all features together'),
  optimizer: optimizerSchema,
});

export type SuaveStage = z.infer<typeof suaveStageSchema>;
