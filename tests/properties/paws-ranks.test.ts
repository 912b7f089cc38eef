/** @file The loss of PAWS over ranks: with averaged gradients it is the loss of one process that has all images. */
import { cat, manualSeed, randn, scope, type Tensor } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import { pawsLoss, supportLabels } from '../../packages/suave/src/methods/paws/losses.js';
import { simulateRanks } from '../golden/simulated-ranks.js';

const [numClasses, imagesPerClass, batch, dim, numLocal] = [3, 2, 4, 5, 2];

interface Parts {
  /** One [B, D] for each view. */
  readonly views: Tensor[];
  readonly supports: Tensor;
  readonly targets: Tensor[];
  readonly targetSupports: Tensor;
}

function draw(rank: number): Parts {
  manualSeed(40 + rank);
  const rows = (count: number) => randn([count, dim], { dtype: 'float64' });
  return {
    views: Array.from({ length: 2 + numLocal }, () => rows(batch)),
    supports: rows(numClasses * imagesPerClass),
    targets: [rows(batch), rows(batch)],
    targetSupports: rows(numClasses * imagesPerClass),
  };
}

function leaf(rows: Tensor): Tensor {
  rows.requiresGrad = true;
  return rows;
}

describe('the loss of PAWS over ranks', () => {
  test.each([1, 2, 3])('%i of them', (worldSize) => {
    scope(() => {
      const all = Array.from({ length: worldSize }, (_, rank) => draw(rank));
      const layout = { numClasses, imagesPerClass, smoothing: 0.1, worldSize };
      const labels = supportLabels(layout, { dtype: 'float64' });
      const perRank = numClasses * imagesPerClass;

      const views = leaf(cat(all[0].views.map((_, view) => cat(all.map((parts) => parts.views[view])))));
      const supports = leaf(cat(all.map((parts) => parts.supports)));
      const whole = pawsLoss({
        anchorViews: views,
        anchorSupports: supports,
        targetViews: cat([0, 1].map((view) => cat(all.map((parts) => parts.targets[view])))),
        targetSupports: cat(all.map((parts) => parts.targetSupports)),
        supportLabels: labels,
      });
      whole.crossEntropy.add(whole.meMax).backward();

      const ranks = simulateRanks(worldSize, (collective, rank) => {
        const own = all[rank];
        const anchorViews = leaf(cat(own.views));
        const anchorSupports = leaf(own.supports.clone());
        const terms = pawsLoss(
          {
            anchorViews,
            anchorSupports,
            targetViews: cat(own.targets),
            targetSupports: own.targetSupports,
            supportLabels: labels.narrow(0, rank * perRank, perRank),
          },
          { collective },
        );
        terms.crossEntropy.add(terms.meMax).backward();
        return { terms, ofViews: anchorViews.grad!, ofSupports: anchorSupports.grad! };
      });

      const mean = ranks.reduce((sum, { terms }) => sum + terms.crossEntropy.item(), 0) / worldSize;
      expect(mean).toBeCloseTo(whole.crossEntropy.item(), 12);
      const distance = (a: Tensor, b: Tensor) => a.sub(b).abs().max().item();
      for (const [rank, { terms, ofViews, ofSupports }] of ranks.entries()) {
        expect(terms.meMax.item()).toBeCloseTo(whole.meMax.item(), 12);
        const wantedViews = all[rank].views.map((_, view) =>
          views.grad!.narrow(0, (view * worldSize + rank) * batch, batch),
        );
        expect(distance(ofViews.div(worldSize), cat(wantedViews))).toBeLessThan(1e-12);
        const wantedSupports = supports.grad!.narrow(0, rank * perRank, perRank);
        expect(distance(ofSupports.div(worldSize), wantedSupports)).toBeLessThan(1e-12);
      }
    });
  });
});
