/**
 * @file Group 02: every term of the Suave step, through the real method on a network that returns given embeddings.
 * Shapes: L' labeled rows, B unlabeled images, D embedding, K prototypes.
 */
import { grad, keep, nn, oneHot, scope, type Tensor, zeros } from '@suave/torch';
import { lossWeights, softCrossEntropy } from '../../packages/suave/src/methods/index.js';
import { normalizeRows_, type PrototypeNetwork, type SwavOutput } from '../../packages/suave/src/models/index.js';
import { testDevice } from '../fixtures/devices.js';
import { type GoldenCase, goldenGroup } from './harness.js';
import { RecordingSuave } from './recording-suave.js';
import { toTensor } from './tensors.js';

type Float = 'float32' | 'float64';

/** A network whose embeddings and online logits are given; only its prototypes are its own. */
class GivenNetwork extends nn.Module implements PrototypeNetwork {
  readonly prototypes: nn.Linear;
  readonly embeddingSize: number;
  readonly #ensemble: boolean;
  #given: { embedding: Tensor; online: Tensor[] } | null = null;
  #logits: Tensor | null = null;

  constructor(dim: number, count: number, dtype: Float, ensemble: boolean) {
    super();
    this.prototypes = new nn.Linear(dim, count, { bias: false, dtype, device: testDevice() });
    this.embeddingSize = dim;
    this.#ensemble = ensemble;
  }

  get prototypeCounts(): number[] {
    return [this.prototypes.outFeatures];
  }

  get prototypeWeights(): Tensor[] {
    return [this.prototypes.weight];
  }

  get hasEnsembleHead(): boolean {
    return this.#ensemble;
  }

  /** Logits of the last forward, for their gradient. */
  get logits(): Tensor {
    return this.#logits!;
  }

  give(embedding: Tensor, online: Tensor[]): void {
    this.#given = { embedding, online };
  }

  forward(inputs: readonly Tensor[], numLabeled = 0): SwavOutput {
    const { embedding, online } = this.#given!;
    const [logits] = this.prototypeLogits(embedding);
    this.#logits = keep(logits);
    const sizes = inputs.map((input) => input.shape[0]);
    const layout = { numLabeled, viewRows: numLabeled > 0 ? sizes.slice(1) : sizes };
    return { features: embedding, embeddings: embedding, logits: [logits], online, layout };
  }

  prototypeLogits(embeddings: Tensor): Tensor[] {
    return [this.prototypes.forward(embeddings)];
  }

  normalizePrototypes_(): void {
    normalizeRows_(this.prototypes.weight);
  }
}

function floats(tensor: Tensor): Float32Array | Float64Array {
  return tensor.data() as Float32Array | Float64Array;
}

/** int64 class labels as one-hot rows, soft ones in the wanted type. */
function softTargets(golden: GoldenCase, name: string, classes: number, dtype: Float): Tensor {
  const stored = golden.tensor(name);
  return stored.dtype === 'I64' ? oneHot(toTensor(stored), { numClasses: classes }).to(dtype) : toTensor(stored, dtype);
}

function makeMethod(
  golden: GoldenCase,
  dtype: Float,
): { method: RecordingSuave; model: GivenNetwork; teacher: GivenNetwork | null } {
  const dim = golden.number('feat_dim');
  const count = golden.number('nmb_prototypes');
  const ensemble = golden.params.ensemble_eval === true;
  const model = new GivenNetwork(dim, count, dtype, ensemble);
  const teacher = golden.params.use_momentum === true ? new GivenNetwork(dim, count, dtype, false) : null;
  const hasQueue = golden.has('queue_before');
  const method = new RecordingSuave({
    model,
    momentumEncoder: teacher && { model: teacher, baseMomentum: golden.number('ema_momentum') },
    temperature: golden.number('temperature'),
    epsilon: golden.number('epsilon'),
    sinkhornIterations: golden.number('sinkhorn_iterations'),
    assignmentCrops: golden.params.crops_for_assign as number[],
    labelSmoothing: golden.number('label_smoothing'),
    freezePrototypesSteps: golden.number('freeze_prototypes_niters'),
    warmupProjectionEpochs: golden.number('warmup_proj_nepochs'),
    queueLength: hasQueue ? golden.tensor('queue_before').shape[1] : 0,
  });
  const state = method.state();
  state.set('model.prototypes.weight', toTensor(golden.tensor('prototypes_raw'), dtype));
  if (teacher) state.set('momentum_encoder.prototypes.weight', toTensor(golden.tensor('ema_prototypes_raw'), dtype));
  if (hasQueue) state.set('queue', toTensor(golden.tensor('queue_before'), dtype));
  method.loadState(state);
  return { method, model, teacher };
}

/** The numbers of a step under the names of the golden cases; accuracies there are percentages. */
function readings(
  golden: GoldenCase,
  terms: Record<string, Tensor>,
  loss: Tensor,
  usesQueue: boolean,
): Record<string, unknown> {
  const value = (name: string) => terms[name]?.item() ?? 0;
  const mixedLabels = golden.params.mixup_lab === true && golden.params.mixup_lab_type === 'extend';
  const labeled = golden.number('lab_batch_size');
  const mixedViews = (golden.params.mixup_unlab_idxs as number[] | null)?.length ?? 0;
  const numOriginal = mixedLabels ? labeled / 2 : labeled;
  const batch = golden.number('batch_size');
  const views = golden.number('n_views_forwarded') - mixedViews;
  const weights = lossWeights({ batch, views, labeled, mixedViews, numOriginal });
  const online = Object.keys(terms).filter((name) => /^online_top1_\d+$/.test(name));
  return {
    loss: loss.item(),
    unlab_loss: value('loss_unlabeled'),
    lab_loss: value('loss_labeled'),
    mixed_unlab_loss: value('loss_mixed'),
    online_loss: value('loss_online'),
    unlab_weight: weights.unlabeled,
    lab_weight: weights.labeled,
    mixed_unlab_weight: weights.mixed,
    online_eval_weight: weights.online,
    total_bs: weights.total,
    mixed_unlab_bs: mixedViews,
    lab_bs_no_mixed: numOriginal,
    unlab_acc1: 100 * value('pseudo_label_top1'),
    unlab_acc5: 100 * value('pseudo_label_top5'),
    lab_acc1: 100 * value('labeled_top1'),
    lab_acc5: 100 * value('labeled_top5'),
    online_lab_acc1: online.map((name) => 100 * value(name)),
    ensemble_acc1: 100 * value('ensemble_top1'),
    use_the_queue: usesQueue,
  };
}

/** Accuracies are shares of few rows: in float32 they carry the rounding of a mean. */
function checkReadings(golden: GoldenCase, step: string, got: Record<string, unknown>): void {
  const expected = Object.keys(golden.expectedValues).filter((name) => name.startsWith(`${step}.`));
  const percent = (value: unknown) => (typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value);
  for (const name of expected) {
    const reading = got[name.slice(step.length + 1)];
    if (reading === undefined) throw new Error(`${golden.id}: nothing measures "${name}".`);
    if (!/_acc\d/.test(name)) golden.checkValue(name, reading);
    else if (
      JSON.stringify([reading].flat().map(percent)) !==
      JSON.stringify([golden.expectedValues[name]].flat().map(percent))
    )
      throw new Error(`${golden.id}/${name}: expected ${golden.expectedValues[name]}, got ${reading}.`);
  }
}

function runStep(golden: GoldenCase, index: number, dtype: Float, made: ReturnType<typeof makeMethod>): void {
  const { method, model, teacher } = made;
  const step = `s${index}`;
  const batch = golden.number('batch_size');
  const labeled = golden.number('lab_batch_size');
  const mixed = (golden.params.mixup_unlab_idxs as number[] | null) ?? [];
  const embedding = toTensor(golden.tensor(`${step}.embedding`), dtype);
  embedding.requiresGrad = true;
  const online: Tensor[] = [];
  while (golden.has(`${step}.online_logits${online.length}`)) {
    const logits = toTensor(golden.tensor(`${step}.online_logits${online.length}`), dtype);
    logits.requiresGrad = true;
    online.push(logits);
  }
  model.give(embedding, online);
  teacher?.give(toTensor(golden.tensor(`${step}.ema_embedding_globals`), dtype), []);
  const mixup = golden.params.mixup_lab === true && golden.params.mixup_lab_type === 'extend';
  const image = (rows: number) => zeros([rows, 1, 1, 1], { dtype, device: testDevice() });
  const usesQueue = method.queue?.isFull ?? false;
  const progress = { step: 0, epoch: 0, stepsPerEpoch: 1, epochs: 1, totalSteps: 1 };
  const { loss, terms } = method.step(
    {
      labeled: {
        images: image(labeled),
        targets: softTargets(golden, `${step}.lab_targets`, golden.number('nmb_prototypes'), dtype),
        numOriginal: mixup ? labeled / 2 : labeled,
      },
      unlabeled: {
        views: Array.from({ length: golden.number('n_views_forwarded') }, () => image(batch)),
        mixedPositions: mixed,
        mixedLambdas: (golden.params.mixup_unlab_lams as number[][] | null)?.[index] ?? [],
        hiddenLabels: toTensor(golden.tensor(`${step}.unlab_labels`)),
      },
    },
    progress,
  );
  golden.check(`${step}.prototypes_normalised`, floats(model.prototypes.weight));
  golden.check(`${step}.logits`, floats(model.logits));
  for (const [crop, q] of method.pseudoLabels.entries()) golden.check(`${step}.pseudo_labels${crop}`, floats(q));
  if (golden.has(`${step}.queue_after`)) golden.check(`${step}.queue_after`, floats(method.queue!.values));
  checkReadings(golden, step, readings(golden, terms, loss, usesQueue));

  const [toEmbedding, toLogits, toPrototypes, ...toOnline] = grad(
    [loss],
    [embedding, model.logits, model.prototypes.weight, ...online],
  );
  golden.check(`${step}.grad_embedding`, floats(toEmbedding!));
  golden.check(`${step}.grad_logits`, floats(toLogits!));
  golden.check(`${step}.grad_prototypes`, floats(toPrototypes!));
  for (const [i, gradient] of toOnline.entries()) golden.check(`${step}.grad_online_logits${i}`, floats(gradient!));
  method.afterStep(progress);
}

function checkLoss(golden: GoldenCase, dtype: Float): void {
  const made = makeMethod(golden, dtype);
  for (let index = 0; index < golden.number('steps'); index++) scope(() => runStep(golden, index, dtype, made));
  if (golden.has('ema_prototypes_after')) golden.check('ema_prototypes_after', floats(made.teacher!.prototypes.weight));
  made.method.dispose();
}

function checkCrossEntropy(golden: GoldenCase, dtype: Float): void {
  scope(() => {
    const logits = toTensor(golden.tensor('logits'), dtype);
    logits.requiresGrad = true;
    const target = golden.tensor('target');
    const loss = softCrossEntropy(logits, toTensor(target, target.dtype === 'I64' ? 'int64' : dtype), {
      temperature: golden.number('temperature'),
      labelSmoothing: golden.number('label_smoothing'),
    });
    golden.check('loss', [loss.item()]);
    golden.check('grad_logits', floats(grad([loss], [logits])[0]!));
  });
}

const both = (check: (golden: GoldenCase, dtype: Float) => void) => (golden: GoldenCase) => ({
  float32: () => check(golden, 'float32'),
  float64: () => check(golden, 'float64'),
});

goldenGroup('02', [
  { when: (golden) => 'soft' in golden.params, variants: both(checkCrossEntropy) },
  { when: (golden) => golden.has('prototypes_raw'), variants: both(checkLoss) },
]);
