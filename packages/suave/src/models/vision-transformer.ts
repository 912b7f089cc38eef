/**
 * @file Vision transformers with the parameter names of DINO and timm, so that weights are interchangeable.
 * Legend: N images of H × W pixels, T tokens (the class token first, then patches row by row), C channels.
 */
import { cat, empty, nn, scope, type Tensor, upsampleBicubic2d } from '@suave/torch';
import { ConfigError } from '../errors.js';
import { Backbone } from './backbone.js';
import type { Placement } from './placement.js';
import { TransformerBlock } from './transformer-block.js';

/** A vision transformer in numbers; the named models set `qkvBias` and an eps of 1e-6. */
export interface VisionTransformerOptions extends Placement {
  /** Side in pixels of the images whose patches the position encoding counts; others interpolate it. Default 224. */
  readonly imageSize?: number;
  /** Side of a patch in pixels. Default 16. */
  readonly patchSize?: number;
  /** C, a multiple of `heads`. */
  readonly embedDim: number;
  /** Number of blocks. */
  readonly depth: number;
  readonly heads: number;
  /** Hidden width of the feed-forward layers divided by C. Default 4. */
  readonly mlpRatio?: number;
  /** Whether query, key and value have a bias. Default false. */
  readonly qkvBias?: boolean;
  /** Default 1e-5. */
  readonly layerNormEps?: number;
  /** Stochastic depth of the last block; it grows linearly from 0 at the first. Default 0. */
  readonly dropPathRate?: number;
  /** Channels of the images. Default 3. */
  readonly inChannels?: number;
}

/** Stochastic depth of each block, `rate · i / (depth − 1)`. */
export function dropPathRates(rate: number, depth: number): number[] {
  return Array.from({ length: depth }, (_, i) => (depth > 1 ? (rate * i) / (depth - 1) : 0));
}

function refuse(path: string, expected: string, got: unknown, advice: string): never {
  throw new ConfigError(`model.${path}`, `VisionTransformer: expected ${expected}, got ${got}. ${advice}`);
}

/** Non-overlapping patches to tokens: [N, channels, H, W] → [N, (H div P) (W div P), C]; keys `proj.*`. */
class PatchEmbedding extends nn.Module {
  readonly proj: nn.Conv2d;

  constructor(inChannels: number, embedDim: number, patchSize: number, placement: Placement) {
    super();
    this.proj = new nn.Conv2d(inChannels, embedDim, patchSize, { stride: patchSize, ...placement });
  }

  forward(images: Tensor): Tensor {
    return scope(() => this.proj.forward(images).flatten({ startDim: 2 }).transpose(1, 2));
  }
}

/** A vision transformer (Dosovitskiy et al. 2021); `forward` gives the class token after the last norm, [N, C]. */
export class VisionTransformer extends Backbone {
  readonly cls_token: Tensor;
  readonly pos_embed: Tensor;
  readonly patch_embed: PatchEmbedding;
  readonly blocks: nn.ModuleList<TransformerBlock>;
  readonly norm: nn.LayerNorm;
  readonly outFeatures: number;
  readonly #imageSize: number;
  /** Side of a patch in pixels. */
  readonly patchSize: number;

  constructor(options: VisionTransformerOptions) {
    super();
    const { imageSize = 224, patchSize = 16, embedDim, depth, heads, inChannels = 3, dtype, device } = options;
    const { mlpRatio = 4, qkvBias = false, layerNormEps = 1e-5, dropPathRate = 0 } = options;
    if (!(Number.isInteger(patchSize) && patchSize > 0))
      refuse('patchSize', 'a whole number of pixels', patchSize, 'Use 16 or 8, and 4 for images of 32 pixels.');
    if (!(Number.isInteger(imageSize) && imageSize >= patchSize))
      refuse('imageSize', `at least one patch of ${patchSize} pixels`, imageSize, 'Make it a multiple of patchSize.');
    if (!(Number.isInteger(embedDim / heads) && heads > 0))
      refuse('heads', `a divisor of embedDim ${embedDim}`, heads, 'Use heads of 64 channels.');
    if (!(dropPathRate >= 0 && dropPathRate < 1))
      refuse('dropPathRate', 'a rate from 0 to below 1', dropPathRate, 'DINO uses 0.1.');
    const placement = { dtype, device };
    this.outFeatures = embedDim;
    this.#imageSize = imageSize;
    this.patchSize = patchSize;

    const tokens = Math.floor(imageSize / patchSize) ** 2 + 1;
    this.cls_token = nn.parameter(empty([1, 1, embedDim], placement));
    this.pos_embed = nn.parameter(empty([1, tokens, embedDim], placement));
    nn.init.truncNormal_(this.cls_token, { std: 0.02 });
    nn.init.truncNormal_(this.pos_embed, { std: 0.02 });
    this.patch_embed = new PatchEmbedding(inChannels, embedDim, patchSize, placement);
    this.blocks = new nn.ModuleList(
      dropPathRates(dropPathRate, depth).map(
        (dropPath) =>
          new TransformerBlock({ embedDim, heads, mlpRatio, qkvBias, layerNormEps, dropPath, ...placement }),
      ),
    );
    this.norm = new nn.LayerNorm(embedDim, { eps: layerNormEps, ...placement });
  }

  /**
   * Position encoding [1, T, C] of images of `height` × `width` pixels. The stored grid is resampled bicubically unless
   * the size is the model's own; the scale factors are (patches + 0.1) / grid, as DINO's published weights were
   * trained with, and not patches / grid.
   */
  positionEncoding(height: number, width: number): Tensor {
    const grid = Math.floor(this.#imageSize / this.patchSize);
    const [rows, columns] = this.#patches(height, width);
    if (rows * columns === grid * grid && height === width) return this.pos_embed;
    return scope(() => {
      const grid_1CHW = this.pos_embed
        .narrow(1, 1, grid * grid)
        .reshape([1, grid, grid, this.outFeatures])
        .permute([0, 3, 1, 2]);
      const resampled = upsampleBicubic2d(grid_1CHW, [rows, columns], false, {
        scalesH: (rows + 0.1) / grid,
        scalesW: (columns + 0.1) / grid,
      });
      const patches_1TC = resampled.permute([0, 2, 3, 1]).reshape([1, rows * columns, this.outFeatures]);
      return cat([this.pos_embed.narrow(1, 0, 1), patches_1TC], { dim: 1 });
    });
  }

  override forward(images: Tensor): Tensor {
    return scope(() => {
      const tokens = this.#through(this.#tokens(images), 0, this.blocks.length);
      // layer norm acts token by token, so the others need none
      return this.norm.forward(tokens.select(1, 0));
    });
  }

  /** Patch tokens after the last norm on their grid, [N, C, H div P, W div P]; the class token is left out. */
  override featureMap(images: Tensor): Tensor {
    return scope(() => {
      const tokens_NTC = this.norm.forward(this.#through(this.#tokens(images), 0, this.blocks.length));
      const [batch, count, channels] = tokens_NTC.shape;
      const grid = this.#patches(images.shape[2], images.shape[3]);
      return tokens_NTC
        .narrow(1, 1, count - 1)
        .transpose(1, 2)
        .reshape([batch, channels, ...grid]);
    });
  }

  /** Attention of the last block after softmax, [N, heads, T, T]. */
  lastSelfAttention(images: Tensor): Tensor {
    return scope(() => {
      const last = this.blocks.length - 1;
      return this.blocks.at(last).attention(this.#through(this.#tokens(images), 0, last));
    });
  }

  /**
   * Outputs of the last blocks, each through the final norm, in the order of the blocks.
   * @param count  how many blocks, from the last one back. Default 1
   * @returns      new tensors [N, T, C]
   */
  intermediateLayers(images: Tensor, count = 1): Tensor[] {
    const depth = this.blocks.length;
    if (!(Number.isInteger(count) && count >= 1 && count <= depth))
      throw new RangeError(
        `VisionTransformer.intermediateLayers: expected 1 to ${depth} blocks, got ${count}. Ask for fewer.`,
      );
    return scope(() => {
      const outputs: Tensor[] = [];
      let tokens = this.#through(this.#tokens(images), 0, depth - count);
      for (let i = depth - count; i < depth; i++) {
        tokens = this.blocks.at(i).forward(tokens);
        outputs.push(this.norm.forward(tokens));
      }
      return outputs;
    });
  }

  /** Patches along both sides; what is left of a side after whole patches is not seen. */
  #patches(height: number, width: number): [rows: number, columns: number] {
    return [Math.floor(height / this.patchSize), Math.floor(width / this.patchSize)];
  }

  /** Class and patch tokens with their positions, [N, T, C]. */
  #tokens(images: Tensor): Tensor {
    return scope(() => {
      const [batch, , height, width] = images.shape;
      if (Math.min(height, width) < this.patchSize)
        throw new RangeError(
          `VisionTransformer: expected images of at least one patch of ${this.patchSize} pixels, got ${height} × ${width}. Use larger crops or a smaller patchSize.`,
        );
      const classes_N1C = this.cls_token.expand([batch, -1, -1]);
      const tokens = cat([classes_N1C, this.patch_embed.forward(images)], { dim: 1 });
      return tokens.add(this.positionEncoding(height, width));
    });
  }

  #through(tokens: Tensor, from: number, to: number): Tensor {
    return scope(() => {
      let x = tokens;
      for (let i = from; i < to; i++) x = this.blocks.at(i).forward(x);
      return x;
    });
  }
}
