/** @file The stages that a recipe may have, one schema per learning method. */
import { z } from 'zod';
import { dainoStageSchema } from './daino.js';
import { dinoStageSchema } from './dino.js';
import { pawsStageSchema } from './paws.js';
import { suaveStageSchema } from './suave.js';
import { supervisedStageSchema } from './supervised.js';
import { swavStageSchema } from './swav.js';

export const stageSchema = z.discriminatedUnion('method', [
  swavStageSchema,
  suaveStageSchema,
  dinoStageSchema,
  dainoStageSchema,
  pawsStageSchema,
  supervisedStageSchema,
]);

export type Stage = z.infer<typeof stageSchema>;
/** Stages that learn from images without labels. */
export type UnlabeledStage = Exclude<Stage, { method: 'supervised' }>;
/** Stages whose labeled images are one mixed batch. */
export type LabeledStage = Extract<Stage, { method: 'suave' | 'daino' | 'supervised' }>;
export type { DainoStage } from './daino.js';
export type { DinoStage } from './dino.js';
export type { PawsStage } from './paws.js';
export type { SuaveStage } from './suave.js';
export { type SupervisedStage, supervisedStageSchema } from './supervised.js';
export type { SwavStage } from './swav.js';
