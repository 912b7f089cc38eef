/** @file Memory of arrays that is given back at once: V8 hardly sees it, and would hold it until its next garbage collection. */
import { MessageChannel } from 'node:worker_threads';

/** What is transferred to a closed port is gone. */
const nowhere = closedPort();

function closedPort(): MessageChannel['port1'] {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}

/**
 * Frees the memory of an array that is needed no more: its length is 0 from then on. An array that shares its buffer with others
 * (a small `Buffer`, a part of another array) is left to the garbage collector.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || byteLength !== buffer.byteLength) return;
  nowhere.postMessage(null, [buffer]);
}
