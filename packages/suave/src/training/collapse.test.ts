import { describe, expect, test } from 'vitest';
import { exampleFacts, resolveRecipe, type SuaveStage } from '../recipes/index.js';
import { CollapseDetector, type CollapseSettings, remediesOf } from './collapse.js';

const settings: CollapseSettings = {
  stage: 'suave',
  stepsPerEpoch: 50,
  warmupEpochs: 0,
  classes: ['cat', 'dog', 'fox', 'owl'],
  remedies: {
    sharpen: 'a smaller epsilon',
    freeze: 'a longer freeze',
    views: 'lighter views',
    slow: 'a smaller rate',
    balance: 'a larger queue',
  },
};

/** Feeds a line every five steps for some epochs; everything that was said. */
function watch(
  line: (step: number) => { loss: number; wins: number[]; entropy?: number },
  {
    epochs = 8,
    prototypes = [4],
    numClasses = 4,
    ...more
  }: Partial<CollapseSettings> & {
    epochs?: number;
    prototypes?: number[];
    numClasses?: number;
  } = {},
): { step: number; sentence: string }[] {
  const detector = new CollapseDetector({ ...settings, ...more }, { prototypes, numClasses });
  const said: { step: number; sentence: string }[] = [];
  for (let step = 5; step <= 50 * epochs; step += 5)
    for (const sentence of detector.observe({ step, entropy: 0.3, ...line(step) })) said.push({ step, sentence });
  return said;
}

const healthy = [30, 40, 28, 30];
const ln4 = Math.log(4);

describe('remediesOf', () => {
  const { stages } = resolveRecipe({ recipe: 'suave-cifar10', overrides: [] }, exampleFacts).config;
  const stage = stages.find(({ method }) => method === 'suave') as SuaveStage;

  test('names the settings of a stage with their values', () => {
    const { sharpen, balance, slow } = remediesOf({ ...stage, name: 'main', epsilon: 0.07 });
    expect(sharpen).toBe('a smaller stages.main.epsilon (now 0.07; or auto)');
    expect(balance).toMatch(/^a larger stages\.main\.queue\.size \(now \d+\)$/);
    expect(slow).toMatch(/^a smaller stages\.main\.optimizer\.lr \(now [\d.]+\)$/);
    expect(remediesOf({ ...stage, epsilon: 'auto' }).sharpen).toBeNull();
  });
});

describe('CollapseDetector', () => {
  test('is silent while losses fall and all classes win', () => {
    expect(watch((step) => ({ loss: ln4 * Math.exp(-step / 200), wins: healthy }))).toEqual([]);
  });

  test('is silent in the first epochs and warm-ups, whatever they show', () => {
    const pinnedUntil = (last: number) => (step: number) => ({
      loss: step <= last ? ln4 : 0.9,
      wins: step <= last ? [128, 0, 0, 0] : healthy,
    });
    expect(watch(pinnedUntil(100))).toEqual([]);
    expect(watch(pinnedUntil(300), { warmupEpochs: 5 })).toEqual([]);
    expect(watch(pinnedUntil(300))).not.toEqual([]);
  });

  test('names a loss at ln K, once, with the cause and the settings to change', () => {
    const said = watch((step) => ({ loss: ln4 * (1 + 0.008 * Math.sin(step)), wins: healthy, entropy: 0.99 }));
    expect(said).toHaveLength(1);
    expect(said[0].step).toBeLessThanOrEqual(160);
    expect(said[0].sentence).toMatch(
      /stage suave, step \d+: the unlabeled loss stayed at ln K = 1\.386 in steps \d+ to \d+: the assignments give all prototypes equal/,
    );
    expect(said[0].sentence).toMatch(
      /order: a smaller epsilon, a longer freeze, lighter views, a smaller rate, a larger queue\.$/,
    );
    const automatic = watch(() => ({ loss: ln4, wins: healthy, entropy: 1 }), {
      remedies: { ...settings.remedies, sharpen: null },
    });
    expect(automatic[0].sentence).not.toMatch(/epsilon/);
  });

  test('tells even assignments, with a loss above ln K too, from predictions that ignore sharp ones', () => {
    const even = watch(() => ({ loss: 1.05 * ln4, wins: healthy, entropy: 0.99 }));
    expect(even[0].sentence).toMatch(/ln K = 1\.386 or above in.*equal shares/);
    const ignored = watch(() => ({ loss: ln4, wins: healthy }));
    expect(ignored[0].sentence).toMatch(/do not follow the assignments.*order: a smaller rate/);
    expect(watch(() => ({ loss: 1.05 * ln4, wins: healthy }))).toEqual([]);
    expect(watch(() => ({ loss: 0.95 * ln4, wins: healthy, entropy: 0.99 }))).toEqual([]);
  });

  test('does not call a loss pinned that leaves the band once in a while', () => {
    expect(watch((step) => ({ loss: step % 25 === 0 ? 1.3 : ln4, wins: healthy }))).toEqual([]);
  });

  test('names a class that wins nothing, and not an extra prototype', () => {
    const said = watch(() => ({ loss: 0.8, wins: [40, 0, 60, 28] }));
    expect(said.map(({ sentence }) => sentence)).toEqual([
      expect.stringMatching(/no unlabeled image was assigned to class "dog" in steps.*order: a larger queue/),
    ]);
    const extra = watch(() => ({ loss: 0.8, wins: [40, 10, 60, 28, 0] }), { prototypes: [5] });
    expect(extra).toEqual([]);
    expect(watch(() => ({ loss: 0.8, wins: [0, 128, 0, 0] }), { numClasses: 0 })).toHaveLength(1); // as constant
  });

  test('waits for enough images to miss a class', () => {
    expect(watch(() => ({ loss: 0.8, wins: [2, 0, 1, 1] }), { epochs: 13 })).toHaveLength(1);
    expect(watch(() => ({ loss: 0.8, wins: [2, 0, 1, 1] }), { epochs: 8 })).toEqual([]);
  });

  test('names assignments that are all the same', () => {
    const said = watch(() => ({ loss: 0.8, wins: [1, 126, 1, 0] }));
    expect(said).toHaveLength(1);
    expect(said[0].sentence).toMatch(
      /98 % of the unlabeled images were assigned to class "dog".*order: a smaller rate/,
    );
  });

  test('knows ln K of several layers', () => {
    const detector = new CollapseDetector(settings, { prototypes: [4, 16], numClasses: 0 });
    expect(detector.uniformLoss).toBeCloseTo(1.5 * ln4, 12);
  });
});
