/** @file The typed face against the libtorch that is loaded: the same schemas as the committed ones, each entry there or said to be missing. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OPERATORS } from './generated/table.js';
import * as torch from './index.js';
import { native } from './native.js';
import { id } from './operator-runtime.js';

const version = /^\d+\.\d+/.exec(torch.libtorchVersion())![0];
const dump = new URL(`../schemas/aten-${version}.txt`, import.meta.url);
const hasDump = existsSync(dump);
const lines = hasDump ? readFileSync(dump, 'utf8').trim().split('\n') : [];
const suite = hasDump
  ? describe
  : (describe.skip as unknown as typeof describe); /* a libtorch whose schemas are not committed */
const title = hasDump ? `libtorch ${version}` : `no committed schemas of libtorch ${version} to compare with`;

/** Schemas that some builds of a version have and others lack, each with its reason. */
const EXPLAINED: Record<string, string> = {};

suite(title, () => {
  it('has the schemas that are committed', () => {
    const loaded = native.schemas().filter((line) => line.startsWith('aten::'));
    const committed = new Set(lines);
    const differences = [
      ...loaded.filter((line) => !committed.has(line)),
      ...lines.filter((line) => !new Set(loaded).has(line)),
    ];
    expect(differences.filter((line) => !(line in EXPLAINED))).toEqual([]);
  });

  it('has exactly those entries of the typed face whose schemas are committed; the others say that they are missing', () => {
    const names = new Set(lines.map((line) => /^aten::([\w.]+)/.exec(line)![1]));
    let missing = 0;
    for (const [index, entry] of OPERATORS.entries()) {
      const name = entry.slice(0, entry.indexOf(':'));
      expect(torch.has(`aten::${name}`), name).toBe(names.has(name));
      if (names.has(name)) {
        expect(id(index), name).toBeGreaterThanOrEqual(0);
        continue;
      }
      missing++;
      let error: unknown;
      try {
        id(index);
      } catch (thrown) {
        error = thrown;
      }
      expect(error, name).toBeInstanceOf(torch.MissingOperatorError);
      expect((error as Error).message).toContain(`torch.has('aten::${name}')`);
    }
    expect(OPERATORS.length).toBeGreaterThan(3150);
    expect(missing).toBeGreaterThan(50);
  });
});

describe('operators by name', () => {
  it('of other namespaces are there too', () => {
    const namespaces = new Set(native.schemas().map((line) => line.slice(0, line.indexOf('::'))));
    expect(namespaces).toContain('quantized');
    for (const name of ['quantized::add', 'quantized::linear']) expect(torch.has(name)).toBe(true);
  });
});
