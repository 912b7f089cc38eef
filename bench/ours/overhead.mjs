/** @file Our side of `overhead`: add of four numbers through the public door, results freed by scopes. */
import { add, scope, tensor } from '@suave/torch';
import { answer, readOptions } from '../lib/answer.mjs';

const { calls, callsPerScope } = readOptions();
const a = tensor([1, 2, 3, 4]);
const b = tensor([5, 6, 7, 8]);

function sample() {
  for (let done = 0; done < calls; done += callsPerScope) {
    scope(() => {
      for (let i = 0; i < callsPerScope; i++) add(a, b);
    });
  }
}

sample();
await answer({ callsPerSample: calls }, sample);
