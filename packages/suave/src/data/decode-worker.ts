/** @file A decode worker: of every task, in turn, it takes blocks by an atomic counter until none is left. It never needs the main thread. */
import { parentPort } from 'node:worker_threads';
import { countBlocks, type DecodedBlock, type DecodeTask, decodeBlock } from './decode-block.js';

/** A task as it is sent to every worker of a pool. */
export interface TaskMessage {
  readonly id: number;
  readonly task: DecodeTask;
  /** Int32 [nextBlock, numTakenBlocks], shared by all workers. */
  readonly counters: SharedArrayBuffer;
  /** How many blocks may be decoded ahead of whoever takes them. */
  readonly maxAhead: number;
}

/** A block that a worker hands over, its pixels without a copy. */
export interface BlockMessage {
  readonly id: number;
  readonly block: DecodedBlock;
}

async function work({ id, task, counters, maxAhead }: TaskMessage): Promise<void> {
  const shared = new Int32Array(counters);
  const numBlocks = countBlocks(task);
  for (;;) {
    const block = Atomics.add(shared, 0, 1);
    if (block >= numBlocks) break;
    while (block - Atomics.load(shared, 1) > maxAhead) await new Promise((wake) => setTimeout(wake, 2));
    const decoded = await decodeBlock(task, block);
    const message: BlockMessage = { id, block: decoded };
    parentPort?.postMessage(message, [decoded.bytes.buffer]);
  }
}

let before: Promise<void> = Promise.resolve();
parentPort?.on('message', (message: TaskMessage) => {
  before = before.then(() => work(message));
});
