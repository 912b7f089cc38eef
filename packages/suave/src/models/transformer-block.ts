/**
 * @file The pre-norm transformer block of vision transformers and its parts (Dosovitskiy et al. 2021, figure 1).
 * Legend: N images, T tokens, C channels, H heads, D = C / H. Keys `norm1`, `attn.qkv`, `attn.proj`, `norm2`,
 * `mlp.fc1`, `mlp.fc2`.
 */
import { nn, scope, type Tensor } from '@suave/torch';
import type { Placement } from './placement.js';

/** A block in numbers. */
export interface TransformerBlockOptions extends Placement {
  /** C. */
  readonly embedDim: number;
  /** H. */
  readonly heads: number;
  /** Width of the hidden layer divided by C. */
  readonly mlpRatio: number;
  /** Whether the query, key and value layer has a bias. */
  readonly qkvBias: boolean;
  readonly layerNormEps: number;
  /** Probability that a sample loses a branch while training. */
  readonly dropPath: number;
}

/**
 * Gives a linear layer the weights of transformers and DINO heads: N(0, 0.02²) truncated at ±2 absolute, bias 0.
 * @param layer  modified in place
 */
export function drawTruncated<L extends nn.Linear>(layer: L): L {
  nn.init.truncNormal_(layer.weight, { std: 0.02 });
  if (layer.bias !== null) nn.init.zeros_(layer.bias);
  return layer;
}

/** Multi-head self-attention; rows of `qkv` are q, k, v in turn, and inside each the heads are contiguous. */
class SelfAttention extends nn.Module {
  readonly qkv: nn.Linear;
  readonly proj: nn.Linear;
  /** H. */
  readonly heads: number;

  constructor({ embedDim, heads, qkvBias, dtype, device }: TransformerBlockOptions) {
    super();
    this.heads = heads;
    this.qkv = drawTruncated(new nn.Linear(embedDim, 3 * embedDim, { bias: qkvBias, dtype, device }));
    this.proj = drawTruncated(new nn.Linear(embedDim, embedDim, { dtype, device }));
  }

  /** Query, key and value of x [N, T, C], each [N, H, T, D]. */
  #project(x: Tensor): Tensor[] {
    const [batch, tokens, channels] = x.shape;
    const split = [batch, tokens, 3, this.heads, channels / this.heads];
    return this.qkv.forward(x).reshape(split).permute([2, 0, 3, 1, 4]).unbind();
  }

  forward(x: Tensor): Tensor {
    return scope(() => {
      const [query, key, value] = this.#project(x);
      const heads_NHTD = nn.functional.scaledDotProductAttention(query, key, value);
      return this.proj.forward(heads_NHTD.transpose(1, 2).reshape(x.shape));
    });
  }

  /** Attention after softmax, [N, H, T, T]: row t says where token t looks. */
  probabilities(x: Tensor): Tensor {
    return scope(() => {
      const [query, key] = this.#project(x);
      return nn.functional.attentionProbabilities(query, key);
    });
  }
}

/** Two linear layers with an exact GELU between. */
class FeedForward extends nn.Module {
  readonly fc1: nn.Linear;
  readonly fc2: nn.Linear;

  constructor({ embedDim, mlpRatio, dtype, device }: TransformerBlockOptions) {
    super();
    const hidden = Math.floor(embedDim * mlpRatio);
    this.fc1 = drawTruncated(new nn.Linear(embedDim, hidden, { dtype, device }));
    this.fc2 = drawTruncated(new nn.Linear(hidden, embedDim, { dtype, device }));
  }

  forward(x: Tensor): Tensor {
    return scope(() => this.fc2.forward(this.fc1.forward(x).gelu()));
  }
}

/** `x += dropPath(attn(norm1(x)))`, `x += dropPath(mlp(norm2(x)))`: [N, T, C] → [N, T, C]. */
export class TransformerBlock extends nn.Module {
  readonly norm1: nn.LayerNorm;
  readonly attn: SelfAttention;
  readonly norm2: nn.LayerNorm;
  readonly mlp: FeedForward;
  /** Drawn anew for each branch; without parameters. */
  readonly dropPath: nn.DropPath;

  constructor(options: TransformerBlockOptions) {
    super();
    const { embedDim, layerNormEps: eps, dtype, device } = options;
    this.norm1 = new nn.LayerNorm(embedDim, { eps, dtype, device });
    this.attn = new SelfAttention(options);
    this.norm2 = new nn.LayerNorm(embedDim, { eps, dtype, device });
    this.mlp = new FeedForward(options);
    this.dropPath = new nn.DropPath(options.dropPath);
  }

  forward(x: Tensor): Tensor {
    return scope(() => {
      const attended = x.add(this.dropPath.forward(this.attn.forward(this.norm1.forward(x))));
      return attended.add(this.dropPath.forward(this.mlp.forward(this.norm2.forward(attended))));
    });
  }

  /** Attention of this block on its input x [N, T, C], [N, H, T, T]. */
  attention(x: Tensor): Tensor {
    return scope(() => this.attn.probabilities(this.norm1.forward(x)));
  }
}
