/**
 * @file Which entries of a checkpoint are the weights of a network, and under which published keys: released and trained
 * files of SwAV, Suave, DINO, Daino, PAWS, solo-learn, torchvision and timm, in any container. Pure functions on maps.
 */
import { CheckpointError, listNames } from '../errors.js';
import { isBackboneKey } from './backbone-keys.js';
import { hasSwavProjection, remapSwavProjection } from './swav-keys.js';
import { isTorchvisionTransformer, renameTorchvisionTransformer } from './torchvision-keys.js';

/** Which of two networks of self-distillation: the one that learns, or its average. */
export type Branch = 'student' | 'teacher';

/** How much of a network is taken. */
export type CheckpointPart = 'backbone' | 'backbone+head';

/** What is chosen of a checkpoint. */
export interface LayoutOptions {
  /** Of files that hold both; asking for one of a file that has none is an error. Default: the teacher. */
  readonly which?: Branch | null;
  /** What to take where nothing is asked for and the file holds both. Default `teacher` (specification 5.5). */
  readonly preferred?: Branch;
  /** Default `backbone`. */
  readonly part?: CheckpointPart;
}

/** An entry that was left out. */
export interface SkippedKey {
  /** As in the file. */
  readonly key: string;
  readonly reason: string;
}

/** The network of a checkpoint. */
export interface RecognizedCheckpoint<T> {
  /** In words: `DINO, teacher`. */
  readonly layout: string;
  /**
   * By published key: a backbone's without prefix, beside it SwAV's heads under Suave's names (`projection_head.0.0`)
   * and PAWS's (`fc.fc1`, `pred.bn1`). With DINO's head the keys are `backbone.*` and `head.*`, as of its teacher.
   */
  readonly weights: Map<string, T>;
  readonly skipped: SkippedKey[];
}

interface Container<T> {
  /** Keys of the containers joined by `/`, empty for a bare file. */
  readonly name: string;
  /** Entries by their last key. */
  readonly entries: Map<string, T>;
}

const PREFIXES = ['module.', '_orig_mod.', 'state_dict.'];
/** Where files of one network keep it, by preference. */
const NETWORK_CONTAINERS = ['state_dict', 'encoder', 'model', 'model_state', ''];
/** Prefixes of the networks in a checkpoint of a run of Suave. */
const RUN_PREFIXES: Readonly<Record<Branch, string>> = { student: 'model.', teacher: 'momentum_encoder.' };

/** A key without the wrappers of distributed training and compilation. */
export function stripWrappers(key: string): string {
  let name = key;
  for (let before = ''; before !== name; ) {
    before = name;
    for (const prefix of PREFIXES) if (name.startsWith(prefix)) name = name.slice(prefix.length);
  }
  return name;
}

function containersOf<T>(tensors: ReadonlyMap<string, T>): Container<T>[] {
  const containers = new Map<string, Container<T>>();
  for (const [path, tensor] of tensors) {
    const cut = path.lastIndexOf('/');
    const name = path.slice(1, Math.max(cut, 1));
    let container = containers.get(name);
    if (container === undefined) {
      container = { name, entries: new Map() };
      containers.set(name, container);
    }
    container.entries.set(path.slice(cut + 1), tensor);
  }
  return [...containers.values()];
}

function isNetwork<T>({ entries }: Container<T>): boolean {
  for (const key of entries.keys()) {
    const name = stripWrappers(key).replace(/^(?:(?:model|momentum_encoder)\.)?(?:backbone\.)?/, '');
    if (isBackboneKey(name) || isTorchvisionTransformer(name)) return true;
  }
  return false;
}

/** The container of a name, at whatever depth. */
function named<T>(containers: readonly Container<T>[], name: string): Container<T> | undefined {
  return containers.find((container) => container.name === name || container.name.endsWith(`/${name}`));
}

function chooseContainer<T>(
  file: string,
  containers: readonly Container<T>[],
  { which = null, preferred = 'teacher' }: LayoutOptions,
): Container<T> {
  const networks = containers.filter(isNetwork);
  const branch =
    named(networks, which ?? preferred) ?? (which === null ? named(networks, otherBranch(preferred)) : undefined);
  if (branch !== undefined) return branch;
  for (const name of NETWORK_CONTAINERS) {
    const found = named(networks, name);
    if (found !== undefined) return found;
  }
  if (networks[0] !== undefined) return networks[0];
  const keys = containers.flatMap(({ entries }) => [...entries.keys()]);
  throw new CheckpointError(
    `${file}: expected the weights of a ResNet, wide ResNet or vision transformer, got ${keys.length === 0 ? 'no tensors' : listNames(keys, 3)}. Use a checkpoint of one of these networks.`,
    { code: 'CHECKPOINT_LAYOUT' },
  );
}

function otherBranch(branch: Branch): Branch {
  return branch === 'teacher' ? 'student' : 'teacher';
}

/** The last part of a container's name, if it is one of self-distillation's networks. */
function branchOf(name: string): Branch | null {
  const last = name.slice(name.lastIndexOf('/') + 1);
  return last === 'student' || last === 'teacher' ? last : null;
}

function refuseBranch(file: string, which: Branch): never {
  throw new CheckpointError(
    `${file}: expected a checkpoint with a ${which}, got one of a single network. Leave out the choice between student and teacher.`,
    { code: 'CHECKPOINT_LAYOUT' },
  );
}

/** Heads by layout: the key under which a head is kept, or why it is left out. */
type Place = { readonly key: string } | { readonly reason: string };

const CLASSIFIER: Place = { reason: 'a classifier for the classes of another task' };
const UNKNOWN: Place = { reason: 'no entry of a network that is known here' };

/** Of files whose backbone has no prefix. */
function placeFlat(name: string): Place {
  if (isBackboneKey(name)) return { key: name };
  if (/^(?:projection_head|prototypes|cls_heads|cls_ensemble|pred|head\.(?:mlp|last_layer|cls_heads))\b/.test(name))
    return { key: name };
  if (/^fc\.(?:fc|bn)\d/.test(name)) return { key: name };
  return /^(?:fc|head|heads|head_dist|fc_norm|classifier)\b/.test(name) ? CLASSIFIER : UNKNOWN;
}

/** Of files whose backbone is under `backbone.`: DINO, and Lightning as solo-learn uses it. */
function placeUnderBackbone(name: string): Place {
  if (name.startsWith('backbone.')) {
    const inner = name.slice('backbone.'.length);
    if (isBackboneKey(inner)) return { key: inner };
    return /^(?:fc|head|classifier)\b/.test(inner) ? CLASSIFIER : UNKNOWN;
  }
  if (/^head\.(?:mlp|last_layer|cls_heads)\b/.test(name)) return { key: name };
  if (/^projector\.\d+\./.test(name)) return { key: name.replace('projector.', 'projection_head.') };
  if (name.startsWith('momentum_')) return { reason: 'the average of another entry' };
  if (name === 'queue') return { reason: 'embeddings of images, not weights' };
  if (name.startsWith('prototypes')) return { reason: 'prototypes of another form' };
  return /^(?:classifier|fc|head)\b/.test(name) ? CLASSIFIER : UNKNOWN;
}

function layoutName(container: string, keys: readonly string[], branch: Branch | null): string {
  const has = (pattern: RegExp) => keys.some((key) => pattern.test(key));
  if (branch !== null) return `DINO or Daino, ${branch}`;
  if (has(/^fc\.fc1\./)) return 'PAWS';
  if (has(/^(?:momentum_backbone|projector)\./)) return 'solo-learn (Lightning)';
  if (has(/^head\.last_layer\./)) return 'DINO or Daino';
  if (has(/^cls_heads\.|^projection_head\.\d+\.\d+\./)) return 'Suave';
  if (has(/^(?:projection_head|prototypes)\./)) return 'SwAV';
  if (has(/^cls_token$/)) return 'a vision transformer of DINO or timm';
  return container === '' ? 'a backbone, as of torchvision or timm' : `a backbone under ${container}`;
}

/** The entries of the network in a checkpoint of a run of Suave, and whose they are. */
function networkOfRun<T>(
  file: string,
  entries: ReadonlyMap<string, T>,
  { which = null, preferred = 'teacher' }: LayoutOptions,
  skip: (key: string, reason: string) => void,
): { entries: Map<string, T>; branch: Branch | null } | null {
  const keys = [...entries.keys()];
  const has = (prefix: string) => keys.some((key) => key.startsWith(prefix));
  if (!has(RUN_PREFIXES.student)) return null;
  const hasTeacher = has(RUN_PREFIXES.teacher);
  if (which !== null && !hasTeacher) refuseBranch(file, which);
  const branch = which ?? (hasTeacher ? preferred : 'student');
  const prefix = RUN_PREFIXES[branch];
  const network = new Map<string, T>();
  for (const [key, tensor] of entries) {
    if (key.startsWith(prefix)) network.set(key.slice(prefix.length), tensor);
    else skip(key, 'state of the run beside the chosen network');
  }
  return { entries: network, branch: hasTeacher ? branch : null };
}

/**
 * Recognises the network in a checkpoint and gives its weights their published keys.
 * @param file     name for messages
 * @param tensors  by path, `/student/module.backbone.cls_token`; the values are passed through
 * @throws CheckpointError when no known network is in it, or not the one asked for
 */
export function recognizeCheckpoint<T>(
  file: string,
  tensors: ReadonlyMap<string, T>,
  options: LayoutOptions = {},
): RecognizedCheckpoint<T> {
  const { which = null, part = 'backbone' } = options;
  const containers = containersOf(tensors);
  const chosen = chooseContainer(file, containers, options);
  const skipped: SkippedKey[] = [];
  const pathIn = (container: string, key: string) => `${container === '' ? '' : `/${container}`}/${key}`;
  for (const container of containers) {
    if (container === chosen) continue;
    for (const key of container.entries.keys())
      skipped.push({ key: pathIn(container.name, key), reason: 'not part of the chosen network' });
  }
  const skip = (key: string, reason: string) => skipped.push({ key: pathIn(chosen.name, key), reason });
  const run = networkOfRun(file, chosen.entries, options, skip);
  const branch = run === null ? branchOf(chosen.name) : run.branch;
  if (which !== null && branch !== which) refuseBranch(file, which);

  const original = new Map<string, string>();
  let entries = new Map<string, T>();
  for (const [key, tensor] of run?.entries ?? chosen.entries) {
    const name = renameTorchvisionTransformer(stripWrappers(key));
    original.set(name, key);
    entries.set(name, tensor);
  }
  const names = [...entries.keys()];
  const isNested = names.some((name) => name.startsWith('backbone.'));
  const weights = new Map<string, T>();
  const heads: string[] = [];
  for (const [name, tensor] of entries) {
    const place = isNested ? placeUnderBackbone(name) : placeFlat(name);
    if ('reason' in place) {
      skip(original.get(name)!, place.reason);
    } else if (isBackboneKey(place.key)) {
      weights.set(place.key, tensor);
    } else if (part === 'backbone') {
      skip(original.get(name)!, 'a head, and only the backbone is taken');
    } else {
      heads.push(place.key);
      weights.set(place.key, tensor);
    }
  }
  entries = hasSwavProjection(weights) ? remapSwavProjection(weights) : weights;
  const isDino = heads.some((key) => key.startsWith('head.'));
  return {
    layout: layoutName(chosen.name, names, branch),
    weights: isDino ? underBackbone(entries) : entries,
    skipped,
  };
}

/** DINO's form of a network with its head. */
function underBackbone<T>(weights: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...weights].map(([key, tensor]) => [isBackboneKey(key) ? `backbone.${key}` : key, tensor]));
}
