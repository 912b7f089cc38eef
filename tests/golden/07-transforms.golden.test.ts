/**
 * @file Group 07: crops, colors, evaluation, whole chains and the statistics of our own draws. The native operator and the tensor
 * operations must both be exact.
 */
import { scope } from '@suave/torch';
import { expect } from 'vitest';
import { evalTransform, imagenetNormalization, type PerChannel } from '../../packages/suave/src/augment/index.js';
import { testDevice } from '../fixtures/devices.js';
import { describeDraws, jitterRanges, type RangeTable } from './draw-statistics.js';
import { type GoldenCase, goldenGroup, type Numbers } from './harness.js';
import {
  bytesOf,
  type RecordedOperation,
  type RecordedView,
  sourceImage,
  sourceOf,
  viewOf,
  viewOfOperations,
  wholeImage,
} from './transform-cases.js';

const bothPaths = (check: (path: 'native' | 'tensor') => void) => ({
  native: () => scope(() => check('native')),
  'tensor operations': () => scope(() => check('tensor')),
});

/** The single operation that a tensor of an `ops_` case is the result of. */
function singleOperation(golden: GoldenCase, name: string): Partial<RecordedView> {
  const [, operation, index] = /^([a-z]+?)(\d*)$/.exec(name)!;
  if (operation === 'hflip') return { flip: true };
  if (operation === 'grayscale') return { operations: [{ kind: 'gray', value: 0 }] };
  if (operation === 'solarize') return { operations: [{ kind: 'solarize', value: 128 }] };
  const kind = operation as 'brightness' | 'contrast' | 'saturation' | 'hue' | 'blur';
  const values = golden.params[kind === 'blur' ? 'blur_radius' : kind] as number[];
  return { operations: [{ kind, value: values[Number(index)] }] };
}

function checkCrops(golden: GoldenCase, path: 'native' | 'tensor'): void {
  const image = sourceImage(golden.number('image'));
  const crops = golden.params.crops as number[][];
  for (const name of golden.names('expected')) {
    const [, interpolation, index] = /^(bilinear|bicubic)(\d+)$/.exec(name)!;
    const [top, left, height, width, size] = crops[Number(index)];
    const view: RecordedView = {
      crop: { top, left, height, width },
      size: { height: size, width: size },
      interpolation: interpolation as 'bilinear' | 'bicubic',
    };
    golden.check(name, bytesOf(image, view, path), 'exact');
  }
}

function checkSingleOperations(golden: GoldenCase, path: 'native' | 'tensor'): void {
  const image = sourceImage(golden.number('image'));
  for (const name of golden.names('expected')) {
    golden.check(name, bytesOf(image, wholeImage(image, singleOperation(golden, name)), path), 'exact');
  }
}

function checkChain(golden: GoldenCase, path: 'native' | 'tensor'): void {
  const image = sourceImage(golden.number('image'));
  const recorded = golden.params.operations as RecordedOperation[];
  const view = viewOfOperations(image, recorded);
  golden.check('uint8_before_to_tensor', bytesOf(image, view, path), 'exact');
  if (!golden.names('expected').includes('out')) return;
  for (const dtype of ['float32', 'float64'] as const) {
    golden.check('out', viewOf(image, view, { path, dtype }).data() as Numbers);
  }
}

function checkEvaluation(golden: GoldenCase, path: 'native' | 'tensor'): void {
  const image = sourceImage(golden.number('image'));
  const interpolation = golden.id.includes('bicubic') ? 'bicubic' : 'bilinear';
  const spec = { interpolation, ...imagenetNormalization } as const;
  const evaluate = (resize: number | null, crop: number) =>
    evalTransform(sourceOf(image), [0], { ...spec, resize, crop }, { path, dtype: 'uint8', device: testDevice() })
      .reshape([3, crop, crop])
      .permute([1, 2, 0])
      .contiguous()
      .data() as Uint8Array;
  const resize = (golden.params.resize as number | undefined) ?? 256;
  const crop = (golden.params.crop as number | undefined) ?? 224;
  golden.check('out', evaluate(resize, crop), 'exact');
  if (!golden.names('expected').includes('center_crop_larger')) return;
  golden.check('center_crop_larger', evaluate(null, golden.number('crop_larger')), 'exact');
}

goldenGroup('07', [
  { when: (golden) => golden.names('input').includes('file_bytes'), testedIn: '07-decode.golden.test.ts' },
  {
    when: (golden) => golden.names('input').includes('img0'),
    hostOnly: true,
    run: (golden) =>
      scope(() => {
        for (const name of golden.names('input')) {
          const image = golden.tensor(name);
          golden.check(name, bytesOf(image, wholeImage(image), 'native'), 'exact');
        }
      }),
  },
  {
    when: (golden) => 'crops' in golden.params,
    hostOnly: ['native'],
    variants: (golden) => bothPaths((path) => checkCrops(golden, path)),
  },
  {
    when: (golden) => 'blur_radius' in golden.params,
    hostOnly: ['native'],
    variants: (golden) => bothPaths((path) => checkSingleOperations(golden, path)),
  },
  {
    when: (golden) => 'operations' in golden.params,
    hostOnly: ['native'],
    variants: (golden) => bothPaths((path) => checkChain(golden, path)),
  },
  {
    when: (golden) => golden.id.startsWith('eval_'),
    hostOnly: ['native'],
    variants: (golden) => bothPaths((path) => checkEvaluation(golden, path)),
  },
  {
    when: (golden) => 'mean' in golden.params && 'std' in golden.params,
    hostOnly: ['native'],
    variants: (golden) =>
      bothPaths((path) => {
        const image = sourceImage(golden.number('image'));
        const { mean, std } = golden.params as unknown as { mean: PerChannel; std: PerChannel };
        const got = viewOf(image, wholeImage(image, { mean, std }), { path });
        golden.check('out', got.data() as Numbers);
      }),
  },
  {
    when: (golden) => 'quantile_levels' in golden.params,
    hostOnly: true,
    run: (golden) => {
      const got = describeDraws(golden.params as unknown as Parameters<typeof describeDraws>[0]);
      for (const name of golden.names('expected')) {
        const allowed = golden.tensor(`${name}_tol`).data as Float64Array;
        golden.check(name, got.entries[name], { allowed });
      }
      golden.checkValue('fraction_full_height_or_width', got.fractionFull);
    },
  },
  {
    when: (golden) => 'swav' in golden.expectedValues && 'daino' in golden.expectedValues,
    hostOnly: true,
    run: (golden) => {
      const tables = jitterRanges();
      for (const [name, expected] of Object.entries(golden.expectedValues as unknown as RangeTable)) {
        for (const key of Object.keys(expected)) expect(tables[name], `${golden.id}/${name}`).toHaveProperty(key);
        golden.checkValue(name, Object.fromEntries(Object.keys(expected).map((key) => [key, tables[name][key]])));
      }
    },
  },
]);
