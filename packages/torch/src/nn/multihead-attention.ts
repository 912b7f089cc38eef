/**
 * @file Multi-head attention with PyTorch's parameters. Legend: N sequences, T query tokens, S key tokens, E embedding
 * size, H heads, D = E / H.
 */
import { ShapeError } from '../errors.js';
import {
  add,
  cat,
  dropout,
  empty,
  linear,
  logicalNot,
  maskedFill,
  matmul,
  mean,
  pad,
  reshape,
  to,
  transpose,
  unsqueeze,
  view,
  zeros,
} from '../generated/operators.js';
import { checkOptions } from '../options.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { attentionProbabilities, scaledDotProductAttention } from './attention.js';
import { constant_, xavierNormal_, xavierUniform_ } from './init.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import { parameter, type TensorPlacement } from './parameter.js';
import { shapeText } from './sizes.js';

/** Options of {@link MultiheadAttention}; defaults are PyTorch's. */
export interface MultiheadAttentionOptions extends TensorPlacement {
  /** Share of the attention that is dropped in training. Default 0. */
  readonly dropout?: number;
  /** Whether the projections have biases. Default true. */
  readonly bias?: boolean;
  /** Adds a learned key and value to every sequence. Default false. */
  readonly addBiasKv?: boolean;
  /** Adds a key and value of zeros to every sequence. Default false. */
  readonly addZeroAttn?: boolean;
  /** Size of keys, if other than E. */
  readonly kdim?: number;
  /** Size of values, if other than E. */
  readonly vdim?: number;
  /** Whether sequences are [N, T, E]; default false, [T, N, E]. */
  readonly batchFirst?: boolean;
}

const OPTIONS = ['dropout', 'bias', 'addBiasKv', 'addZeroAttn', 'kdim', 'vdim', 'batchFirst', 'dtype', 'device'];

/** Options of one call. As in PyTorch's layer, and unlike {@link scaledDotProductAttention}, a bool mask is true where a key is **hidden**. */
export interface MultiheadAttentionCall {
  /** [N, S] or [S]: bool, true for keys that are hidden from all; or floats that are added to the scores. */
  readonly keyPaddingMask?: Tensor | null;
  /** [T, S] or [N·H, T, S]: bool, true where a query does not see a key; or floats that are added to the scores. */
  readonly attnMask?: Tensor | null;
  /** Whether to return the weights; false leaves more choice of kernels. Default true. */
  readonly needWeights?: boolean;
  /** Whether the weights are averaged over heads. Default true. */
  readonly averageAttnWeights?: boolean;
}

/** The output, [N, T, E] laid out as the query, and the weights, [N, T, S] or [N, H, T, S], or null. */
export type AttentionResult = [output: Tensor, weights: Tensor | null];

/** A mask as floats to be added to scores; null stays. */
function additive(mask: Tensor | null, like: Tensor): Tensor | null {
  if (mask === null || mask.dtype !== 'bool') return mask;
  const { dtype, device } = like;
  return maskedFill(zeros(mask.shape, { dtype, device }), mask, Number.NEGATIVE_INFINITY);
}

/** Attention of several heads between projections of queries, keys and values (PyTorch's nn.MultiheadAttention). */
export class MultiheadAttention extends Module {
  /** [3E, E], the projections of query, key and value below each other; null with `kdim` or `vdim`. */
  in_proj_weight: Tensor | null = null;
  /** [E, E]; null without `kdim` and `vdim`, as the two below. */
  q_proj_weight: Tensor | null = null;
  /** [E, kdim]. */
  k_proj_weight: Tensor | null = null;
  /** [E, vdim]. */
  v_proj_weight: Tensor | null = null;
  /** [3E], or null. */
  in_proj_bias: Tensor | null = null;
  /** [1, 1, E], the learned key; null without `addBiasKv`. */
  bias_k: Tensor | null = null;
  /** [1, 1, E], the learned value; null without `addBiasKv`. */
  bias_v: Tensor | null = null;
  /** E → E. */
  out_proj: Linear;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  readonly kdim: number;
  readonly vdim: number;

  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    options: MultiheadAttentionOptions = {},
  ) {
    super();
    checkOptions('MultiheadAttention', options, OPTIONS);
    const { dropout: p = 0, bias = true, addBiasKv = false, addZeroAttn = false, batchFirst = false } = options;
    const { kdim = embedDim, vdim = embedDim, dtype, device } = options;
    if (!(numHeads >= 1) || embedDim % numHeads !== 0)
      throw new RangeError(
        `MultiheadAttention: expected an embedding size divisible by ${numHeads} heads, got ${embedDim}.`,
      );
    this.dropout = p;
    this.batchFirst = batchFirst;
    this.addZeroAttn = addZeroAttn;
    this.kdim = kdim;
    this.vdim = vdim;
    const make = (...shape: number[]) => parameter(empty(shape, { dtype, device }));
    if (kdim === embedDim && vdim === embedDim) this.in_proj_weight = make(3 * embedDim, embedDim);
    else {
      this.q_proj_weight = make(embedDim, embedDim);
      this.k_proj_weight = make(embedDim, kdim);
      this.v_proj_weight = make(embedDim, vdim);
    }
    if (bias) this.in_proj_bias = make(3 * embedDim);
    // Drawn before the others, as PyTorch does, so that the same seed gives the same bits.
    this.out_proj = new Linear(embedDim, embedDim, { bias, dtype, device });
    if (addBiasKv) {
      this.bias_k = make(1, 1, embedDim);
      this.bias_v = make(1, 1, embedDim);
    }
    for (const weight of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight])
      if (weight !== null) xavierUniform_(weight);
    for (const zero of [this.in_proj_bias, this.out_proj.bias]) if (zero !== null) constant_(zero, 0);
    for (const learned of [this.bias_k, this.bias_v]) if (learned !== null) xavierNormal_(learned);
  }

  /**
   * @param query  [T, N, E], or [N, T, E] with `batchFirst`, or [T, E]; key and value likewise with S tokens
   * @throws ShapeError when sizes do not fit each other or the layer
   */
  forward(query: Tensor, key: Tensor, value: Tensor, options: MultiheadAttentionCall = {}): AttentionResult {
    this.#check(query, key, value);
    return scope(() => {
      const batched = query.rank === 3;
      const rows = (x: Tensor) => (!batched ? unsqueeze(x, 0) : this.batchFirst ? x : transpose(x, 0, 1));
      const [output, weights] = this.#attend(rows(query), rows(key), rows(value), options, batched);
      if (!batched) return [output.squeeze(0), weights === null ? null : weights.squeeze(0)];
      return [this.batchFirst ? output : transpose(output, 0, 1), weights];
    });
  }

  #check(query: Tensor, key: Tensor, value: Tensor): void {
    const [q, k, v] = [query.shape, key.shape, value.shape];
    const { embedDim, kdim, vdim } = this;
    const sameRank = (q.length === 2 || q.length === 3) && k.length === q.length && v.length === q.length;
    if (
      !sameRank ||
      q.at(-1) !== embedDim ||
      k.at(-1) !== kdim ||
      v.at(-1) !== vdim ||
      String(k.slice(0, -1)) !== String(v.slice(0, -1))
    )
      throw new ShapeError(
        `MultiheadAttention: expected query […, ${embedDim}], key […, ${kdim}] and value […, ${vdim}] of rank 2 or 3, key and value of ` +
          `the same length, got ${shapeText(q)}, ${shapeText(k)} and ${shapeText(v)}.`,
      );
    const batch = this.batchFirst ? 0 : 1;
    if (q.length === 3 && q[batch] !== k[batch])
      throw new ShapeError(
        `MultiheadAttention: expected as many sequences of keys as of queries, got ${shapeText(q)} and ${shapeText(k)} with batchFirst: ${this.batchFirst}.`,
      );
  }

  /** Query, key and value of [N, ·, E] after their projections. */
  #project(query: Tensor, key: Tensor, value: Tensor): Tensor[] {
    const { embedDim } = this;
    const biases = this.in_proj_bias === null ? [null, null, null] : this.in_proj_bias.chunk(3);
    const weights =
      this.in_proj_weight === null
        ? [this.q_proj_weight!, this.k_proj_weight!, this.v_proj_weight!]
        : this.in_proj_weight.chunk(3);
    if (this.in_proj_weight !== null && query.handle === key.handle && key.handle === value.handle)
      return linear(query, this.in_proj_weight, { bias: this.in_proj_bias }).split(embedDim, { dim: -1 });
    return [query, key, value].map((x, i) => linear(x, weights[i]!, { bias: biases[i] }));
  }

  #attend(query: Tensor, key: Tensor, value: Tensor, call: MultiheadAttentionCall, batched: boolean): AttentionResult {
    const { keyPaddingMask = null, attnMask = null, needWeights = true, averageAttnWeights = true } = call;
    const { embedDim, numHeads } = this;
    const [count, length] = query.shape as [number, number];
    let [q, k, v] = this.#project(query, key, value) as [Tensor, Tensor, Tensor];
    let extra = 0;
    const append = (last: Tensor, to: Tensor) => cat([to, last.expand([count, 1, embedDim])], { dim: 1 });
    if (this.bias_k !== null && this.bias_v !== null) {
      [k, v, extra] = [append(this.bias_k, k), append(this.bias_v, v), extra + 1];
    }
    if (this.addZeroAttn) {
      const zero = zeros([1, 1, embedDim], { dtype: k.dtype, device: k.device });
      [k, v, extra] = [append(zero, k), append(zero, v), extra + 1];
    }
    const heads = (x: Tensor) => transpose(view(x, [count, -1, numHeads, embedDim / numHeads]), 1, 2);
    const mask = this.#mask(keyPaddingMask, attnMask, q, { count, extra, batched });
    const dropoutP = this.training ? this.dropout : 0;
    const joined = (x: Tensor) => reshape(transpose(x, 1, 2), [count, length, embedDim]);
    const project = (x: Tensor) => this.out_proj.forward(joined(x));
    if (!needWeights) {
      return [project(scaledDotProductAttention(heads(q), heads(k), heads(v), { attnMask: mask, dropoutP })), null];
    }
    const probabilities = attentionProbabilities(heads(q), heads(k), { attnMask: mask });
    const weights = dropoutP > 0 ? dropout(probabilities, dropoutP, true) : probabilities;
    const output = project(matmul(weights.dtype === v.dtype ? weights : to(weights, v.dtype), heads(v)));
    return [output, averageAttnWeights ? mean(weights, 1) : weights];
  }

  /** Both masks as one that broadcasts to [N, H, T, S]; keys that the layer added are seen by all. */
  #mask(
    keyPaddingMask: Tensor | null,
    attnMask: Tensor | null,
    like: Tensor,
    { count, extra, batched }: { count: number; extra: number; batched: boolean },
  ): Tensor | null {
    const spread = (mask: Tensor) => {
      const { shape } = mask;
      return shape.length === 3 ? view(mask, [count, this.numHeads, ...shape.slice(1)]) : mask;
    };
    const extended = (mask: Tensor) => (extra === 0 ? mask : pad(mask, [0, extra]));
    const ofQueries = attnMask === null ? null : extended(spread(attnMask));
    const padding = keyPaddingMask === null ? null : batched ? keyPaddingMask : unsqueeze(keyPaddingMask, 0);
    const ofKeys = padding === null ? null : extended(view(padding, [count, 1, 1, -1]));
    if (ofQueries === null || ofKeys === null) {
      const mask = ofQueries ?? ofKeys;
      return mask === null ? null : mask.dtype === 'bool' ? logicalNot(mask) : mask;
    }
    if (ofQueries.dtype === 'bool' && ofKeys.dtype === 'bool') return logicalNot(ofQueries.logicalOr(ofKeys));
    return add(additive(ofQueries, like)!, additive(ofKeys, like)!);
  }
}
