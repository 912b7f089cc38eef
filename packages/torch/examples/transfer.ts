/**
 * @file From PyTorch: opens a checkpoint that `torch.save` wrote, says what is in it, runs the network, and saves it as safetensors.
 * Run: node transfer.js [checkpoint.pth [result.safetensors]]; without arguments it takes mlp.pth, which make-mlp.py wrote.
 */
import { fileURLToPath } from 'node:url';
import * as torch from '@suave/torch';
import { nn, type Tensor } from '@suave/torch';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const [source = here('../mlp.pth'), target = 'mlp.safetensors'] = process.argv.slice(2);

// Nothing in the file is executed: its pickle is parsed with an allow list. Tensors are read one by one.
const state = new Map<string, Tensor>();
{
  using checkpoint = torch.readPyTorchCheckpoint(source);
  console.log(`${checkpoint.format} file with ${checkpoint.tensors.size} tensors`);
  for (const [path, tensor] of checkpoint.tensors) {
    console.log(`  ${path}: ${tensor.dtype} [${tensor.shape.join(', ')}]`);
    if (path.startsWith('/model/')) state.set(path.slice('/model/'.length), tensor.read());
  }
  for (const { key, reason } of checkpoint.skipped) console.log(`  ${key}: ${reason}`);
}

// The same modules in the same order have the same keys.
const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3));
model.loadStateDict(state);
model.eval();
console.log(String(model));

const x = torch.tensor([
  [1, 2, 3, 4],
  [-1, 0, 1, 0],
]);
const probabilities = torch.scope(() => torch.noGrad(() => model.forward(x).softmax(1)));
console.log(String(probabilities));

torch.writeSafetensors(target, model.stateDict(), { source: 'mlp.pth' });
const { tensors, metadata } = torch.readSafetensors(target);
const same = [...tensors].every(([name, tensor]) => torch.equal(tensor, state.get(name)!));
console.log(
  `${target}: ${tensors.size} tensors, ${same ? 'equal' : 'different'}, metadata ${JSON.stringify(metadata)}`,
);
