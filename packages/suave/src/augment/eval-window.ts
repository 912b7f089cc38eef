/** @file Where evaluation cuts an image. */
import { resizedSize } from './draw.js';
import { centerStart } from './rounding.js';
import type { ViewDescription } from './view-parameters.js';
import type { EvalSpec } from './view-spec.js';

/** The size that an image is resized to for evaluation, and where the central crop begins; negative where it is padded. */
export function evalWindow(
  height: number,
  width: number,
  { resize, crop }: Pick<EvalSpec, 'resize' | 'crop'>,
): Required<Pick<ViewDescription, 'resized' | 'window'>> {
  const resized = resize === null ? { height, width } : resizedSize(height, width, resize);
  return {
    resized,
    window: { top: centerStart(resized.height, crop), left: centerStart(resized.width, crop) },
  };
}
