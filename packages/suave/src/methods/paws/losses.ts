/**
 * @file The losses of PAWS and SuNCEt as pure functions (Assran et al. 2021, 2020; method specification 4.2, 4.3).
 * Legend: B unlabeled images, V views of each, S support rows of all ranks, K columns of their labels, D embedding, G ranks.
 */
import { type Collective, cat, eye, grad, logsumexp, noGrad, pow, scope, type Tensor } from '@suave/torch';
import { SuaveError } from '../../errors.js';
import { atLeastFloat32 } from '../../models/index.js';
import { similarities, smallestProbability, softNearestNeighbours } from './soft-neighbours.js';

/**
 * Sharpened probabilities `ρ(p)_k = p_k^{1/T} / Σ_j p_j^{1/T}`, with gradient.
 * @param probabilities_NK  rows that sum to 1
 * @param temperature       T; smaller is sharper
 */
export function sharpen(probabilities_NK: Tensor, temperature: number): Tensor {
  return scope(() => {
    // ρ does not depend on the scale of a row: the largest entry becomes 1, so that no row underflows as a whole
    const largest = probabilities_NK.detach().amax({ dim: [1], keepdim: true });
    const powers = pow(probabilities_NK.div(largest), 1 / temperature);
    return powers.div(powers.sum([1], { keepdim: true }));
  });
}

/** How a support of labeled images is laid out. */
export interface SupportLayout {
  /** Classes of the support of one rank. */
  readonly numClasses: number;
  /** Images of each of them. */
  readonly imagesPerClass: number;
  /** G. Default 1. */
  readonly worldSize?: number;
  /** Whether every rank has classes of its own, with columns of their own. Default true. */
  readonly uniqueClasses?: boolean;
  /** σ. Default 0. */
  readonly smoothing?: number;
}

/**
 * Label matrix of the class-interleaved supports of all ranks, rank after rank: row i of a rank belongs to its class
 * i mod c. `1 − σ + σ/C` for the row's class, `σ/C` elsewhere, C columns.
 * @returns floating [G·c·s, C], C = G·c with unique classes, else c
 */
export function supportLabels(
  layout: SupportLayout,
  placement: { dtype?: 'float32' | 'float64'; device?: string } = {},
): Tensor {
  const { numClasses, imagesPerClass, worldSize = 1, uniqueClasses = true, smoothing = 0 } = layout;
  return scope(() => {
    const columns = uniqueClasses ? numClasses * worldSize : numClasses;
    const smoothed = eye(columns, placement)
      .mul(1 - smoothing)
      .add(smoothing / columns);
    const ranks = Array.from({ length: worldSize }, (_, rank) =>
      smoothed.narrow(0, uniqueClasses ? rank * numClasses : 0, numClasses).repeat([imagesPerClass, 1]),
    );
    return cat(ranks);
  });
}

/** What the loss of a step compares: rows of the network's output. */
export interface PawsEmbeddings {
  /** z of the views [V·B, D]: the two global ones first. */
  readonly anchorViews: Tensor;
  /** z of this rank's support [S/G, D]. */
  readonly anchorSupports: Tensor;
  /** h of the global views [2·B, D], swapped: row i supervises row i of the anchors. */
  readonly targetViews: Tensor;
  /** h of this rank's support [S/G, D]. */
  readonly targetSupports: Tensor;
  /** Labels of this rank's support [S/G, K], one column per class of all ranks. */
  readonly supportLabels: Tensor;
}

/** Numbers of the loss; defaults are PAWS's. */
export interface PawsLossOptions {
  /** τ of the similarities. Default 0.1. */
  readonly temperature?: number;
  /** T that sharpens the targets. Default 0.25. */
  readonly sharpening?: number;
  /** Target entries below it become 0. Default 1e-4. */
  readonly targetThreshold?: number;
  /** Whether the mean prediction is drawn towards high entropy. Default true. */
  readonly meMax?: boolean;
  readonly collective?: Collective | null;
}

/** The two terms, scalars; the loss of the step is their sum. */
export interface PawsTerms {
  /** `mean_rows Σ_k −t_k log p_k`. */
  readonly crossEntropy: Tensor;
  /** `Σ_k p̄_k log p̄_k` of the mean sharpened prediction, negative; 0 without me-max. */
  readonly meMax: Tensor;
}

/**
 * The loss of PAWS (method specification 4.3), in at least float32. Gradients flow through the anchors' predictions, and
 * through their sharpened mean; never through targets. Supports of all ranks are gathered: their gradient is summed over
 * the ranks, each takes its own rows. The mean prediction is that of all ranks.
 * @throws SuaveError `BATCH` when the views do not fit
 */
export function pawsLoss(embeddings: PawsEmbeddings, options: PawsLossOptions = {}): PawsTerms {
  const { collective = null } = options;
  return scope(() => {
    const wide = widened(embeddings);
    if (collective === null || collective.worldSize === 1) return lossTerms(wide, options);
    return gatheredTerms(wide, { ...options, collective });
  });
}

function widened(embeddings: PawsEmbeddings): PawsEmbeddings {
  const { anchorViews, anchorSupports, targetViews, targetSupports } = embeddings;
  return {
    anchorViews: atLeastFloat32(anchorViews),
    anchorSupports: atLeastFloat32(anchorSupports),
    targetViews: atLeastFloat32(targetViews.detach()),
    targetSupports: atLeastFloat32(targetSupports.detach()),
    supportLabels: atLeastFloat32(embeddings.supportLabels.detach()),
  };
}

/** The terms with supports and labels of all ranks. */
function lossTerms(embeddings: PawsEmbeddings, options: PawsLossOptions): PawsTerms {
  const { temperature = 0.1, meMax = true, sharpening = 0.25 } = options;
  const { anchorViews, anchorSupports, supportLabels: labels } = embeddings;
  const targets = noGrad(() => viewTargets(embeddings, options));
  const predictions = softNearestNeighbours(anchorViews, anchorSupports, labels, temperature);
  const crossEntropy = targets.mul(logOf(predictions)).sum().neg().div(predictions.shape[0]);
  if (!meMax) return { crossEntropy, meMax: crossEntropy.detach().mul(0) };
  const average = meanOverRanks(sharpen(predictions, sharpening).mean([0]), options.collective ?? null);
  return { crossEntropy, meMax: average.mul(logOf(average)).sum() };
}

const logOf = (probabilities: Tensor): Tensor => probabilities.clampMin(smallestProbability).log();

/** t [V·B, K]: sharpened predictions of the targets; a local view's is the mean of the two global ones. */
function viewTargets(embeddings: PawsEmbeddings, options: PawsLossOptions): Tensor {
  const { temperature = 0.1, sharpening = 0.25, targetThreshold = 1e-4 } = options;
  const { anchorViews, targetViews, targetSupports, supportLabels: labels } = embeddings;
  const batch = targetViews.shape[0] / 2;
  const numLocal = anchorViews.shape[0] / batch - 2;
  if (!Number.isInteger(numLocal) || numLocal < 0) {
    throw new SuaveError(
      'BATCH',
      `pawsLoss: expected the rows of two global views and of whole local views, got ${anchorViews.shape[0]} rows for ${targetViews.shape[0]} target rows. Give every view the same images.`,
    );
  }
  const sharp = sharpen(softNearestNeighbours(targetViews, targetSupports, labels, temperature), sharpening);
  const local = sharp
    .narrow(0, 0, batch)
    .add(sharp.narrow(0, batch, batch))
    .div(2);
  const all = cat([sharp, ...new Array<Tensor>(numLocal).fill(local)]);
  return all.mul(all.ge(targetThreshold));
}

/** Mean over ranks of a vector; the gradient goes to this rank's own one undivided, because ranks average their gradients. */
function meanOverRanks(own: Tensor, collective: Collective | null): Tensor {
  if (collective === null || collective.worldSize === 1) return own;
  const mean = own.detach().clone();
  collective.allReduceSum_(mean);
  return own.add(mean.div(collective.worldSize).sub(own.detach()));
}

/**
 * The terms over the supports of all ranks. The gradient with respect to the embeddings is computed here, because the
 * support's part of it must be summed over the ranks; the terms that are returned carry it as a constant.
 */
function gatheredTerms(embeddings: PawsEmbeddings, options: PawsLossOptions & { collective: Collective }): PawsTerms {
  const { anchorViews, anchorSupports, supportLabels: labels } = embeddings;
  const { collective } = options;
  const gathered = (rows: Tensor): Tensor => noGrad(() => cat(collective.allGather(rows.detach().contiguous())));
  const leaf = (rows: Tensor): Tensor => {
    rows.requiresGrad = true;
    return rows;
  };
  const views = leaf(anchorViews.detach().clone());
  const supports = leaf(gathered(anchorSupports));
  const terms = lossTerms(
    {
      ...embeddings,
      anchorViews: views,
      anchorSupports: supports,
      targetSupports: gathered(embeddings.targetSupports),
      supportLabels: gathered(labels),
    },
    options,
  );
  const own = anchorSupports.shape[0];
  const carried = (term: Tensor): Tensor => {
    const [ofViews, ofSupports] = grad([term], [views, supports], { retainGraph: true });
    const summed = ofSupports!.clone();
    collective.allReduceSum_(summed);
    const ofOwn = summed.narrow(0, collective.rank * own, own);
    const linear = anchorViews.mul(ofViews!).sum().add(anchorSupports.mul(ofOwn).sum());
    return linear.sub(linear.detach()).add(term.detach());
  };
  return {
    crossEntropy: carried(terms.crossEntropy),
    meMax: options.meMax === false ? terms.meMax : carried(terms.meMax),
  };
}

/**
 * SuNCEt, supervised contrastive loss (method specification 4.3): `S = z zᵀ / T` of unit rows,
 * `L = −mean_i log( Σ_{j≠i} e^{S_ij} [y_j = y_i] / Σ_{j≠i} e^{S_ij} )`, in at least float32.
 * @param z_ND    embeddings of any length; every class among them has at least two rows
 * @param labels  int64 [N]
 */
export function suncetLoss(z_ND: Tensor, labels: Tensor, temperature = 0.1): Tensor {
  return scope(() => {
    const scores = similarities(z_ND, z_ND, temperature);
    const never = Number.NEGATIVE_INFINITY;
    const others = scores.maskedFill(eye(z_ND.shape[0], { device: z_ND.device }).to('bool'), never);
    const sameClass = labels.unsqueeze(1).eq(labels.unsqueeze(0));
    const positives = others.maskedFill(sameClass.logicalNot(), never);
    return logsumexp(others, 1).sub(logsumexp(positives, 1)).mean();
  });
}
