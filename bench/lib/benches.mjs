/** @file The comparisons: what each measures, its cases, what must agree, and the ratio that is aimed at. */

const close = (a, b, tolerance) => Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));

function requireEqual(what, ours, theirs, tolerance) {
  const differs = ours.length !== theirs.length || ours.some((value, i) => !close(value, theirs[i], tolerance));
  if (differs) throw new Error(`bench: ${what} differ: ours ${ours.join(', ')}, theirs ${theirs.join(', ')}.`);
}

export const benches = {
  overhead: {
    description:
      'calls of the public typed face inside a scope, freeing included, against the same calls in Python: add of four numbers, addcmul with an option, cat of a list, and a training step of three 64-wide layers',
    target: 1.0,
    threads: 1,
    pythonModules: ['torch'],
    ours: 'overhead.mjs',
    theirs: 'overhead.py',
    // How many results a scope frees at once: a training step makes a few hundred.
    cases: {
      add: { what: 'add', callsPerScope: 100, calls: 200_000 },
      addcmul: { what: 'addcmul', callsPerScope: 100, calls: 100_000 },
      cat: { what: 'cat', callsPerScope: 100, calls: 100_000 },
      // PyTorch's optimizer in the form that is faster here.
      mlpStep: { what: 'mlpStep', calls: 1000, foreach: false },
    },
    checkEnd: ({ parts }) => (parts ? { seconds_by_part: parts } : {}),
  },
  step: {
    description:
      'a Suave step: ResNet-18 (CIFAR stem), 16 unlabeled images in 2x32 + 4x18 px crops and a mixed pair, 8 labeled images extended by MixUp',
    target: 1.02,
    pythonModules: ['torch', 'torchvision'],
    ours: 'step.mjs',
    theirs: 'step.py',
    cases: { step: { unlabeled: 16, labeled: 8, classes: 10, queue: 48, warmUpSteps: 5, checkedSteps: 4 } },
    check(ours, theirs) {
      // Same weights, same batch: the first loss is the same arithmetic, the following ones go through LARS as well.
      requireEqual('first losses', ours.losses.slice(0, 1), theirs.losses.slice(0, 1), 1e-5);
      requireEqual('losses of the first steps', ours.losses, theirs.losses, 2e-3);
      return { first_losses: { ours: ours.losses, theirs: theirs.losses } };
    },
  },
  augment: {
    description: 'drawing and computing all views of a batch of 8-bit images, one thread each',
    target: 0.5,
    threads: 1,
    pythonModules: ['torch', 'torchvision', 'PIL'],
    ours: 'augment.mjs',
    theirs: 'augment.py',
    cases: {
      // Images of 32 pixels as in CIFAR, and photos in the cache of an ImageNet run.
      small: {
        height: 32,
        width: 32,
        images: 128,
        checkedBatches: 6,
        global: { size: 32, count: 2, scale: [0.6, 1] },
        local: { size: 18, count: 4, scale: [0.1, 0.6] },
      },
      photos: {
        height: 256,
        width: 341,
        images: 16,
        checkedBatches: 8,
        global: { size: 224, count: 2, scale: [0.14, 1] },
        local: { size: 96, count: 8, scale: [0.08, 0.14] },
      },
    },
    checkEnd(ours, theirs) {
      // Other random numbers, the same distribution: mean and spread of a thousand views and more agree within four standard errors.
      requireEqual('means of the views', [ours.mean], [theirs.mean], 0.15);
      requireEqual('deviations of the views', [ours.deviation], [theirs.deviation], 0.15);
      return {
        views: {
          mean: { ours: ours.mean, theirs: theirs.mean },
          deviation: { ours: ours.deviation, theirs: theirs.deviation },
        },
      };
    },
  },
};
