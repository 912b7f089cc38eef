import { describe, expect, it } from 'vitest';
import { CheckpointError, ConfigError, DataError, TrainingError, UsageError } from '../errors.js';
import { RunError } from '../runs/index.js';
import { failureOf, InterruptedError } from './exit.js';

const withCode = (code: string, path?: string): Error => Object.assign(new Error(`${code}: raw`), { code, path });

describe('failureOf', () => {
  it.each([
    [new UsageError('a'), 2],
    [new ConfigError('epochs', 'a'), 2],
    [new DataError('a'), 2],
    [new CheckpointError('a'), 2],
    [new RunError('RUN_EXISTS', 'a'), 2],
    [withCode('ERR_CHECKPOINT_FORMAT'), 2],
    [new TrainingError('a'), 1],
    [withCode('ERR_TORCH_OUT_OF_MEMORY'), 1],
    [new TypeError('a'), 1],
    ['text', 1],
    [new InterruptedError('a'), 130],
  ])('%s has exit status %d', (error, status) => {
    expect(failureOf(error).status).toBe(status);
  });

  it('says what a full disk means', () => {
    expect(failureOf(withCode('ENOSPC', '/disk/x'))).toEqual({
      status: 1,
      message: expect.stringMatching(/^\/disk\/x: no space left.*try again; training goes on .*--resume/),
    });
  });

  it('makes one line of every message', () => {
    expect(failureOf(new DataError('one\n  two')).message).toBe('one two');
    expect(failureOf(new TypeError('x is not a function')).message).toMatch(/^unexpected TypeError: .*SUAVE_DEBUG/);
  });
});
