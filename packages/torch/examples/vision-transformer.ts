/** @file A tiny vision transformer: AdamW, warm-up and cosine, gradient clipping, blocks recomputed in backward. */
import * as torch from '@suave/torch';
import { nn, optim, type Tensor } from '@suave/torch';

const { functional: F } = nn;

/** Pre-norm attention and MLP, as in "An image is worth 16x16 words". */
class Block extends nn.Module {
  readonly norm1: nn.LayerNorm;
  readonly attn: nn.MultiheadAttention;
  readonly norm2: nn.LayerNorm;
  readonly mlp: nn.Sequential;

  constructor(dim: number, heads: number) {
    super();
    this.norm1 = new nn.LayerNorm(dim);
    this.attn = new nn.MultiheadAttention(dim, heads, { batchFirst: true });
    this.norm2 = new nn.LayerNorm(dim);
    this.mlp = new nn.Sequential(new nn.Linear(dim, 2 * dim), new nn.GELU(), new nn.Linear(2 * dim, dim));
  }

  forward(x: Tensor): Tensor {
    const y = this.norm1.forward(x);
    const [attended] = this.attn.forward(y, y, y, { needWeights: false });
    const between = x.add(attended);
    return between.add(this.mlp.forward(this.norm2.forward(between)));
  }
}

class VisionTransformer extends nn.Module {
  readonly patch_embed: nn.Conv2d;
  readonly pos_embed: Tensor;
  readonly blocks: nn.ModuleList<Block>;
  readonly head: nn.Linear;

  constructor(dim = 32, depth = 2) {
    super();
    this.patch_embed = new nn.Conv2d(1, dim, 4, { stride: 4 });
    this.pos_embed = nn.parameter(torch.randn([1, 9, dim]).mul_(0.02));
    this.blocks = new nn.ModuleList(Array.from({ length: depth }, () => new Block(dim, 4)));
    this.head = new nn.Linear(dim, 2);
  }

  /** @param images  [N, 1, 12, 12] @returns logits [N, 2] */
  forward(images: Tensor): Tensor {
    let tokens = this.patch_embed.forward(images).flatten({ startDim: 2 }).transpose(1, 2).add(this.pos_embed);
    for (const block of this.blocks) tokens = torch.checkpoint((x: Tensor) => block.forward(x), tokens);
    return this.head.forward(tokens.mean([1]));
  }
}

torch.manualSeed(0);
const model = new VisionTransformer();
const optimizer = new optim.AdamW(model.parameters(), { lr: 0, weightDecay: 0.05 });
const schedule = { base: 3e-3, final: 1e-5, totalSteps: 120, warmupSteps: 10 };
let shares = 0;

for (let step = 0; step < schedule.totalSteps; step++) {
  for (const group of optimizer.paramGroups) group.lr = optim.warmupCosine(schedule, step);
  const [loss, share] = torch.scope(() => {
    // Two classes: stripes across or along, in noise.
    const labels = torch.randint(0, 2, [32]);
    const stripes = torch.arange(12, { dtype: 'float32' }).remainder(2).view([1, 1, 12]).expand([32, 12, 12]);
    const chosen = torch.where(labels.view([32, 1, 1]).eq(0), stripes, stripes.transpose(1, 2));
    const logits = model.forward(chosen.add(torch.randn([32, 12, 12]).mul(0.5)).unsqueeze(1));
    const loss = F.crossEntropy(logits, labels, { labelSmoothing: 0.1 });
    optimizer.zeroGrad();
    loss.backward();
    optim.clipGradNorm_(model.parameters(), 1);
    optimizer.step();
    return [loss.item(), logits.argmax({ dim: 1 }).eq(labels).to('float32').mean().item()] as const;
  });
  if (step % 30 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
  if (step >= schedule.totalSteps - 10) shares += share / 10;
}
console.log(`accuracy over the last 10 batches: ${shares.toFixed(3)}`);
