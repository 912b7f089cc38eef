/** @file `suave-imagenet-finetune-1pct`: fine-tuning with 1 % of the labels; numbers in suave-imagenet.ts. */
import { suaveImagenetFinetune } from './suave-imagenet.js';

export const suaveImagenetFinetune1pct = suaveImagenetFinetune('1pct');
