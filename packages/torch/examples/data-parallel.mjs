/**
 * @file Data parallel training in worker threads. Parameters and the workers' gradients are shared memory: each worker computes
 * on its part of the batch, the main thread averages and steps. Run: node data-parallel.mjs
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import * as torch from '@suave/torch';

const { nn, optim } = torch;
const WORKERS = 2;
const makeModel = () => new nn.Sequential(new nn.Linear(8, 32), new nn.ReLU(), new nn.Linear(32, 1));

/** The rows of one worker: y = |x| summed. */
function drawBatch(generator) {
  const x = torch.randn([64, 8], { generator });
  return { x, y: x.abs().sum([1], { keepdim: true }) };
}

function work({ shared, sums, seed }) {
  torch.setNumThreads(1);
  const generator = new torch.Generator({ seed });
  const model = makeModel();
  // The parameters of this thread's model are replaced by tensors on the main thread's memory.
  const parameters = shared.map((token) => nn.parameter(torch.fromShared(token)));
  for (const [i, key] of [...model.namedParameters().keys()].entries()) {
    const [layer, name] = key.split('.');
    model[layer][name].dispose();
    model[layer][name] = parameters[i];
  }
  const gradients = sums.map((token) => torch.keep(torch.fromShared(token)));
  parentPort.on('message', () => {
    const loss = torch.scope(() => {
      const { x, y } = drawBatch(generator);
      model.zeroGrad();
      const loss = nn.functional.mseLoss(model.forward(x), y);
      loss.backward();
      torch.noGrad(() => gradients.forEach((gradient, i) => void gradient.copy_(parameters[i].grad)));
      return loss.item();
    });
    parentPort.postMessage(loss);
  });
}

async function train() {
  torch.manualSeed(0);
  const model = makeModel();
  const parameters = model.parameters();
  const optimizer = new optim.Adam(parameters, { lr: 0.01 });
  const shared = parameters.map((parameter) => torch.shareTensor(parameter));
  const team = Array.from({ length: WORKERS }, (_, rank) => {
    const gradients = parameters.map((parameter) => torch.keep(torch.zeros(parameter.shape)));
    const sums = gradients.map((gradient) => torch.shareTensor(gradient));
    const worker = new Worker(new URL(import.meta.url), { workerData: { shared, sums, seed: rank + 1 } });
    return { worker, gradients };
  });
  let loss = Number.NaN;
  for (let step = 0; step < 300; step++) {
    const answers = team.map(({ worker }) => once(worker, 'message'));
    for (const { worker } of team) worker.postMessage('step');
    const losses = (await Promise.all(answers)).flat(); // from here until the next message the workers wait
    loss = losses.reduce((sum, value) => sum + value, 0) / WORKERS;
    torch.scope(() => {
      const means = parameters.map((_, i) => torch.stack(team.map(({ gradients }) => gradients[i])).mean([0]));
      torch.setGradients(parameters, means);
      optimizer.step();
    });
    if (step % 100 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
  }
  await Promise.all(team.map(({ worker }) => worker.terminate()));
  console.log(`final loss of ${WORKERS} workers: ${loss.toFixed(3)}`);
}

if (isMainThread) await train();
else work(workerData);
