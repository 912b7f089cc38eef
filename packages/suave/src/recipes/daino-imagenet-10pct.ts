/** @file `daino-imagenet-10pct`: Daino with 10 % of the labels; numbers in daino-imagenet.ts. */
import { dainoImagenet } from './daino-imagenet.js';

export const dainoImagenet10pct = dainoImagenet('10pct');
