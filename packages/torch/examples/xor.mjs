/** @file Learns XOR with a small network, in plain JavaScript. Run: node xor.mjs */
import { manualSeed, nn, noGrad, optim, scope, tensor } from '@suave/torch';

manualSeed(0);
const x = tensor([
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]);
const y = tensor([[0], [1], [1], [0]]);

const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1));
const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });

for (let step = 0; step < 200; step++) {
  // Everything that a step makes is freed at the end of its scope; the number outlives it.
  const loss = scope(() => {
    optimizer.zeroGrad();
    const loss = nn.functional.binaryCrossEntropyWithLogits(model.forward(x), y);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
  if (step % 50 === 0) console.log(`step ${step}: loss ${loss.toFixed(4)}`);
}

const answers = scope(() => noGrad(() => model.forward(x).sigmoid().round().flatten().toArray()));
console.log(`0 xor 0, 0 xor 1, 1 xor 0, 1 xor 1: ${answers.join(', ')}`);
