/** @file The weights of a network out of any file of tensors: what is recognised, how complete it is, and the tensors themselves. */
import { openTensorFile, type StoredTensor, type Tensor, type TensorFile } from '@suave/torch';
import { CheckpointError, listNames } from '../errors.js';
import { type BackboneForm, backboneForm, isBackboneKey, isCounted } from './backbone-keys.js';
import {
  type LayoutOptions,
  type RecognizedCheckpoint,
  recognizeCheckpoint,
  type SkippedKey,
} from './checkpoint-layouts.js';
import { type BackboneShare, leastBackboneShare } from './loading.js';
import { backboneFamily, createBackbone } from './registry.js';

/** What is imported of a file. */
export interface ImportOptions extends LayoutOptions {
  /** Named architecture that the backbone must be; without it, the form that the keys show. */
  readonly arch?: string | null;
  /** Accept less than 90 % of the backbone. Default false. */
  readonly allowPartial?: boolean;
}

/** A file's network, its tensors still in the file. */
export interface ImportPlan extends RecognizedCheckpoint<StoredTensor> {
  /** The backbone in words: `resnet50`. */
  readonly backbone: string;
  readonly share: BackboneShare;
  /** Entries that a complete backbone has and the file lacks. */
  readonly missing: string[];
}

/** What a backbone of a name has, in the variant that the file's shapes show. */
function namedForm(arch: string, weights: ReadonlyMap<string, StoredTensor>): Map<string, readonly number[]> {
  const shape = (key: string): readonly number[] => weights.get(key)?.shape ?? [];
  const family = backboneFamily(arch);
  const patchSize = shape('patch_embed.proj.weight')[2] ?? 16;
  const grid = Math.round(Math.sqrt((shape('pos_embed')[1] ?? 197) - 1));
  const options =
    family === 'vision-transformer'
      ? { patchSize, imageSize: patchSize * Math.max(1, grid) }
      : family === 'resnet' && shape('conv1.weight')[2] !== undefined
        ? { stem: shape('conv1.weight')[2] === 3 ? ('cifar' as const) : ('imagenet' as const) }
        : {};
  const backbone = createBackbone(arch, options);
  try {
    return new Map([...backbone.stateDict()].map(([key, tensor]) => [key, tensor.shape]));
  } finally {
    backbone.dispose();
  }
}

/** Expected keys with their shapes, or null for shapes that nobody knows. */
function expectedEntries(
  arch: string | null,
  form: BackboneForm | null,
  weights: ReadonlyMap<string, StoredTensor>,
): Map<string, readonly number[] | null> {
  if (arch !== null) return namedForm(arch, weights);
  return new Map((form?.keys ?? []).map((key) => [key, null]));
}

function bare(weights: ReadonlyMap<string, StoredTensor>): Map<string, StoredTensor> {
  return new Map([...weights].map(([key, tensor]) => [key.replace(/^backbone\./, ''), tensor]));
}

/**
 * Decides what of an open file is the network, and checks that its backbone is there.
 * @throws CheckpointError when no network is recognised, or less than 90 % of its backbone is there and that is not allowed
 */
export function planImport(file: TensorFile, options: ImportOptions = {}): ImportPlan {
  const recognized = recognizeCheckpoint(file.path, file.tensors, options);
  const weights = bare(recognized.weights);
  const form = backboneForm(new Map([...weights].map(([key, { shape }]) => [key, shape])));
  const { arch = null } = options;
  const expected = expectedEntries(arch, form, weights);
  const skipped: SkippedKey[] = [...recognized.skipped];
  const missing: string[] = [];
  let [loaded, numbers, present] = [0, 0, 0];
  let total = 0;
  for (const [key, shape] of expected) {
    if (!isCounted(key)) continue;
    total++;
    const stored = weights.get(key);
    const numel = (shape ?? stored?.shape ?? [1]).reduce((product, size) => product * size, 1);
    numbers += numel;
    if (stored !== undefined && (shape === null || shape.join() === stored.shape.join())) {
      loaded++;
      present += numel;
    } else {
      missing.push(key);
      if (stored !== undefined)
        skipped.push({
          key,
          reason: `shape [${stored.shape.join(', ')}] in the file, [${shape!.join(', ')}] in ${arch}`,
        });
    }
  }
  const share = total === 0 ? 0 : Math.min(loaded / total, numbers === 0 ? 1 : present / numbers);
  const backbone = arch ?? form?.text ?? 'an unknown backbone';
  if (share < leastBackboneShare && options.allowPartial !== true) {
    throw new CheckpointError(
      `${file.path}: expected at least ${100 * leastBackboneShare} % of the backbone ${backbone}, got ${loaded} of ${total} entries${missing.length === 0 ? '' : `; missing: ${listNames(missing, 3)}`}. Use a whole checkpoint of this architecture, or --allow-partial.`,
      { code: 'CHECKPOINT_PARTIAL' },
    );
  }
  return {
    ...recognized,
    weights: fitting(recognized.weights, expected),
    skipped,
    backbone,
    share: { loaded, total, share },
    missing,
  };
}

/** Without the entries of a backbone whose shape is another than that of the architecture asked for. */
function fitting(
  weights: ReadonlyMap<string, StoredTensor>,
  expected: ReadonlyMap<string, readonly number[] | null>,
): Map<string, StoredTensor> {
  return new Map(
    [...weights].filter(([key, tensor]) => {
      const name = key.replace(/^backbone\./, '');
      if (!isBackboneKey(name)) return true;
      const shape = expected.get(name);
      return shape === null || shape === undefined || shape.join() === tensor.shape.join();
    }),
  );
}

/**
 * Reads tensors of a file.
 * @param limit  bytes that they may take together, four times the file: views of one storage can be many
 * @returns      new tensors on the CPU; the caller owns them
 */
export function readTensors(file: TensorFile, stored: ReadonlyMap<string, StoredTensor>): Map<string, Tensor> {
  const bytes = [...stored.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0);
  if (bytes > 4 * file.size) {
    throw new CheckpointError(
      `${file.path}: expected tensors of about the size of the file, got ${bytes} bytes in ${file.size}. Do not use the file.`,
      { code: 'CHECKPOINT_LAYOUT' },
    );
  }
  const tensors = new Map<string, Tensor>();
  try {
    for (const [key, tensor] of stored) tensors.set(key, tensor.read());
    return tensors;
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose();
    throw error;
  }
}

/** Reads the network of a checkpoint file: opens it, chooses, reads and closes. */
export function importWeights(
  path: string,
  options: ImportOptions = {},
): { plan: ImportPlan; tensors: Map<string, Tensor> } {
  const file = openTensorFile(path);
  try {
    const plan = planImport(file, options);
    return { plan, tensors: readTensors(file, plan.weights) };
  } finally {
    file.close();
  }
}
