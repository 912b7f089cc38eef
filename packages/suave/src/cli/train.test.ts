import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { overridesOf } from './train.js';

describe('overridesOf', () => {
  it('turns options into settings, --set last', () => {
    expect(overridesOf({ out: 'x', epochs: '5', labels: 'l.csv', arch: 'resnet18', set: ['epochs=7'] })).toEqual([
      { path: 'data.labels', value: resolve('l.csv'), isText: false },
      { path: 'model.arch', value: 'resnet18', isText: false },
      { path: 'epochs', value: '5', isText: true },
      { path: 'epochs', value: '7', isText: true },
    ]);
  });
});
