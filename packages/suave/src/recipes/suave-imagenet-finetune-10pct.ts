/** @file `suave-imagenet-finetune-10pct`: fine-tuning with 10 % of the labels; numbers in suave-imagenet.ts. */
import { suaveImagenetFinetune } from './suave-imagenet.js';

export const suaveImagenetFinetune10pct = suaveImagenetFinetune('10pct');
