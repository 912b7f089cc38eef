/** @file What keeps one picture from being classified, in a sentence for the visitor. */

/** A picture that cannot be used; its message completes "NAME: …". */
export class ImageError extends Error {
  override name = 'ImageError';
}
