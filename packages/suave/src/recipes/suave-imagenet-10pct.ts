/** @file `suave-imagenet-10pct`: the paper's Table 1 with 10 % of the labels; numbers in suave-imagenet.ts. */
import { suaveImagenet } from './suave-imagenet.js';

export const suaveImagenet10pct = suaveImagenet('10pct');
