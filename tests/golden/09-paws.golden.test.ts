/** @file Group 09: soft nearest neighbours, sharpening, the losses of PAWS and SuNCEt with gradients, label matrices, the learning rate. */
import { argmax, grad, optim, scope, type Tensor } from '@suave/torch';
import { pawsLoss, sharpen, suncetLoss, supportLabels } from '../../packages/suave/src/methods/paws/losses.js';
import {
  pawsNearestNeighbourScores,
  softNearestNeighbours,
} from '../../packages/suave/src/methods/paws/soft-neighbours.js';
import { testDevice } from '../fixtures/devices.js';
import { type GoldenCase, goldenGroup } from './harness.js';
import { toTensor } from './tensors.js';

type Float = 'float32' | 'float64';

const numbers = (t: Tensor) => t.data() as Float32Array;

function leaf(golden: GoldenCase, name: string, dtype: Float): Tensor {
  const tensor = toTensor(golden.tensor(name), dtype);
  tensor.requiresGrad = true;
  return tensor;
}

function checkLabels(golden: GoldenCase, dtype: Float): void {
  const labels = supportLabels(
    {
      numClasses: golden.number('num_classes'),
      imagesPerClass: golden.number('s_batch_size'),
      worldSize: golden.number('world_size'),
      uniqueClasses: golden.params.unique_classes === true,
      smoothing: golden.number('smoothing'),
    },
    { dtype, device: testDevice() },
  );
  golden.check('labels', numbers(labels));
}

function checkNeighbours(golden: GoldenCase, dtype: Float): void {
  const [query, supports, labels] = ['query', 'supports', 'labels'].map((name) => toTensor(golden.tensor(name), dtype));
  const probabilities = softNearestNeighbours(query, supports, labels, golden.number('tau'));
  golden.check('probs', numbers(probabilities));
  for (const name of golden.names('expected').filter((each) => each.startsWith('sharpened'))) {
    const temperature = /_T([\d.]+)$/.exec(name)?.[1] ?? golden.number('T');
    golden.check(name, numbers(sharpen(probabilities, Number(temperature))));
  }
}

function checkLoss(golden: GoldenCase, dtype: Float): void {
  const anchorViews = leaf(golden, 'anchor_views', dtype);
  const anchorSupports = leaf(golden, 'anchor_supports', dtype);
  const terms = pawsLoss(
    {
      anchorViews,
      anchorSupports,
      targetViews: toTensor(golden.tensor('target_views'), dtype),
      targetSupports: anchorSupports,
      supportLabels: toTensor(golden.tensor('support_labels'), dtype),
    },
    { temperature: golden.number('tau'), sharpening: golden.number('T'), meMax: golden.params.me_max === true },
  );
  golden.check('loss', [terms.crossEntropy.item()]);
  golden.check('me_max_loss', [terms.meMax.item()]);
  const [ofViews, ofSupports] = grad([terms.crossEntropy.add(terms.meMax)], [anchorViews, anchorSupports]);
  golden.check('grad_anchor_views', numbers(ofViews!));
  golden.check('grad_anchor_supports', numbers(ofSupports!));
}

function checkClassifier(golden: GoldenCase, dtype: Float): void {
  const oneHot = toTensor(golden.tensor('train_onehot'), dtype);
  const [bank, features] = ['train_embeddings', 'test_embeddings'].map((name) => toTensor(golden.tensor(name), dtype));
  const labels = argmax(oneHot, { dim: 1 });
  const scores = pawsNearestNeighbourScores(bank, labels, features, golden.number('temp'), oneHot.shape[1]);
  golden.check('probs', numbers(scores.exp()));
}

function checkSuncet(golden: GoldenCase, dtype: Float): void {
  const z = leaf(golden, 'z', dtype);
  const labels = argmax(toTensor(golden.tensor('labels')), { dim: 1 });
  const loss = suncetLoss(z, labels, golden.number('temperature'));
  golden.check('loss', [loss.item()]);
  golden.check('grad_z', numbers(grad([loss], [z])[0]!));
}

const both = (check: (golden: GoldenCase, dtype: Float) => void) => (golden: GoldenCase) => ({
  float32: () => scope(() => check(golden, 'float32')),
  float64: () => scope(() => check(golden, 'float64')),
});

goldenGroup('09', [
  { when: (golden) => 'unique_classes' in golden.params, variants: both(checkLabels) },
  { when: (golden) => golden.has('query'), variants: both(checkNeighbours) },
  { when: (golden) => 'me_max' in golden.params, variants: both(checkLoss) },
  { when: (golden) => golden.has('train_onehot'), variants: both(checkClassifier) },
  { when: (golden) => golden.has('grad_z'), variants: both(checkSuncet) },
  {
    when: (golden) => 'ref_lr' in golden.params,
    hostOnly: true,
    run: (golden) => {
      const law: optim.WarmupCosine = {
        base: golden.number('ref_lr'),
        final: golden.number('final_lr'),
        start: golden.number('start_lr'),
        warmupSteps: golden.number('warmup_steps'),
        totalSteps: golden.number('T_max'),
      };
      const steps = golden.tensor('lr').data.length;
      golden.check(
        'lr',
        Array.from({ length: steps }, (_, step) => optim.pawsWarmupCosine(law, step)),
      );
    },
  },
]);
