/** @file Group 03: five LARS steps with given gradients, in the three published forms. */
import { keep, optim, scope, type Tensor } from '@suave/torch';
import { type GoldenCase, goldenGroup } from './harness.js';
import { toTensor } from './tensors.js';

function lars(golden: GoldenCase, params: Tensor[]): optim.LARS {
  const { params: p } = golden;
  const number = (name: string, fallback: number) => (typeof p[name] === 'number' ? (p[name] as number) : fallback);
  const lr = (p.lr_per_step as number[])[0]!;
  if ('trust_coefficient' in p) {
    return new optim.LARS(params, {
      lr,
      form: 'paws',
      momentum: number('sgd_momentum', 0.9),
      weightDecay: number('sgd_weight_decay', 0),
      trustCoefficient: number('trust_coefficient', 0.001),
      lrInMomentum: false,
    });
  }
  const common = {
    lr,
    momentum: number('momentum', 0.9),
    weightDecay: number('weight_decay', 0),
    trustCoefficient: number('eta', 0.001),
  };
  if (/^daino/.test(golden.entry.reference.split(': ')[1] ?? ''))
    return new optim.LARS(params, { ...common, form: 'daino' });
  return new optim.LARS(params, {
    ...common,
    dampening: number('dampening', 0),
    nesterov: p.nesterov === true,
    clip: p.clip_lars_lr === true,
    excludeOneDimensional: p.exclude_bias_n_norm === true,
  });
}

goldenGroup('03', [
  {
    when: (golden) => Array.isArray(golden.params.lr_per_step) && Array.isArray(golden.params.params),
    run: (golden) =>
      scope(() => {
        const names = golden.params.params as string[];
        const params = names.map((name) => {
          const param = toTensor(golden.tensor(`init/${name}`));
          param.requiresGrad = true;
          return keep(param);
        });
        const optimizer = lars(golden, params);
        for (const [step, lr] of (golden.params.lr_per_step as number[]).entries()) {
          names.forEach((name, i) => {
            const key = `grad/step${step}/${name}`;
            params[i]!.grad = golden.has(key) ? toTensor(golden.tensor(key)) : null;
          });
          for (const group of optimizer.paramGroups) group.lr = lr;
          optimizer.step();
          names.forEach((name, i) => {
            golden.check(`after/step${step}/${name}`, params[i]!.data() as Float32Array);
          });
        }
        const state = optimizer.state();
        const buffers = new Map(names.map((name, i) => [name, state.get(`${i}.momentum_buffer`)]));
        const expected = golden.names('expected').filter((name) => name.startsWith('momentum/'));
        for (const name of expected) {
          const held = buffers.get(name.slice('momentum/'.length));
          if (!held) throw new Error(`${golden.id}: expected a momentum buffer for ${name}, got none.`);
          golden.check(name, held.data() as Float32Array);
        }
        if (state.size !== expected.length)
          throw new Error(`${golden.id}: expected ${expected.length} momentum buffers, got ${state.size}.`);
        optimizer.dispose();
        for (const param of params) param.dispose();
      }),
  },
]);
