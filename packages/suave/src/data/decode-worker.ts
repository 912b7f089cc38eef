/** @file A decode worker: takes blocks by an atomic counter until none is left, and hands the pixels over without a copy. */
import { parentPort, workerData } from 'node:worker_threads';
import type { DecodeOptions } from './decode.js';
import { countBlocks, decodeBlock } from './decode-block.js';

/** What a worker is started with. */
export interface DecodeWorkerData {
  readonly paths: readonly string[];
  readonly options: DecodeOptions;
  /** Int32 [nextBlock, numWrittenBlocks], shared by all workers. */
  readonly counters: SharedArrayBuffer;
  /** How many blocks may be decoded ahead of the writer. */
  readonly maxAhead: number;
}

const { paths, options, counters, maxAhead } = workerData as DecodeWorkerData;
const shared = new Int32Array(counters);
const numBlocks = countBlocks(paths.length);

for (;;) {
  const block = Atomics.add(shared, 0, 1);
  if (block >= numBlocks) break;
  while (block - Atomics.load(shared, 1) > maxAhead) await new Promise((wake) => setTimeout(wake, 2));
  const decoded = await decodeBlock(paths, block, options);
  parentPort?.postMessage(decoded, [decoded.bytes.buffer]);
}
