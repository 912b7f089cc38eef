/** @file Our side of `overhead`: calls through the public door, results freed by scopes. */
import { add, addcmul, cat, nn, optim, randn, scope, tensor } from '@suave/torch';
import { answer, readOptions } from '../lib/answer.mjs';
import { measureParts } from './overhead-parts.mjs';

const { what, calls, callsPerScope = 1 } = readOptions();

const a = tensor([1, 2, 3, 4]);
const b = tensor([5, 6, 7, 8]);
const c = tensor([9, 10, 11, 12]);

/** A training step of a small network: the arithmetic is little, so the step is mostly calls. */
function mlpStep() {
  const model = new nn.Sequential(
    new nn.Linear(64, 64),
    new nn.ReLU(),
    new nn.Linear(64, 64),
    new nn.ReLU(),
    new nn.Linear(64, 64),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const x = randn([32, 64]);
  const labels = tensor(
    Array.from({ length: 32 }, (_, i) => i % 64),
    { dtype: 'int64' },
  );
  return () =>
    scope(() => {
      const loss = nn.functional.crossEntropy(model.forward(x), labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    });
}

const bodies = {
  add: () => () => add(a, b),
  addcmul: () => () => addcmul(a, b, c, { value: 0.5 }),
  cat: () => () => cat([a, b, c], { dim: 0 }),
  mlpStep,
};

const body = bodies[what]();

function sample() {
  for (let done = 0; done < calls; done += callsPerScope) {
    scope(() => {
      for (let i = 0; i < callsPerScope; i++) body();
    });
  }
}

sample();
// What a call costs where is measured once, after the comparison.
await answer({ callsPerSample: calls }, sample, () => (what === 'add' ? { parts: measureParts() } : {}));
