/** @file The methods by the names that people know. */
import type { Stage } from './schema.js';

/** Name of a method in a sentence. */
export const methodNames: Readonly<Record<Stage['method'], string>> = {
  swav: 'SwAV',
  suave: 'Suave',
  dino: 'DINO',
  daino: 'Daino',
  paws: 'PAWS',
  supervised: 'supervised',
};
