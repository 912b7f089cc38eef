import { describe, expect, it } from 'vitest';
import type { TrainResult } from '../training/index.js';
import { trainingResultText } from './train-report.js';

const result: TrainResult = {
  method: 'swav',
  run: '/runs/first',
  interrupted: false,
  alreadyFinished: false,
  top1: null,
  top5: null,
  loss: null,
  images: 0,
  best: null,
  seconds: 1,
  report: null,
  baseline: null,
};

describe('trainingResultText', () => {
  it('tells a run without a hold-out from one without classes', () => {
    expect(trainingResultText(result)).toMatch(/no hold-out, so no accuracy[\s\S]*suave evaluate \/runs\/first\n/);
    expect(trainingResultText({ ...result, images: 18 })).toMatch(
      /without classes, so no accuracy yet[\s\S]*suave evaluate \/runs\/first --protocol knn\n/,
    );
  });

  it('names the report', () => {
    const report = '/runs/first/report.html';
    expect(trainingResultText({ ...result, report })).toContain(`\nreport: ${report}\n`);
  });
});
