/**
 * @file Soft nearest neighbours: the class of an embedding by its similarity to labeled ones (PAWS, Assran et al. 2021).
 * Legend: N queries, S supports, D embedding, K classes, τ temperature.
 */
import { amax, log, matmul, scope, softmax, sub, type Tensor, withoutAutocast, zeros } from '@suave/torch';
import { atLeastFloat32, normalizedRows } from '../../models/index.js';

/** Probabilities are kept above this where their logarithm is taken: it is finite in float32; a softmax of cosines stays far above. */
export const smallestProbability = 1e-37;

/** Cosines divided by the temperature, [N, S], in at least float32, whatever the layers before compute in. */
export function similarities(queries_ND: Tensor, supports_SD: Tensor, temperature: number): Tensor {
  return scope(() => {
    const queries = normalizedRows(atLeastFloat32(queries_ND));
    const supports = normalizedRows(atLeastFloat32(supports_SD));
    return withoutAutocast(() => matmul(queries, supports.transpose(0, 1))).div(temperature);
  });
}

/**
 * Class probabilities of queries (method specification 4.3): `softmax(norm(x) · norm(S)ᵀ / τ) Y`, with gradient.
 * @param queries_ND   embeddings of any length
 * @param supports_SD  embeddings of labeled images, of any length
 * @param labels_SK    their label rows, which sum to 1
 * @returns            [N, K], rows sum to 1
 */
export function softNearestNeighbours(
  queries_ND: Tensor,
  supports_SD: Tensor,
  labels_SK: Tensor,
  temperature: number,
): Tensor {
  return scope(() => {
    const weights = softmax(similarities(queries_ND, supports_SD, temperature), 1);
    const labels = labels_SK.to(weights.dtype);
    return withoutAutocast(() => matmul(weights, labels));
  });
}

/**
 * Scores of PAWS-NN (method specification 4.5): logarithms of the soft nearest neighbours' class probabilities, so that
 * `softmax(scores)` are these probabilities. A class without support has the lowest finite score.
 * @param bank_SD     embeddings of all labeled images
 * @param labels      int64 [S], classes 0 … K−1
 * @param numClasses  K
 * @returns           [N, K]
 */
export function pawsNearestNeighbourScores(
  bank_SD: Tensor,
  labels: Tensor,
  features_ND: Tensor,
  temperature: number,
  numClasses: number,
): Tensor {
  return scope(() => {
    const similarity = similarities(features_ND, bank_SD, temperature);
    const weights = sub(similarity, amax(similarity, { dim: [1], keepdim: true })).exp();
    const { dtype, device, shape } = weights;
    const perClass = zeros([shape[0], numClasses], { dtype, device }).indexAdd(1, labels, weights);
    return log(perClass.div(perClass.sum([1], { keepdim: true })).clampMin(smallestProbability));
  });
}
