/** @file `daino-imagenet-1pct`: Daino with 1 % of the labels; numbers in daino-imagenet.ts. */
import { dainoImagenet } from './daino-imagenet.js';

export const dainoImagenet1pct = dainoImagenet('1pct');
