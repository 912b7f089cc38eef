/** @file Pickles of plain data: one out of a stream, or one whole in memory. */
import { AllocationBudget } from './allocation-budget.js';
import { ByteCursor } from './byte-cursor.js';
import { MemorySource } from './byte-source.js';
import { CheckpointError } from './checkpoint-error.js';
import { PickleRefusal } from './pickle-allowed.js';
import { type PickleDialect, PickleMachine } from './pickle-machine.js';
import type { PickleValue } from './pickle-values.js';

/**
 * Reads the pickle at the cursor, and leaves the cursor behind it.
 * @throws CheckpointError when it is damaged, or names anything that is not allowed
 */
export function readPickle(cursor: ByteCursor, dialect: PickleDialect = {}): PickleValue {
  try {
    return new PickleMachine(cursor, dialect).run();
  } catch (error) {
    if (!(error instanceof PickleRefusal)) throw error;
    throw new CheckpointError(
      'ERR_CHECKPOINT_FORMAT',
      `${cursor.source.name}: expected a pickle of plain data, refused it before byte ${cursor.position}: ${error.message}. ` +
        'Use a file that you trust, and if it is one, save its tensors alone.',
      { cause: error },
    );
  }
}

/**
 * Reads one whole pickle of plain data from memory, such as the batches of CIFAR: numbers, texts (of Python 2 as
 * well), containers, numpy arrays and scalars, in protocols 0 to 4.
 * @param name  for messages: the file
 * @returns the value; bytes in it may share the memory of `bytes`
 * @throws CheckpointError when it is damaged, followed by something, or names anything that is not plain data
 */
export function parsePickle(bytes: Uint8Array, name = 'pickle'): PickleValue {
  const source = new MemorySource(name, bytes);
  const cursor = new ByteCursor(source, new AllocationBudget(name, bytes.length), 0, bytes.length);
  const value = readPickle(cursor);
  if (cursor.remaining > 0)
    throw new CheckpointError(
      'ERR_CHECKPOINT_FORMAT',
      `${name}: expected one pickle, got ${cursor.remaining} bytes behind it. The file is damaged; download it again.`,
    );
  return value;
}
