/**
 * @file The two residual blocks of ResNets. Shapes: images and maps are [N, C, H, W].
 * Activations are rectified and summed in place, as PyTorch's reference does: batch norm needs its input only.
 */
import { nn, relu_, scope, type Tensor } from '@suave/torch';
import type { Placement } from './placement.js';

/** A block of a residual stage: `basic` = 3×3, 3×3 (expansion 1); `bottleneck` = 1×1, 3×3, 1×1 (expansion 4). */
export type BlockKind = 'basic' | 'bottleneck';

/** Output channels of a block divided by its planes. */
export const EXPANSION: Readonly<Record<BlockKind, number>> = { basic: 1, bottleneck: 4 };

/** A residual block, `[N, inChannels, H, W] → [N, planes · expansion, H / stride, W / stride]`. */
export abstract class ResidualBlock extends nn.Module {
  abstract forward(x: Tensor): Tensor;
}

/** 1×1 convolution and batch norm on the shortcut; exists only where stride or channel count change. */
function shortcut(inChannels: number, outChannels: number, stride: number, placement: Placement): nn.Sequential | null {
  if (stride === 1 && inChannels === outChannels) return null;
  return new nn.Sequential(
    convolution(inChannels, outChannels, 1, stride, placement),
    new nn.BatchNorm2d(outChannels, placement),
  );
}

/** A convolution without bias, "same" padding, weights from N(0, 2 / fan_out) (He et al. 2015). */
export function convolution(
  inChannels: number,
  outChannels: number,
  kernel: number,
  stride: number,
  placement: Placement,
): nn.Conv2d {
  const padding = (kernel - 1) / 2;
  const layer = new nn.Conv2d(inChannels, outChannels, kernel, { stride, padding, bias: false, ...placement });
  nn.init.kaimingNormal_(layer.weight, { mode: 'fanOut', nonlinearity: 'relu' });
  return layer;
}

/** Two 3×3 convolutions; the stride is in the first. */
export class BasicBlock extends ResidualBlock {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | null;

  constructor(inChannels: number, planes: number, stride: number, placement: Placement) {
    super();
    this.conv1 = convolution(inChannels, planes, 3, stride, placement);
    this.bn1 = new nn.BatchNorm2d(planes, placement);
    this.conv2 = convolution(planes, planes, 3, 1, placement);
    this.bn2 = new nn.BatchNorm2d(planes, placement);
    this.downsample = shortcut(inChannels, planes, stride, placement);
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const hidden = relu_(this.bn1.forward(this.conv1.forward(x)));
      const residual = this.bn2.forward(this.conv2.forward(hidden));
      return relu_(residual.add_(this.downsample === null ? x : this.downsample.forward(x)));
    });
  }
}

/** 1×1 reduction, 3×3 with the stride, 1×1 expansion to four times the planes. */
export class Bottleneck extends ResidualBlock {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly conv3: nn.Conv2d;
  readonly bn3: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | null;

  constructor(inChannels: number, planes: number, stride: number, placement: Placement) {
    super();
    const outChannels = planes * EXPANSION.bottleneck;
    this.conv1 = convolution(inChannels, planes, 1, 1, placement);
    this.bn1 = new nn.BatchNorm2d(planes, placement);
    this.conv2 = convolution(planes, planes, 3, stride, placement);
    this.bn2 = new nn.BatchNorm2d(planes, placement);
    this.conv3 = convolution(planes, outChannels, 1, 1, placement);
    this.bn3 = new nn.BatchNorm2d(outChannels, placement);
    this.downsample = shortcut(inChannels, outChannels, stride, placement);
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const reduced = relu_(this.bn1.forward(this.conv1.forward(x)));
      const spatial = relu_(this.bn2.forward(this.conv2.forward(reduced)));
      const residual = this.bn3.forward(this.conv3.forward(spatial));
      return relu_(residual.add_(this.downsample === null ? x : this.downsample.forward(x)));
    });
  }
}

/** Makes one block of a kind. */
export function createBlock(
  kind: BlockKind,
  inChannels: number,
  planes: number,
  stride: number,
  placement: Placement,
): ResidualBlock {
  return kind === 'basic'
    ? new BasicBlock(inChannels, planes, stride, placement)
    : new Bottleneck(inChannels, planes, stride, placement);
}
