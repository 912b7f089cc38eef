/** @file Programs of views: the bytes of the native operator, by the same calls whatever was drawn. */
import {
  autocast,
  diffTraces,
  fromTypedArray,
  liveTensors,
  scope,
  type Tensor,
  tensor,
  traceOperators,
  zeros,
} from '@suave/torch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { itOnDevice, place, testDevice } from '../../../../tests/fixtures/devices.js';
import { noiseImages } from '../../../../tests/fixtures/noise-images.js';
import { applyViews } from './apply.js';
import { drawViews } from './draw.js';
import { evalParameters } from './eval-transform.js';
import { swavNormalization } from './normalization.js';
import * as pipelines from './pipelines.js';
import type { PixelSource } from './pixel-source.js';
import { scaleOf, splitWeights } from './split-matrix.js';
import { encodeViews, type ViewParameters } from './view-parameters.js';
import { planOfParameters, planOfSpecs } from './view-plan.js';
import { ViewProgram, type ViewProgramOptions } from './view-program.js';
import type { EvalSpec, ViewSpec } from './view-spec.js';

/** On the device of the test. */
const here = () => ({ device: testDevice() });
const sizes = [
  [48, 64],
  [50, 33],
  [90, 40],
  [32, 32],
] as const;
const indices = [0, 1, 2, 3, 1, 0];

const draw = (spec: ViewSpec, source: PixelSource, view: number, which: ArrayLike<number> = indices) =>
  drawViews(spec, source, which, { seed: 5, stage: 0, stream: 'labeled', epochs: 0, view });

function apply(program: ViewProgram, source: PixelSource, parameters: ViewParameters, which = indices): Tensor {
  return program.apply(place(source.pixels), tableOf(program, program.encode(source, which, parameters)));
}

/** Rows of numbers on the device of the test. */
function tableOf(program: ViewProgram, numbers: Float64Array): Tensor {
  return place(fromTypedArray(numbers, [numbers.length / program.columns, program.columns]));
}

/** All that a view can have, in the orders of both jitters and 3-Augment. */
const everything: ViewSpec = {
  ...pipelines.cifarGlobal,
  size: 24,
  scale: [0.05, 1],
  interpolation: 'bicubic',
  grayProb: 0, // 3-Augment has it
  threeAugment: { sigma: [0.1, 5], threshold: 100 },
  blur: { prob: 0.7, sigma: [0.1, 3] },
  solarize: { prob: 0.5, threshold: 'random' },
  equalizeProb: 0.5,
};

describe('ViewProgram', () => {
  const specs: readonly (readonly [string, ViewSpec, Partial<ViewProgramOptions>])[] = [
    ['CIFAR globals', pipelines.cifarGlobal, {}],
    ['CIFAR labeled in float64', pipelines.cifarLabeled, { dtype: 'float64' }],
    ['Daino globals in bfloat16', { ...pipelines.dainoGlobal1, size: 30 }, { dtype: 'bfloat16' }],
    ['fine-tuning in float16', { ...pipelines.finetuneLabeled, size: 20 }, { dtype: 'float16' }],
    ['simple crops', { ...pipelines.threeAugmentSimpleLabeled, size: 28 }, {}],
    ['everything as bytes', everything, { dtype: 'uint8' }],
    ['everything, channels last', everything, { memoryFormat: 'channelsLast' }],
    ['in small pieces', { ...pipelines.imagenetLocal, size: 19 }, { pixelsPerChunk: 8000 }],
  ];

  for (const [name, spec, options] of specs) {
    itOnDevice(`gives the bytes of the native operator: ${name}`, () => {
      scope(() => {
        const source = noiseImages(sizes);
        using program = ViewProgram.ofSpecs([spec], source, { ...here(), ...options });
        for (let view = 0; view < 4; view++) {
          scope(() => {
            const parameters = draw(spec, source, view);
            const before = liveTensors().count;
            const views = scope(() => apply(program, source, parameters));
            expect(liveTensors().count).toBe(before + 1);
            const { dtype = 'float32', memoryFormat = 'contiguous' } = options;
            expect([views.dtype, views.isContiguous(memoryFormat)]).toEqual([dtype, true]);
            const native = applyViews(source, indices, parameters, spec, { path: 'native', dtype });
            expect(views.cpu().equal(native)).toBe(true);
          });
        }
      });
    });

    itOnDevice(`makes the same calls whatever was drawn, and reads nothing back: ${name}`, () => {
      scope(() => {
        const source = noiseImages(sizes);
        const pixels = place(source.pixels);
        using program = ViewProgram.ofSpecs([spec], source, { ...here(), ...options });
        const table = place(zeros([indices.length, program.columns], { dtype: 'float64' }));
        const [first, second] = [0, 1].map((view) => {
          table.copy_(tableOf(program, program.encode(source, indices, draw(spec, source, view))));
          return traceOperators(() => program.apply(pixels, table));
        });
        expect(first.result.equal(second.result)).toBe(false);
        expect(diffTraces(first.calls, second.calls)).toBeNull();
        expect(first.hostReads).toBe(0);
        const others = new Set(first.calls.map((call) => call.name).filter((call) => call.startsWith('addon::')));
        expect([...others].sort()).toEqual(['addon::autocastBegin', 'addon::autocastEnd', 'addon::setGradEnabled']);
      });
    });
  }

  itOnDevice('does several kinds of views in one table', () => {
    scope(() => {
      const source = noiseImages(sizes);
      const kinds = [pipelines.cifarGlobal, pipelines.cifarLabeled];
      using program = ViewProgram.ofSpecs(kinds, source, here());
      const drawn = kinds.map((spec, view) => draw(spec, source, view));
      const numbers = drawn.flatMap((parameters) => [...program.encode(source, indices, parameters)]);
      const views = program.apply(place(source.pixels), tableOf(program, Float64Array.from(numbers))).cpu();
      for (const [kind, spec] of kinds.entries()) {
        const native = applyViews(source, indices, drawn[kind], spec);
        expect(views.narrow(0, 6 * kind, 6).equal(native)).toBe(true);
      }
      expect(() => ViewProgram.ofSpecs([pipelines.cifarGlobal, pipelines.cifarLocal], source, here())).toThrow(
        /one size, .* got global \(32 .*\), local \(18 .*\)\. Make/,
      );
      expect(() => ViewProgram.ofSpecs([], source, here())).toThrow(/got none/);
      const other = { ...pipelines.cifarLabeled, ...swavNormalization };
      expect(() => ViewProgram.ofSpecs([pipelines.cifarGlobal, other], source, here())).toThrow(
        /one size, .* and normalization, got/,
      );
    });
  });

  it('finds room for whatever the kinds of a program draw', () => {
    const { size, interpolation, mean, std } = everything;
    const kinds = [
      everything,
      pipelines.threeAugmentLabeled,
      pipelines.cifarGlobal,
      pipelines.dainoGlobal0,
      pipelines.dainoGlobal1,
      { ...pipelines.finetuneUnlabeled, grayProb: 0.5, solarize: { prob: 0.5, threshold: 9 }, equalizeProb: 0.5 },
      { ...pipelines.cifarLabeled, jitter: { brightness: 0, contrast: 0.5, saturation: 0, hue: 0.1, prob: 0.9 } },
    ].map((kind) => ({ ...kind, size, interpolation, mean, std }));
    scope(() => {
      const source = noiseImages([[8, 8]]);
      const which = new Array<number>(300).fill(0);
      for (const together of [kinds, ...kinds.map((kind) => [kind])]) {
        using program = ViewProgram.ofSpecs(together, source, here());
        for (const kind of together) program.encode(source, which, draw(kind, source, 0, which));
      }
    });
  });

  itOnDevice('evaluates, with and without borders', () => {
    scope(() => {
      const source = noiseImages(sizes);
      for (const crop of [16, 40]) {
        const spec: EvalSpec = { resize: 24, crop, interpolation: 'bicubic', ...swavNormalization };
        using program = ViewProgram.ofEvaluation(spec, source, here());
        const parameters = evalParameters(source, indices, spec);
        const native = applyViews(source, indices, parameters, spec);
        expect(apply(program, source, parameters).cpu().equal(native)).toBe(true);
      }
    });
  });

  itOnDevice('gives the same bits from crops that the host gathered, and inside of autocast', () => {
    scope(() => {
      const source = noiseImages(sizes);
      const pixels = place(source.pixels);
      const spec = pipelines.cifarGlobal;
      const parameters = draw(spec, source, 0);
      using program = new ViewProgram(planOfParameters(parameters, spec.interpolation), spec, here());
      const table = tableOf(program, program.encode(source, indices, parameters));
      const views = program.apply(pixels, table);
      const kind = testDevice().startsWith('cuda') ? 'cuda' : 'cpu';
      expect(autocast(kind, 'bfloat16', () => program.apply(pixels, table)).equal(views)).toBe(true);
      const whole = encodeViews([{ crop: { top: 0, left: 0, height: 32, width: 32 } }], { height: 9, width: 9 });
      using small = new ViewProgram(planOfParameters(whole, 'bilinear'), spec, here());
      const row = tableOf(small, small.encode(source, [3], whole));
      const crop = source.pixels.narrow(0, source.offsets[3], 3 * 32 * 32).reshape([1, 32, 32, 3]);
      const crops = crop.permute([0, 1, 3, 2]).contiguous();
      expect(small.applyToCrops(row, () => crops).equal(small.apply(pixels, row))).toBe(true);
    });
  });

  it('refuses what it was not made for', () => {
    scope(() => {
      const source = noiseImages(sizes);
      const spec = pipelines.cifarLabeled;
      using program = ViewProgram.ofSpecs([spec], { heights: [32], widths: [32] }, here());
      const encode = (view: Parameters<typeof encodeViews>[0][number], image = 3, size = 32) =>
        program.encode(source, [image], encodeViews([view], { height: size, width: size }));
      const crop = { top: 0, left: 0, height: 32, width: 32 };
      const with_ = (kind: 'blur' | 'hue') => ({ crop, operations: [{ kind, value: 0.1 }] });
      expect(() => encode(with_('hue'))).not.toThrow();
      expect(() => encode(with_('blur'))).toThrow(/operations out of \(blend.*got operation 0, blur in row 0/);
      expect(() => encode({ crop: { ...crop, height: 40 } }, 2)).toThrow(
        /crops up to 32 x 32 .* got a crop of 40 x 32/,
      );
      expect(() => encode({ crop: { ...crop, top: 1 } })).toThrow(/crop of row 0 to lie inside the image of 32 x 32/);
      expect(() => encode({ crop }, 4)).toThrow(/image below 4 .* got image 4/);
      expect(() => encode({ crop }, 3, 31)).toThrow(/each view of 32 x 32 pixels .* 1 views of 31 x 31/);
      expect(() => program.encode(source, [3], draw(spec, source, 0, [3]), new Float64Array(3))).toThrow(/got 3/);
      expect(() => program.apply(source.pixels, tensor([[1, 2]]))).toThrow(/table float64 .* got float32 \[1,2\]/);
    });
  });
});

describe('planOfSpecs', () => {
  const share = fc.double({ min: 0.001, max: 1, noNaN: true });
  const side = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 4000 }));

  it('bounds every crop that may be drawn, of images of any shape', () => {
    fc.assert(
      fc.property(side, side, share, share, fc.nat(), fc.boolean(), (height, width, a, b, seed, simple) => {
        const spec: ViewSpec = {
          ...pipelines.dainoGlobal1,
          size: 16,
          scale: [Math.min(a, b), Math.max(a, b)],
          cropMode: simple ? 'simple' : 'resized',
        };
        const images = { heights: [height], widths: [width] };
        const plan = planOfSpecs([spec], images);
        const which = new Array<number>(40).fill(0);
        const key = { seed, stage: 0, stream: 'unlabeled', epochs: 0, view: 0 } as const;
        const needed = planOfParameters(drawViews(spec, images, which, key), spec.interpolation);
        expect(needed.cropHeight).toBeLessThanOrEqual(plan.cropHeight);
        expect(needed.cropWidth).toBeLessThanOrEqual(plan.cropWidth);
        expect(needed.reduction).toBeLessThanOrEqual(plan.reduction);
        expect(plan.overhangs).toBe(simple);
      }),
    );
  });

  it('bounds crops by the range of areas', () => {
    const images = { heights: [256, 256], widths: [256, 341] };
    const { cropHeight, cropWidth } = planOfSpecs([pipelines.imagenetLocal], images);
    expect([cropHeight, cropWidth]).toEqual([128, 128]); // √(.14 · 256 · 341 · 4/3)
  });
});

describe('splitWeights', () => {
  /** As tensor cores read float32: 10 bits of fraction. */
  const tensorFloat = (values: Tensor) => {
    const bits = values.to('float32').contiguous().clone().view('int32');
    return bits.add_(0x1000).bitwiseAnd_(-0x2000).view('float32').to('float64');
  };

  it.each([
    [22, 1.25 * 2 ** 22], // bicubic weights at an edge are up to a quarter above 1
    [24, 2 ** 23],
  ])('keeps weights of %i bits in parts that TensorFloat-32 holds', (bits, largest) => {
    scope(() => {
      const step = Math.ceil(largest / 50_000);
      const whole = Array.from({ length: 100_001 }, (_, i) =>
        Math.max(-largest, Math.min(largest, (i - 50_000) * step + (i % 7))),
      );
      const weights = tensor([...whole, largest, -largest], { dtype: 'float64' });
      const scale = scaleOf(bits);
      const [high, low] = splitWeights(weights.clone(), scale);
      expect(tensorFloat(high).equal(high)).toBe(true);
      expect(tensorFloat(low).equal(low)).toBe(true);
      expect(high.mul(scale).add(low).mul(4096).equal(weights)).toBe(true);
    });
  });
});
