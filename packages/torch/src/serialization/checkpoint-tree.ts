/** @file The tensors of a checkpoint by path, and everything else with the reason why it is no tensor. */
import { CheckpointError } from './checkpoint-error.js';
import { CheckpointTensor } from './checkpoint-tensor.js';
import {
  isDict,
  kindOf,
  NumpyArray,
  NumpyScalar,
  PickleNamespace,
  PickleTuple,
  type PickleValue,
} from './pickle-values.js';

/** A part of a checkpoint that is no tensor. */
export interface SkippedEntry {
  /** Path, as of tensors. */
  readonly key: string;
  readonly reason: string;
}

/** What a walk over the unpickled object gives. */
export interface CheckpointTree {
  /** By path: `/` and the keys of the containers joined by `/`, list positions as numbers. */
  readonly tensors: Map<string, CheckpointTensor>;
  readonly skipped: SkippedEntry[];
}

/** Real checkpoints nest six levels. */
const MAX_DEPTH = 100;

/** Key and value of every entry of a container, or null for other values. */
function entriesOf(value: PickleValue): Iterable<readonly [PickleValue, PickleValue]> | null {
  if (isDict(value)) return value;
  if (value instanceof PickleNamespace) return value.attributes;
  if (value instanceof PickleTuple) return value.items.entries();
  return Array.isArray(value) ? value.entries() : null;
}

function isLeaf(value: PickleValue): boolean {
  return !(value instanceof CheckpointTensor) && entriesOf(value) === null;
}

function describe(value: PickleValue): string {
  if (value instanceof NumpyScalar) return `a numpy scalar (${value.dtype}), not a tensor`;
  if (value instanceof NumpyArray) return `a numpy array (${value.dtype} [${value.shape.join(', ')}]), not a tensor`;
  return `${kindOf(value)}, not a tensor`;
}

/** Walks over containers; what a hostile file can make endless or deep is limited. */
class TreeWalk implements CheckpointTree {
  readonly tensors = new Map<string, CheckpointTensor>();
  readonly skipped: SkippedEntry[] = [];
  /** What is left of the limit. */
  #left: number;

  /**
   * @param limit  of the characters of all paths together and of the values passed, since shared containers are
   *               passed once for each path to them
   */
  constructor(
    readonly file: string,
    limit: number,
  ) {
    this.#left = limit;
  }

  visit(value: PickleValue, path: string, depth: number): void {
    this.#left -= path.length + 1;
    if (depth > MAX_DEPTH || this.#left < 0)
      throw new CheckpointError(
        'ERR_CHECKPOINT_FORMAT',
        `${this.file}: expected a checkpoint, its containers are nested without end or far larger than the file. Do not use the file.`,
      );
    if (value instanceof CheckpointTensor) {
      if (this.tensors.has(path || '/')) this.#skip(path, 'another tensor has the same path');
      else this.tensors.set(path || '/', value);
      return;
    }
    const entries = entriesOf(value);
    if (entries === null) this.#skip(path, describe(value));
    else if (this.#isPlain(value)) this.#skip(path, `${kindOf(value)} without tensors`);
    else for (const [key, item] of entries) this.visit(item, `${path}/${this.#keyText(key)}`, depth + 1);
  }

  #skip(path: string, reason: string): void {
    this.skipped.push({ key: path || '/', reason });
  }

  /** Whether a container gets one note as a whole: empty ones, lists of plain values, namespaces of plain values. */
  #isPlain(value: PickleValue): boolean {
    if (isDict(value)) return value.size === 0;
    for (const [, item] of entriesOf(value) ?? []) {
      this.#left--;
      // the arguments of a program hold short lists, which themselves hold no containers
      const isInner = value instanceof PickleNamespace && (Array.isArray(item) || item instanceof PickleTuple);
      if (isInner ? !this.#isPlain(item) : !isLeaf(item)) return false;
    }
    return true;
  }

  #keyText(key: PickleValue): string {
    if (typeof key === 'string') return key;
    if (typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean' || key === null) return `${key}`;
    if (
      key instanceof PickleTuple &&
      key.items.length <= 8 &&
      key.items.every((item) => !(item instanceof PickleTuple))
    )
      return `(${key.items.map((item) => this.#keyText(item)).join(', ')})`;
    return kindOf(key);
  }
}

/**
 * Finds the tensors in an unpickled object.
 * @param limit  characters of all paths together
 * @throws CheckpointError for cycles and for containers nested too deep
 */
export function walkCheckpoint(file: string, root: PickleValue, limit: number): CheckpointTree {
  const walk = new TreeWalk(file, limit);
  walk.visit(root, '', 0);
  return walk;
}
