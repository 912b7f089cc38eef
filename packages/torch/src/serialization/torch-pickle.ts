/** @file PyTorch's part of a pickle: storages by persistent id, tensors and parameters on them. */
import type { DType } from '../dtype.js';
import { CheckpointStorage, CheckpointTensor } from './checkpoint-tensor.js';
import { type AllowedGlobal, expectArguments, GlobalReference, PickleRefusal } from './pickle-allowed.js';
import type { PickleDialect } from './pickle-machine.js';
import { kindOf, PickleTuple, type PickleValue } from './pickle-values.js';

const STORAGES: ReadonlyMap<string, DType> = new Map([
  ['DoubleStorage', 'float64'],
  ['FloatStorage', 'float32'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['LongStorage', 'int64'],
  ['IntStorage', 'int32'],
  ['ShortStorage', 'int16'],
  ['CharStorage', 'int8'],
  ['ByteStorage', 'uint8'],
  ['BoolStorage', 'bool'],
]);

/** A storage class; it is only named, in persistent ids. */
class StorageClass implements AllowedGlobal {
  constructor(readonly dtype: DType) {}

  call(): never {
    throw new PickleRefusal('a storage class is called itself');
  }
}

function sizesOf(value: PickleValue | undefined, what: string): readonly number[] {
  const isSize = (size: PickleValue) => typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
  if (!(value instanceof PickleTuple) || value.items.length > 64 || !value.items.every(isSize))
    throw new PickleRefusal(`a tensor without a valid ${what}`);
  return value.items as readonly number[];
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`; newer files may add metadata. */
const rebuildTensor: AllowedGlobal = {
  call(args, budget) {
    expectArguments('_rebuild_tensor_v2', args, 6, 7);
    const [storage, offset, size, stride] = args;
    if (!(storage instanceof CheckpointStorage)) throw new PickleRefusal(`a tensor on ${kindOf(storage)}`);
    if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0)
      throw new PickleRefusal('a tensor without a valid storage offset');
    const shape = sizesOf(size, 'size');
    const strides = sizesOf(stride, 'stride');
    const tensor = new CheckpointTensor(storage, offset, shape, strides);
    const problem = tensor.problem(budget.limit);
    if (problem !== null) throw new PickleRefusal(problem);
    return tensor;
  },
};

/** `_rebuild_parameter(tensor, requires_grad, hooks)` marks a parameter of a module. */
const rebuildParameter: AllowedGlobal = {
  call(args) {
    expectArguments('_rebuild_parameter', args, 3);
    const [tensor] = args;
    if (!(tensor instanceof CheckpointTensor)) throw new PickleRefusal(`a parameter made from ${kindOf(tensor)}`);
    return tensor.asParameter();
  },
};

const size: AllowedGlobal = {
  call(args) {
    expectArguments('torch.Size', args, 1);
    const [sizes] = args;
    if (!(sizes instanceof PickleTuple)) throw new PickleRefusal(`torch.Size made from ${kindOf(sizes)}`);
    return sizes;
  },
};

const torchGlobals: ReadonlyMap<string, AllowedGlobal> = new Map<string, AllowedGlobal>([
  ['torch._utils _rebuild_tensor_v2', rebuildTensor],
  ['torch._utils _rebuild_parameter', rebuildParameter],
  ['torch Size', size],
  ...[...STORAGES].map(([name, dtype]) => [`torch ${name}`, new StorageClass(dtype)] as const),
]);

/** PyTorch's dialect of pickle for one file; gathers the storages that its tensors lie on. */
export class TorchDialect implements PickleDialect {
  readonly globals = torchGlobals;
  /** Storages by key, in the order of their first mention. */
  readonly storages = new Map<string, CheckpointStorage>();

  /** `('storage', class, key, location, count)`; the legacy format adds None. The location is where it lay: ignored. */
  readonly persistent = (id: PickleValue): PickleValue => {
    const items = id instanceof PickleTuple ? id.items : [];
    const [word, type, key, location, count, view = null] = items;
    if (word !== 'storage' || items.length < 5 || items.length > 6 || view !== null || typeof location !== 'string')
      throw new PickleRefusal('a persistent id that is no storage');
    if (!(type instanceof GlobalReference) || !(type.meaning instanceof StorageClass))
      throw new PickleRefusal(`a storage of ${kindOf(type)} instead of a storage class`);
    if (typeof key !== 'string') throw new PickleRefusal('a storage without a key');
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0)
      throw new PickleRefusal('a storage without a valid length');
    const { dtype } = type.meaning;
    const known = this.storages.get(key);
    if (known !== undefined) {
      if (known.dtype !== dtype || known.count !== count) throw new PickleRefusal('one storage with two descriptions');
      return known;
    }
    const storage = new CheckpointStorage(key, dtype, count);
    this.storages.set(key, storage);
    return storage;
  };
}
