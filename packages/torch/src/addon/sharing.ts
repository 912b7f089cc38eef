/** @file Functions of the addon: memory that JavaScript, tensors and threads share without a copy. */

export type SharingFunctions = Record<never, never>;
