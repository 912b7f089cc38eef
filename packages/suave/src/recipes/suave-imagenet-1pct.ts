/** @file `suave-imagenet-1pct`: the paper's Table 1 with 1 % of the labels; numbers in suave-imagenet.ts. */
import { suaveImagenet } from './suave-imagenet.js';

export const suaveImagenet1pct = suaveImagenet('1pct');
