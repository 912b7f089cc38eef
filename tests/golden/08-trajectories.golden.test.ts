/**
 * @file Group 08: six official training steps with the real method, model and optimizer: losses, pseudo-labels, queue,
 * and a checksum of every state entry after each step, in float32 and in float64.
 */
import { cat, optim, scope, type Tensor } from '@suave/torch';
import { assertNumbers, type GoldenCase, goldenGroup } from './harness.js';
import { buildSwavModel, doubles, fillModel, floatingEntries, type ModelParams } from './model-cases.js';
import { RecordingSuave } from './recording-suave.js';
import { imagesFromBytes, toTensor } from './tensors.js';
import { type Fill, norm, project } from './waves.js';

type Float = 'float32' | 'float64';

interface Draw {
  readonly lam_drawn: number;
  readonly use_cutmix: boolean;
  readonly bbox: [top: number, bottom: number, left: number, right: number] | null;
}

interface MixDraws {
  readonly unlabeled: Draw;
  readonly unlabeled_lam_used: number;
  readonly labeled: Draw;
}

/** Mixes a batch with another one in reversed order, by recorded draws (specification 6.6). */
function mixed(first: Tensor, second: Tensor, draw: Draw): Tensor {
  const flipped = second.flip([0]);
  if (!draw.use_cutmix) return first.mul(draw.lam_drawn).add(flipped.mul(1 - draw.lam_drawn));
  const [top, bottom, left, right] = draw.bbox!;
  const result = first.clone();
  const box = (images: Tensor) => images.narrow(2, top, bottom - top).narrow(3, left, right - left);
  box(result).copy_(box(flipped));
  return result;
}

const PREFIXES = { student: '', teacher: 'ema_' } as const;

/** What a run leaves behind for comparison, one row per step. */
interface Trajectory {
  readonly losses: number[][];
  readonly norms: Record<string, number[][]>;
  readonly projections: Record<string, number[][]>;
  readonly pseudoLabels: number[];
}

function batchOf(golden: GoldenCase, step: number, dtype: Float) {
  const image = (name: string) => imagesFromBytes(golden.tensor(`s${step}/${name}`), dtype);
  const draws = (golden.params.mixup_draws as MixDraws[] | null)?.[step] ?? null;
  const [globals, locals] = golden.params.nmb_crops as [number, number];
  const views = [
    ...Array.from({ length: globals }, (_, i) => image(`global${i + 1}_u8`)),
    ...Array.from({ length: locals }, (_, i) => image(`local${i + 1}_u8`)),
  ];
  const mixUnlabeled = draws !== null && golden.params.mixup_unlab === true;
  if (mixUnlabeled) views.splice(2, 0, mixed(views[0], views[1], draws.unlabeled));
  const originals = image('labeled_u8');
  const classes = (golden.params.model as ModelParams).num_classes!;
  const mixLabeled = draws !== null && golden.params.mixup_lab === true;
  return {
    labeled: {
      images: mixLabeled ? cat([originals, mixed(originals, originals, draws.labeled)]) : originals,
      targets: golden.has(`s${step}/labeled_targets`)
        ? toTensor(golden.tensor(`s${step}/labeled_targets`), dtype)
        : toTensor(golden.tensor(`s${step}/labeled_y`))
            .oneHot({ numClasses: classes })
            .to(dtype),
      numOriginal: originals.shape[0],
    },
    unlabeled: {
      views,
      mixedPositions: mixUnlabeled ? [2] : [],
      mixedLambdas: mixUnlabeled ? [draws.unlabeled_lam_used] : [],
      hiddenLabels: toTensor(golden.tensor(`s${step}/unlabeled_y`)),
    },
  };
}

const COUNTS: Record<string, number> = { one: 1, two: 2, three: 3, four: 4, five: 5, six: 6 };

/** "in two epochs of three iterations" of the description; one epoch where it says nothing. */
function epochsOf(golden: GoldenCase): number {
  return COUNTS[/(\w+) epochs of/.exec(golden.entry.checks)?.[1] ?? ''] ?? 1;
}

function makeRun(golden: GoldenCase, dtype: Float) {
  const params = golden.params.model as ModelParams & { readonly ema_model: string | null };
  const momenta = golden.params.ema_momentum_per_step as number[] | null;
  const model = fillModel(buildSwavModel(params, dtype), params.fill as Fill);
  const method = new RecordingSuave({
    model,
    momentumEncoder: momenta && { model: buildSwavModel(params, dtype, false), baseMomentum: momenta[0] },
    temperature: golden.number('temperature'),
    epsilon: golden.number('epsilon'),
    sinkhornIterations: golden.number('sinkhorn_iterations'),
    assignmentCrops: golden.params.crops_for_assign as number[],
    labelSmoothing: golden.number('label_smoothing'),
    queueLength: golden.number('queue_length'),
    freezePrototypesSteps: golden.number('freeze_prototypes_niters'),
    warmupProjectionEpochs: golden.number('warmup_proj_nepochs'),
  });
  method.train();
  const settings = golden.params.optimizer as { momentum: number; weight_decay: number; eta: number };
  const optimizer = new optim.LARS(method.trainableParameters(), {
    lr: 0,
    momentum: settings.momentum,
    weightDecay: settings.weight_decay,
    trustCoefficient: settings.eta,
  });
  return { method, optimizer };
}

function train(golden: GoldenCase, dtype: Float): { record: Trajectory; method: RecordingSuave; dispose: () => void } {
  const { method, optimizer } = makeRun(golden, dtype);
  const rates = golden.params.lr_per_step as number[];
  const momenta = golden.params.ema_momentum_per_step as number[] | null;
  const epochs = epochsOf(golden);
  const stepsPerEpoch = rates.length / epochs;
  const record: Trajectory = {
    losses: [],
    norms: { '': [], ema_: [] },
    projections: { '': [], ema_: [] },
    pseudoLabels: [],
  };
  for (const [step, lr] of rates.entries()) {
    const progress = { step, epoch: Math.floor(step / stepsPerEpoch), stepsPerEpoch, epochs, totalSteps: rates.length };
    scope(() => {
      for (const group of optimizer.paramGroups) group.lr = lr;
      const { loss, terms } = method.step(batchOf(golden, step, dtype), progress);
      optimizer.zeroGrad();
      loss.backward();
      method.afterBackward(progress);
      optimizer.step();
      method.afterStep(progress);
      const term = (name: string) => terms[name]?.item() ?? 0;
      record.losses.push([
        loss.item(),
        term('loss_unlabeled'),
        term('loss_labeled'),
        term('loss_mixed'),
        term('loss_online'),
        lr,
      ]);
      for (const q of method.pseudoLabels) record.pseudoLabels.push(...doubles(q));
    });
    if (momenta) {
      const { momentum_encoder: momentum } = method.schedules(progress);
      assertNumbers([momentum], [momenta[step]], { atol: 1e-12 }, `${golden.id}: momentum of step ${step}`);
    }
    for (const [who, prefix] of Object.entries(PREFIXES)) {
      const network = who === 'student' ? method.model : method.teacher;
      if (!network || !(`${prefix}state_entry_order` in golden.expectedValues)) continue;
      const entries = floatingEntries(network);
      golden.checkValue(`${prefix}state_entry_order`, [...entries.keys()]);
      record.norms[prefix].push([...entries.values()].map((entry) => norm(doubles(entry))));
      record.projections[prefix].push([...entries].map(([name, entry]) => project(`sum:${name}`, doubles(entry))));
    }
  }
  const dispose = () => {
    method.dispose();
    optimizer.dispose();
  };
  return { record, method, dispose };
}

/** R[step] · norm of the entry; R is the largest relative deviation of the step, biases before a batch norm excepted. */
function checksumTolerance(golden: GoldenCase, prefix: string): number[] {
  const names = golden.expectedValues[`${prefix}state_entry_order`] as string[];
  const rtol = golden.tensor(`${prefix}state_rtol`).data as Float64Array;
  const norms = golden.tensor(`${prefix}state_norm`).data as Float64Array;
  const noisy = names.map((name) => /^projection_head\..*\.0\.bias$/.test(name));
  const allowed: number[] = [];
  for (let row = 0; row < rtol.length; row += names.length) {
    const largest = Math.max(...names.map((_, i) => (noisy[i] ? 0 : rtol[row + i])));
    for (let i = 0; i < names.length; i++) allowed.push((noisy[i] ? rtol[row + i] : largest) * norms[row + i]);
  }
  return allowed;
}

function perStep(golden: GoldenCase, name: string): number[] {
  const stored = golden.description(name)?.tolerance;
  const steps = typeof stored === 'object' ? stored.per_step_atol : undefined;
  if (!steps) throw new Error(`${golden.id}/${name}: expected a tolerance per step.`);
  const perRow = golden.tensor(name).data.length / steps.length;
  return steps.flatMap((atol) => new Array<number>(perRow).fill(atol));
}

function checkTrajectory(golden: GoldenCase, dtype: Float): void {
  const { record, method, dispose } = train(golden, dtype);
  const single = dtype === 'float32';
  const suffix = single ? '' : '_f64';
  const losses = record.losses.flat();
  const lossTolerance = single
    ? { allowed: golden.tensor('losses_atol').data as Float64Array }
    : golden.tolerance('losses_f64');
  golden.check(`losses${suffix}`, losses, lossTolerance);
  for (const prefix of Object.keys(record.norms)) {
    if (record.norms[prefix].length === 0) continue;
    const tolerance = single ? { allowed: checksumTolerance(golden, prefix) } : undefined;
    golden.check(`${prefix}state_norm${suffix}`, record.norms[prefix].flat(), tolerance);
    golden.check(`${prefix}state_proj${suffix}`, record.projections[prefix].flat(), tolerance);
  }
  golden.check(
    `pseudo_labels${suffix}`,
    record.pseudoLabels,
    single ? { allowed: perStep(golden, 'pseudo_labels') } : undefined,
  );
  golden.check(`queue_final${suffix}`, doubles(method.queue!.values));
  golden.check(`prototypes_final${suffix}`, doubles(method.model.stateDict().get('prototypes.weight')!));
  dispose();
}

goldenGroup('08', [
  {
    when: (golden) => golden.names('expected').length === 0,
    run: (golden) => golden.names('input').forEach((name) => void golden.tensor(name)),
  },
  {
    when: (golden) => 'sinkhorn_iterations' in golden.params,
    variants: (golden) => ({
      float32: () => checkTrajectory(golden, 'float32'),
      float64: () => checkTrajectory(golden, 'float64'),
    }),
  },
  { when: (golden) => 'teacher_temp' in golden.params, skip: 'belongs to the ViT/DINO issue: Daino' },
]);
