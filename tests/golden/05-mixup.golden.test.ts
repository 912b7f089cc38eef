/** @file Group 05: MixUp and CutMix with recorded draws, targets, extended and replaced batches, mixed views. */
import { scope, type Tensor } from '@suave/torch';
import { expect } from 'vitest';
import {
  collateRepeats,
  cutmixBox,
  type Mix,
  type MixedPairs,
  mixLabeled,
  mixTargets,
  mixViews,
} from '../../packages/suave/src/augment/index.js';
import { testDevice } from '../fixtures/devices.js';
import { type GoldenCase, goldenGroup, type Numbers } from './harness.js';
import { toTensor } from './tensors.js';

/** A draw as the manifest records it; the box is [top, bottom, left, right]. */
interface RecordedDraw {
  readonly lam_drawn: number;
  readonly use_cutmix: boolean;
  readonly bbox: readonly number[] | null;
  readonly center?: readonly [number, number];
}

function mixOf(draw: RecordedDraw, height: number, width: number): Mix {
  if (!draw.use_cutmix || !draw.center) return { lambda: draw.lam_drawn, box: null };
  const { box, lambda } = cutmixBox(height, width, draw.lam_drawn, draw.center[0], draw.center[1]);
  expect([box.top, box.bottom, box.left, box.right]).toEqual(draw.bbox);
  return { lambda, box };
}

function labelsOf(golden: GoldenCase): number[] {
  return Array.from(golden.tensor('labels').data as Numbers as ArrayLike<number>, Number);
}

function check(golden: GoldenCase, name: string, tensor: Tensor): void {
  expect(tensor.shape).toEqual(golden.tensor(name).shape);
  golden.check(name, tensor.data() as Numbers);
}

function checkLabeled(golden: GoldenCase): void {
  const images = toTensor(golden.tensor('images'));
  const [, , height, width] = images.shape;
  const mix = mixOf(golden.params.draw as RecordedDraw, height, width);
  expect(mix.lambda).toBeCloseTo(golden.number('lam_used'), 12);
  const result = mixLabeled(images, labelsOf(golden), mix, golden.params.extend_batch ? 'extend' : 'replace', {
    numClasses: golden.number('num_classes'),
  });
  check(golden, 'images_out', result.images);
  check(golden, 'targets_out', result.targets);
}

function checkViews(golden: GoldenCase): void {
  const views: Tensor[] = [];
  while (golden.has(`view${views.length}`)) views.push(toTensor(golden.tensor(`view${views.length}`)));
  const mixes = (golden.params.draws as RecordedDraw[]).map((draw, pair) => {
    const [, , height, width] = views[2 * pair].shape;
    return mixOf(draw, height, width);
  });
  const pairs = golden.params.views_to_mix as MixedPairs;
  const mixed = mixViews(views, mixes, pairs);
  golden.checkValue('lambdas', mixed.lambdas);
  golden.checkValue('positions_of_mixed_views', mixed.positions);
  golden.checkValue('mixup_idxs_official', mixViews(views, mixes, pairs, 'official').positions);
  golden.checkValue('n_views_out', mixed.views.length);
  for (const name of golden.names('expected')) check(golden, name, mixed.views[Number(name.replace('out_view', ''))]);
  const unmixed = mixed.views.filter((_, position) => !mixed.positions.includes(position));
  expect(unmixed).toEqual(views);
}

goldenGroup('05', [
  {
    when: (golden) => golden.names().includes('rows'),
    hostOnly: true,
    run: (golden) => {
      const { data, shape } = golden.tensor('rows');
      const got = Array.from({ length: shape[0] }, (_, row) => {
        const [height, width, drawn, centerY, centerX] = (data as Float64Array).subarray(shape[1] * row);
        const { box, lambda } = cutmixBox(height, width, drawn, centerY, centerX);
        return [height, width, drawn, centerY, centerX, box.top, box.bottom, box.left, box.right, lambda];
      });
      golden.check('rows', got.flat());
    },
  },
  {
    when: (golden) => golden.names('expected').includes('target'),
    run: (golden) =>
      scope(() => {
        const options = {
          numClasses: golden.number('num_classes'),
          smoothing: golden.number('smoothing'),
          device: testDevice(),
        };
        check(golden, 'target', mixTargets(labelsOf(golden), golden.number('lam'), options));
      }),
  },
  {
    when: (golden) => golden.names().includes('samples'),
    run: (golden) =>
      scope(() => {
        const { images, labels } = collateRepeats(toTensor(golden.tensor('samples')), labelsOf(golden));
        check(golden, 'images_out', images);
        golden.check('labels_out', Array.from(labels));
      }),
  },
  {
    when: (golden) => 'extend_batch' in golden.params,
    run: (golden) => scope(() => checkLabeled(golden)),
  },
  {
    when: (golden) => 'views_to_mix' in golden.params,
    run: (golden) => scope(() => checkViews(golden)),
  },
]);
