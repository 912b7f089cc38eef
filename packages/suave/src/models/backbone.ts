/** @file What every backbone offers: images in, one feature vector per image out. */
import { nn, type Tensor } from '@suave/torch';

/** A network from images [N, C, H, W] to features [N, outFeatures]; any height and width that its strides allow. */
export abstract class Backbone extends nn.Module {
  /** Length of the feature vector of one image. */
  abstract readonly outFeatures: number;

  /** Pooled features [N, outFeatures] of images [N, C, H, W]. */
  abstract forward(images: Tensor): Tensor;

  /** The last map before pooling, [N, outFeatures, h, w]. */
  abstract featureMap(images: Tensor): Tensor;
}
