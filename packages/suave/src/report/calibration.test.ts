import { type Tensor, tensor } from '@suave/torch';
import { afterEach, describe, expect, it } from 'vitest';
import { fitTemperature } from '../evaluation/index.js';
import { answersOf } from './answers.js';
import { calibrationOf, coverageOf, halvesOf, reliabilityOf } from './calibration.js';

const made: Tensor[] = [];
afterEach(() => {
  for (const one of made.splice(0)) one.dispose();
});

describe('answersOf', () => {
  it('gives probabilities at a temperature of each image, ties to the first class', () => {
    const scores = Float32Array.of(1, 3, 2, 2, 2, 0);
    const table = { scores, numClasses: 3, labels: Int32Array.of(2, 1) };
    const { predicted, confidence, ofTruth, isRight } = answersOf(table, (image) => (image === 0 ? 1 : 0.5));
    expect([...predicted]).toEqual([1, 0]);
    expect([...isRight]).toEqual([0, 0]);
    const sum = Math.exp(-2) + 1 + Math.exp(-1);
    expect(confidence[0]).toBeCloseTo(1 / sum, 12);
    expect(ofTruth[0]).toBeCloseTo(Math.exp(-1) / sum, 12);
    expect(confidence[1]).toBeCloseTo(1 / (2 + Math.exp(-4)), 12);
    expect(ofTruth[1]).toBe(confidence[1]);
  });
});

describe('reliabilityOf', () => {
  it('is the error that one calculates by hand', () => {
    // bins of 1/15: 0.51 and 0.53 lie in (7/15, 8/15], 0.95 and 1 in the last
    const confidence = Float64Array.of(0.51, 0.53, 0.95, 1);
    const isRight = Uint8Array.of(1, 0, 1, 0);
    const { bins, ece } = reliabilityOf({ confidence, isRight });
    expect(bins).toHaveLength(15);
    expect(bins.filter(({ images }) => images > 0)).toEqual([
      { low: 7 / 15, high: 8 / 15, images: 2, confidence: 0.52, accuracy: 0.5 },
      { low: 14 / 15, high: 1, images: 2, confidence: 0.975, accuracy: 0.5 },
    ]);
    expect(ece).toBeCloseTo(0.5 * 0.02 + 0.5 * 0.475, 12);
  });

  it('puts a confidence on a border into the lower bin', () => {
    const { bins } = reliabilityOf({ confidence: Float64Array.of(1 / 15, 0.2), isRight: Uint8Array.of(1, 1) });
    expect([bins[0].images, bins[2].images]).toEqual([1, 1]);
  });
});

describe('calibrationOf', () => {
  it('measures each half at the temperature that fits the other', () => {
    const labels = Int32Array.from({ length: 40 }, (_, i) => (i * 7) % 3);
    let state = 7;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32 - 0.5;
    };
    const scores = Float32Array.from(
      { length: 120 },
      (_, i) => (labels[Math.floor(i / 3)] === i % 3 ? 1 : 0) + 2 * next(),
    );
    const scores_NK = tensor(scores).view([40, 3]);
    made.push(scores_NK);
    const table = { scores, numClasses: 3, labels };
    const found = calibrationOf(scores_NK, table, 0.7, 0.1)!;
    expect(found).toMatchObject({ temperature: 0.7, trainingTemperature: 0.1 });

    const halves = halvesOf(labels);
    const fitted = [0, 1].map((half) => {
      const rows = [...labels.keys()].filter((image) => halves[image] === half);
      const own = tensor(Float32Array.from(rows.flatMap((row) => [...scores.subarray(3 * row, 3 * row + 3)]))).view([
        rows.length,
        3,
      ]);
      made.push(own);
      return fitTemperature(
        own,
        Int32Array.from(rows, (row) => labels[row]),
      );
    });
    expect(fitted[0]).not.toBe(fitted[1]);
    const crossed = reliabilityOf(answersOf(table, (image) => (halves[image] === 0 ? fitted[1] : fitted[0])));
    expect(found.ece).toBe(crossed.ece);
    expect(found.bins).toEqual(crossed.bins);
    expect(found.eceBefore).toBe(reliabilityOf(answersOf(table, () => 0.1)).ece);
    expect(calibrationOf(scores_NK, table, null, 0.1)!.temperature).toBe(fitTemperature(scores_NK, labels));
  });

  it('divides every class evenly, and cannot be had of one image', () => {
    const labels = Int32Array.of(0, 0, 0, 0, 1, 1, 2, 3);
    const halves = halvesOf(labels);
    expect([...halves]).toEqual([0, 1, 0, 1, 1, 0, 0, 1]);
    const one = tensor(Float32Array.of(1, 2)).view([1, 2]);
    made.push(one);
    const table = { scores: Float32Array.of(1, 2), numClasses: 2, labels: Int32Array.of(1) };
    expect(calibrationOf(one, table, 1, 1)).toBeNull();
  });
});

describe('coverageOf', () => {
  it('counts answers at or above each threshold', () => {
    const points = coverageOf({ confidence: Float64Array.of(0.9, 0.5, 0.7, 0.5), isRight: Uint8Array.of(1, 0, 1, 1) });
    expect(points).toHaveLength(101);
    expect(points[0]).toEqual({ threshold: 0, coverage: 1, accuracy: 0.75 });
    expect(points[50]).toEqual({ threshold: 0.5, coverage: 1, accuracy: 0.75 });
    expect(points[51]).toEqual({ threshold: 0.51, coverage: 0.5, accuracy: 1 });
    expect(points[90]).toEqual({ threshold: 0.9, coverage: 0.25, accuracy: 1 });
    expect(points[91]).toEqual({ threshold: 0.91, coverage: 0, accuracy: null });
  });
});
