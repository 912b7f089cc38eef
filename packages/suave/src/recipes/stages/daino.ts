/** @file Settings of a Daino stage. */
import { z } from 'zod';
import {
  distillationFields,
  initFrom,
  labeledFields,
  labeledMixing,
  mixingFields,
  optimizerSchema,
  stageName,
  unlabeledFields,
} from './fields.js';

/** Daino: DINO whose outputs are the classes, with a supervised loss on the labeled images. */
export const dainoStageSchema = z.strictObject({
  name: stageName,
  method: z.literal('daino').describe('learning method'),
  epochs: unlabeledFields.epochs,
  init: initFrom,
  batch: z.strictObject({ ...unlabeledFields.batch, ...labeledFields.batch }),
  views: z.strictObject({ ...unlabeledFields.views, ...labeledFields.views }),
  mixing: z.strictObject({ labeled: labeledMixing, ...mixingFields }),
  labelSmoothing: labeledFields.labelSmoothing,
  ...distillationFields,
  studentEvalQuirk: z
    .boolean()
    .describe('both networks run in evaluation mode, without stochastic depth, as in the published code'),
  optimizer: optimizerSchema,
});

export type DainoStage = z.infer<typeof dainoStageSchema>;
