/**
 * @file Files of `torch.save`, read without Python: the zip format (PyTorch 1.6 and later) and the legacy stream before it.
 * Only the pickled structure is read at first; a tensor's bytes are read when it is asked for.
 */
import { AllocationBudget } from './allocation-budget.js';
import { ByteCursor } from './byte-cursor.js';
import { type ByteSource, FileSource } from './byte-source.js';
import { CheckpointError, showName } from './checkpoint-error.js';
import type { CheckpointTensor } from './checkpoint-tensor.js';
import { type SkippedEntry, walkCheckpoint } from './checkpoint-tree.js';
import { crc32 } from './crc32.js';
import { readPickle } from './pickle.js';
import { OP } from './pickle-opcodes.js';
import type { PickleValue } from './pickle-values.js';
import { TorchDialect } from './torch-pickle.js';
import { readZipDirectory } from './zip-directory.js';

/** First number of the legacy stream, and the protocol that follows. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;
/** Of all paths together; those of a real checkpoint have some ten thousand. */
const MAX_PATH_CHARACTERS = 2 ** 27;

/** A checkpoint of PyTorch, held open: its tensors can be read until it is closed. */
export interface PyTorchCheckpoint {
  readonly path: string;
  readonly format: 'zip' | 'legacy';
  /** By path: `/student/module.backbone.cls_token`. A tensor saved twice is there under both paths. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** The whole object that was saved, tensors in their places. */
  readonly structure: PickleValue;
  /** Everything else in it, by path, and why it is no tensor. */
  readonly skipped: readonly SkippedEntry[];
  /** Closes the file; tensors that were read stay good, others cannot be read any more. Doing it twice is harmless. */
  close(): void;
  [Symbol.dispose](): void;
}

function refuse(file: string, problem: string, advice = 'copy or download it again'): never {
  throw new CheckpointError('ERR_CHECKPOINT_FORMAT', `${file}: not a checkpoint of PyTorch: ${problem}; ${advice}.`);
}

function readZip(source: ByteSource, budget: AllocationBudget): PickleValue {
  const file = source.name;
  const entries = readZipDirectory(source, budget);
  const roots = [...entries.keys()].flatMap((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1] ?? []);
  if (roots.length !== 1) refuse(file, `the zip file holds ${roots.length} entries data.pkl instead of one`);
  const root = roots[0]!;
  const order = entries.get(`${root}/byteorder`);
  if (order !== undefined && (order.size !== 6 || Buffer.from(source.read(order.start, 6)).toString() !== 'little'))
    refuse(file, 'its numbers are big-endian', 'save it on another machine');
  const { start, size, crc32: expected } = entries.get(`${root}/data.pkl`)!;
  if (crc32(source, start, size) !== expected) refuse(file, 'its structure does not match its checksum');
  const dialect = new TorchDialect();
  const cursor = new ByteCursor(source, budget, start, start + size);
  const value = readPickle(cursor, dialect);
  if (cursor.remaining > 0) refuse(file, `${cursor.remaining} bytes follow its structure`);
  for (const storage of dialect.storages.values()) {
    const entry = entries.get(`${root}/data/${storage.key}`);
    if (entry === undefined) refuse(file, `the data of storage ${showName(storage.key)} is missing`);
    if (entry.size !== storage.byteLength)
      refuse(
        file,
        `storage ${showName(storage.key)} has ${entry.size} bytes instead of ${storage.count} × ${storage.dtype}`,
      );
    storage.locate(source, entry.start, entry.crc32);
  }
  return value;
}

function readLegacy(source: ByteSource, budget: AllocationBudget): PickleValue {
  const file = source.name;
  const cursor = new ByteCursor(source, budget, 0, source.size);
  const isPickle = source.size > 0 && source.read(0, 1)[0] === OP.PROTO;
  const magic = isPickle ? readPickle(cursor) : null;
  if (magic !== LEGACY_MAGIC) refuse(file, 'it is neither a zip file nor a legacy stream', 'check what the file is');
  if (readPickle(cursor) !== LEGACY_PROTOCOL) refuse(file, 'a legacy stream of another protocol than 1001');
  const system = readPickle(cursor);
  if (system instanceof Map && system.get('little_endian') === false)
    refuse(file, 'its numbers are big-endian', 'save it on another machine');
  const dialect = new TorchDialect();
  const value = readPickle(cursor, dialect);
  const keys = readPickle(cursor);
  if (!Array.isArray(keys)) refuse(file, 'the list of its storages is missing');
  if (keys.length !== dialect.storages.size)
    refuse(file, `it lists ${keys.length} storages, its tensors lie on ${dialect.storages.size}`);
  let position = cursor.position;
  for (const key of keys) {
    const storage = typeof key === 'string' ? dialect.storages.get(key) : undefined;
    if (storage === undefined || storage.isLocated) refuse(file, 'the list of its storages does not fit its tensors');
    if (position + 8 + storage.byteLength > source.size)
      refuse(file, `it ends at byte ${source.size}, within storage ${showName(storage.key)}`);
    budget.take(8);
    const prefix = source.read(position, 8);
    const count = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigInt64(0, true);
    if (count !== BigInt(storage.count))
      refuse(file, `storage ${showName(storage.key)} has ${count} elements instead of ${storage.count}`);
    storage.locate(source, position + 8, null);
    position += 8 + storage.byteLength;
  }
  if (position !== source.size) refuse(file, `${source.size - position} bytes follow its last storage`);
  return value;
}

/**
 * Reads the structure of a checkpoint from a byte source, which it takes over and closes.
 * @param budget  counts what is allocated; by default four times the size of the source
 * @throws CheckpointError when anything is damaged, missing or not allowed
 */
export function openCheckpoint(
  source: ByteSource,
  budget = new AllocationBudget(source.name, source.size),
): PyTorchCheckpoint {
  try {
    const isZip = source.size >= 4 && Buffer.from(source.read(0, 4)).toString('latin1') === 'PK\u0003\u0004';
    const structure = isZip ? readZip(source, budget) : readLegacy(source, budget);
    const { tensors, skipped } = walkCheckpoint(source.name, structure, Math.min(budget.limit, MAX_PATH_CHARACTERS));
    return {
      path: source.name,
      format: isZip ? 'zip' : 'legacy',
      tensors,
      structure,
      skipped,
      close: () => source.close(),
      [Symbol.dispose]: () => source.close(),
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

/**
 * Opens a checkpoint that PyTorch's `torch.save` wrote, in the zip or the legacy format. Pickles are parsed with an allow
 * list: nothing of the file is ever executed, and a file that names anything but plain data and tensors is refused.
 * Opening reads the structure; tensors are read one by one from the open file, so that no file is in memory twice.
 * @example
 * const checkpoint = readPyTorchCheckpoint('swav_800ep_pretrain.pth.tar');
 * const conv1 = checkpoint.tensors.get('/module.conv1.weight')?.read();
 * checkpoint.close();
 * @throws CheckpointError when the file is missing, no checkpoint, damaged, or names something that is not allowed
 */
export function readPyTorchCheckpoint(path: string): PyTorchCheckpoint {
  return openCheckpoint(new FileSource(path, 'a checkpoint of PyTorch'));
}
