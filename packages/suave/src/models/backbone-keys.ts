/** @file State-dict keys of backbones: which keys of a network belong to its backbone, and which a complete backbone has. */

/** Entries of one batch norm. */
const BATCH_NORM = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'];
/** Files from before PyTorch 0.4.1 lack the counter, and nothing of ours reads it. */
const COUNTER = 'num_batches_tracked';

const RESNET_KEY = /^(?:(?:conv1|bn1)\.|layer\d+\.\d+\.)/;
const WIDE_RESNET_KEY = /^(?:(?:conv1|bn1)\.|block\d+\.layer\.\d+\.)/;
const TRANSFORMER_KEY = /^(?:cls_token$|pos_embed$|patch_embed\.proj\.|blocks\.\d+\.|norm\.)/;

/** Whether a key, without any prefix, is an entry of a backbone of ours. */
export function isBackboneKey(key: string): boolean {
  return RESNET_KEY.test(key) || WIDE_RESNET_KEY.test(key) || TRANSFORMER_KEY.test(key);
}

/** Whether an entry counts when a backbone is looked at for completeness. */
export function isCounted(key: string): boolean {
  return !key.endsWith(COUNTER);
}

/** What kind of backbone a set of keys is, and the keys that a complete one of that form has. */
export interface BackboneForm {
  /** In words: `a ResNet of 3, 4, 6, 3 bottleneck blocks`. */
  readonly text: string;
  /** The named architecture of this form, null where there is none. */
  readonly arch: string | null;
  readonly keys: readonly string[];
}

const weightAndBias = (name: string): string[] => [`${name}.weight`, `${name}.bias`];
const batchNorm = (name: string): string[] => BATCH_NORM.map((entry) => `${name}.${entry}`);

const RESNETS: Readonly<Record<string, string>> = {
  'basic 1,1,1': 'resnet8',
  'basic 2,2,2': 'resnet14',
  'basic 3,3,3': 'resnet20',
  'basic 2,2,2,2': 'resnet18',
  'basic 3,4,6,3': 'resnet34',
  'bottleneck 3,4,6,3': 'resnet50',
};

/** Stages and blocks as keys number them. A network has no more of them; larger numbers of a file ask for nothing but memory. */
const STAGED = { resnet: /^layer([1-9])\.(\d{1,3})\./, wide: /^block([1-9])\.layer\.(\d{1,3})\./ };
const TRANSFORMER_BLOCK = /^blocks\.(\d{1,3})\./;

/** Blocks of each stage from 1 on, of keys that `pattern` matches: stage and block. A stage that is missing between others had one at least. */
function counts(keys: readonly string[], pattern: RegExp): number[] {
  const found: number[] = [];
  for (const key of keys) {
    const match = pattern.exec(key);
    if (match === null) continue;
    const stage = Number(match[1]) - 1;
    found[stage] = Math.max(found[stage] ?? 0, Number(match[2]) + 1);
  }
  return Array.from(found, (count) => count ?? 1);
}

function resnetForm(keys: readonly string[], blocks: readonly number[]): BackboneForm {
  const isBottleneck = keys.some((key) => /^layer\d+\.\d+\.conv3\./.test(key));
  const convolutions = isBottleneck ? 3 : 2;
  const expected = ['conv1.weight', ...batchNorm('bn1')];
  for (const [stage, count] of blocks.entries()) {
    for (let block = 0; block < count; block++) {
      const name = `layer${stage + 1}.${block}`;
      for (let i = 1; i <= convolutions; i++) expected.push(`${name}.conv${i}.weight`, ...batchNorm(`${name}.bn${i}`));
      if (block === 0 && (isBottleneck || stage > 0))
        expected.push(`${name}.downsample.0.weight`, ...batchNorm(`${name}.downsample.1`));
    }
  }
  const kind = isBottleneck ? 'bottleneck' : 'basic';
  const arch = RESNETS[`${kind} ${blocks.join(',')}`] ?? null;
  return { text: arch ?? `a ResNet of ${blocks.join(', ')} ${kind} blocks`, arch, keys: expected };
}

function transformerForm(keys: readonly string[], depth: number, width: number | undefined): BackboneForm {
  const hasQkvBias = keys.some((key) => key.endsWith('attn.qkv.bias'));
  const expected = ['cls_token', 'pos_embed', ...weightAndBias('patch_embed.proj'), ...weightAndBias('norm')];
  for (let i = 0; i < depth; i++) {
    const name = `blocks.${i}`;
    for (const part of ['norm1', 'attn.proj', 'norm2', 'mlp.fc1', 'mlp.fc2'])
      expected.push(...weightAndBias(`${name}.${part}`));
    expected.push(`${name}.attn.qkv.weight`, ...(hasQkvBias ? [`${name}.attn.qkv.bias`] : []));
  }
  const named = new Map([
    [192, 'vit_tiny'],
    [384, 'vit_small'],
    [768, 'vit_base'],
  ]);
  const arch = depth === 12 && width !== undefined ? (named.get(width) ?? null) : null;
  return { text: arch ?? `a vision transformer of ${depth} blocks`, arch, keys: expected };
}

/** Names of WRN-28-k are told apart by the channels of the first block. */
function wideResnetForm(
  blocks: readonly number[],
  base: number,
  shapes: ReadonlyMap<string, readonly number[]>,
): BackboneForm {
  const expected = [...weightAndBias('conv1'), ...batchNorm('bn1')];
  for (const [group, count] of blocks.entries()) {
    for (let i = 0; i < count; i++) {
      const name = `block${group + 1}.layer.${i}`;
      for (const part of ['1', '2'])
        expected.push(...batchNorm(`${name}.bn${part}`), ...weightAndBias(`${name}.conv${part}`));
      if (i === 0) expected.push(...weightAndBias(`${name}.convShortcut`));
    }
  }
  const depth = 2 * blocks.reduce((sum, count) => sum + count, 0) + 4;
  const widen = (shapes.get('block1.layer.0.conv1.weight')?.[0] ?? 0) / base;
  const name = `wrn-${depth}-${widen}`;
  return { text: name, arch: name === 'wrn-28-2' || name === 'wrn-28-8' ? name : null, keys: expected };
}

/**
 * Recognises the form of a backbone by its keys.
 * @param shapes  shapes by key, without any prefix; other keys than a backbone's are passed over
 * @returns null when there is no first layer of a known network
 */
export function backboneForm(shapes: ReadonlyMap<string, readonly number[]>): BackboneForm | null {
  const keys = [...shapes.keys()];
  const stages = counts(keys, STAGED.resnet);
  const groups = counts(keys, STAGED.wide);
  if (keys.some((key) => TRANSFORMER_KEY.test(key))) {
    const depth = keys.reduce((most, key) => Math.max(most, Number(TRANSFORMER_BLOCK.exec(key)?.[1] ?? -1) + 1), 0);
    return transformerForm(keys, depth, shapes.get('cls_token')?.at(-1));
  }
  if (!shapes.has('conv1.weight')) return null;
  if (groups.length > 0) return wideResnetForm(groups, shapes.get('conv1.weight')![0], shapes);
  return stages.length > 0 ? resnetForm(keys, stages) : null;
}
