/** @file Channel means and standard deviations of pixel values in [0, 1], each once and with its source. */

/** Three numbers, one per color channel: red, green, blue. */
export type PerChannel = readonly [number, number, number];

/** `(x − mean) / std` per channel. */
export interface Normalization {
  readonly mean: PerChannel;
  readonly std: PerChannel;
}

/** ImageNet statistics as torchvision, DINO and PAWS use them; also the default for photos of any kind. */
export const imagenetNormalization: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * ImageNet statistics as SwAV and Suave use them.
 *
 * Differs: the red deviation 0.228 is a slip of SwAV's code (0.229 is right). It is kept where weights were trained
 * with it: Suave throughout, and the labeled and validation images of Daino.
 */
export const swavNormalization: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.228, 0.224, 0.225] };

/** CIFAR-10 training-set statistics (solo-learn). */
export const cifar10Normalization: Normalization = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };

/** CIFAR-100 training-set statistics (solo-learn's training pipeline). */
export const cifar100Normalization: Normalization = { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] };
