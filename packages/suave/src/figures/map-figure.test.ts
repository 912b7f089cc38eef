import { describe, expect, it } from 'vitest';
import { type MapFigure, type MapPanel, pointRadius, prototypeLegend, unitSquare } from './map-figure.js';
import { mapQuality } from './map-quality.js';
import { mapSvg } from './map-svg.js';
import { classColor, onDark, unknownColor } from './palette.js';

/** A panel of points on a circle. */
function panelOf(count: number, changes: Partial<MapPanel> = {}): MapPanel {
  const points = Float32Array.from({ length: 2 * count }, (_, i) => {
    const angle = (2 * Math.PI * Math.floor(i / 2)) / count;
    return i % 2 === 0 ? 5 + 4 * Math.cos(angle) : 2 * Math.sin(angle);
  });
  return {
    title: 'one',
    features: 'embeddings',
    dim: 8,
    points,
    prototypes: [],
    numPrototypes: 0,
    quality: { trustworthiness: null, neighbourAccuracy: null },
    seconds: { features: 0, map: 0 },
    ...changes,
  };
}

function figureOf(count: number, numClasses: number, panels = [panelOf(count)]): MapFigure {
  return {
    classes: Array.from({ length: numClasses }, (_, i) => `class ${i} <&>`),
    paths: Array.from({ length: count }, (_, i) => `${i}.png`),
    labels: Int32Array.from({ length: count }, (_, i) => (numClasses === 0 ? -1 : i % numClasses)),
    panels,
  };
}

describe('unitSquare', () => {
  it('scales both axes alike, upwards is up, prototypes included', () => {
    const { points, prototypes } = unitSquare({
      points: Float32Array.of(0, 0, 4, 0, 0, 2),
      prototypes: [{ x: 8, y: 0, class: 1 }],
    });
    expect([...points]).toEqual([0, 0.625, 0.5, 0.625, 0, 0.375]);
    expect(prototypes).toEqual([{ x: 1, y: 0.625, class: 1 }]);
    expect([...unitSquare({ points: Float32Array.of(3, 3), prototypes: [] }).points]).toEqual([0.5, 0.5]);
  });
});

describe('classColor', () => {
  it.each([2, 20, 100, 1000])('tells %i classes apart from the unknown one', (count) => {
    const colors = Array.from({ length: count }, (_, i) => classColor(i, count));
    expect(colors.every((color) => /^#[0-9a-f]{6}$/.test(color))).toBe(true);
    expect(new Set(colors).size).toBeGreaterThan(0.7 * count);
    expect(colors).not.toContain(unknownColor);
    expect(classColor(-1, count)).toBe(unknownColor);
  });

  it('is lighter on dark ground only where it is dark', () => {
    expect(onDark('#1b3a8f')).not.toBe('#1b3a8f');
    expect(onDark('#e8b400')).toBe('#e8b400');
  });
});

describe('mapSvg', () => {
  it('draws every point and prototype of every panel, and names up to forty classes', () => {
    const cluster = { x: 5, y: 0, class: -1 };
    const panels = [
      panelOf(30, { prototypes: [cluster, cluster], numPrototypes: 3000 }),
      panelOf(30, { title: '', prototypes: [{ x: 5, y: 1, class: 2 }] }),
    ];
    const { svg, width, height } = mapSvg(figureOf(30, 40, panels), 0);
    expect(svg.match(/h0/g)).toHaveLength(60);
    expect(svg).toContain('>2 of 3,000 prototypes</text>');
    expect(svg).toContain('>class 39 &lt;&amp;&gt;</text>');
    expect(svg).not.toContain('NaN');
    expect([width, height].every(Number.isInteger)).toBe(true);
    expect(mapSvg(figureOf(30, 40, panels), 0).svg).toBe(svg);
  });

  it('says how many classes there are where they cannot be named', () => {
    const { svg, height } = mapSvg(figureOf(2000, 1000), 0);
    expect(svg).toContain('1,000 classes, hues in the order of their names');
    expect(height).toBeLessThan(600);
  });

  it('draws images without classes, and none at all', () => {
    expect(mapSvg(figureOf(5, 0), 0).svg).toContain('>image</text>');
    expect(mapSvg(figureOf(0, 2, [panelOf(0)]), 0).svg).not.toMatch(/NaN|Infinity/);
  });

  it('takes a row of panels after three', () => {
    const four = mapSvg(
      figureOf(
        9,
        2,
        [1, 2, 3, 4].map(() => panelOf(9)),
      ),
      0,
    );
    const three = mapSvg(
      figureOf(
        9,
        2,
        [1, 2, 3].map(() => panelOf(9)),
      ),
      0,
    );
    expect(three.width).toBeGreaterThan(2 * three.height);
    expect(four.height).toBeGreaterThan(700);
  });
});

describe('prototypeLegend', () => {
  it('counts clusters and knows classes', () => {
    expect(prototypeLegend([panelOf(1)])).toEqual({ classes: false, clusters: null });
    const prototypes = [
      { x: 0, y: 0, class: -1 },
      { x: 0, y: 0, class: 0 },
    ];
    expect(prototypeLegend([panelOf(1, { prototypes, numPrototypes: 1 })])).toEqual({
      classes: true,
      clusters: '1 prototype',
    });
  });
});

it('draws smaller points where there are more', () => {
  expect(pointRadius(10, 400)).toBe(3);
  expect(pointRadius(1000, 400)).toBeLessThan(3);
  expect(pointRadius(100_000, 400)).toBe(0.75);
});

describe('mapQuality', () => {
  const count = 60;
  const line = Float32Array.from({ length: count }, (_, i) => i + 0.01 * (i % 3));
  const labels = Int32Array.from({ length: count }, (_, i) => Math.floor(i / 20));
  const measure = (points: Float32Array) => mapQuality({ features: line, dim: 1, points, labels, seed: 0 });
  const plane = (xOf: (i: number) => number) =>
    Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? xOf(i / 2) : 0));

  it('is 1 for the same neighbours and about a half for a shuffled map', async () => {
    const same = await measure(plane((i) => line[i] * 2));
    expect(same.trustworthiness).toBe(1);
    expect(same.neighbourAccuracy?.map).toBe(same.neighbourAccuracy?.features);
    const shuffled = await measure(plane((i) => (i * 37) % count));
    expect(shuffled.trustworthiness).toBeLessThan(0.7);
    expect(shuffled.neighbourAccuracy?.map).toBeLessThan(0.7);
  });

  it('is not known of too few images', async () => {
    const few = await mapQuality({
      features: line.slice(0, 1),
      dim: 1,
      points: new Float32Array(2),
      labels: labels.slice(0, 1),
      seed: 0,
    });
    expect(few).toEqual({ trustworthiness: null, neighbourAccuracy: null });
  });
});
