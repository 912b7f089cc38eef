/** @file Settings of supervised training: the baseline, fine-tuning, linear probes. */
import { z } from 'zod';
import {
  initFrom,
  labeledFields,
  labeledMixing,
  mixingFields,
  optimizerSchema,
  positive,
  positiveInt,
  stageName,
} from './fields.js';

/** Supervised training on the labeled images: of everything, or of a linear classifier on a frozen backbone. */
export const supervisedStageSchema = z.strictObject({
  name: stageName,
  method: z.literal('supervised').describe('learning method'),
  epochs: positiveInt.describe('epochs'),
  stepsPerEpoch: positiveInt.nullable().describe('steps of an epoch; null is one pass over the labeled images'),
  init: initFrom,
  batch: z.strictObject(labeledFields.batch),
  views: z.strictObject(labeledFields.views),
  mixing: z.strictObject({ labeled: labeledMixing, ...mixingFields }),
  temperature: positive.describe('softmax temperature T of the predictions'),
  labelSmoothing: labeledFields.labelSmoothing,
  frozenBackbone: z.boolean().describe('the backbone stays as it is, in evaluation mode: a linear probe'),
  features: z
    .strictObject({
      lastBlocks: positiveInt.describe('transformer blocks whose class tokens are concatenated'),
      averagePatches: z.boolean().describe('also the mean of the patch tokens'),
    })
    .nullable()
    .describe('what a linear probe of a transformer reads; null is its usual feature'),
  classifierInit: z
    .enum(['uniform', 'normal-0.01', 'zeros'])
    .describe("first weights of the classifier: PyTorch's, from N(0, 0.01^2) with zero bias, or zeros"),
  optimizer: optimizerSchema,
});

export type SupervisedStage = z.infer<typeof supervisedStageSchema>;
