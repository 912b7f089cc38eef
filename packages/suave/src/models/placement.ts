/** @file Where and in which number format the parameters of a network are made. */

/** Floating types that a model can compute in. */
export type FloatType = 'float32' | 'float64' | 'float16' | 'bfloat16';

/** Where and in which type the parameters of a module are made. */
export interface Placement {
  readonly dtype?: FloatType;
  readonly device?: string;
}
