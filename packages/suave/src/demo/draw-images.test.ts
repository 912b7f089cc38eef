import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeImage, drawContactSheet, drawImageSet, type ImageSetSpec } from './draw-images.js';
import { imageSvg, shapeNames, shapes } from './shapes.js';

const spec: ImageSetSpec = { seed: 3, size: 32, numTrain: 60, numVal: 20 };
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'suave-shapes-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A hash over names and bytes of all files below a folder. */
function hashFolder(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
    const path = join(folder, name);
    if (statSync(path).isFile()) hash.update(name).update(readFileSync(path));
  }
  return hash.digest('hex');
}

describe('the drawn images', () => {
  it('depend on the class through the outline alone', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom('train' as const, 'val' as const), fc.nat(5000), (seed, split, index) => {
        const { name, nuisance } = describeImage(seed, split, index);
        const [own, ...others] = shapeNames.map((shape) =>
          imageSvg(shapes[shape], nuisance, 0).replace(shapes[shape], 'PATH'),
        );
        for (const other of others) expect(other).toBe(own);
        expect(name).toBe(shapeNames[index % shapeNames.length]);
      }),
    );
  });

  it('have nuisances of one distribution in all classes and both splits', () => {
    // Ten numbers in [0, 1] of every image; their means over 2,000 images of a class differ by 4.5 standard errors at most.
    const features = (split: 'train' | 'val', index: number): number[] => {
      const { radius, x, y, degrees, background, foreground, clutter, light } = describeImage(7, split, index).nuisance;
      const lightness = [background.color.lightness, foreground.color.lightness];
      return [
        (radius - 0.3) / 0.12,
        x,
        y,
        degrees / 60 + 0.5,
        background.color.hue,
        foreground.color.hue,
        ...lightness,
        clutter.length / 2,
        light.strength / 0.4,
      ];
    };
    const perGroup = 2000;
    const groups = (['train', 'val'] as const).flatMap((split) =>
      shapeNames.map((_, label) =>
        Array.from({ length: perGroup }, (_, i) => features(split, i * shapeNames.length + label)),
      ),
    );
    const all = groups.flat();
    for (let f = 0; f < all[0].length; f++) {
      const mean = all.reduce((sum, row) => sum + row[f], 0) / all.length;
      const variance = all.reduce((sum, row) => sum + (row[f] - mean) ** 2, 0) / all.length;
      for (const group of groups) {
        const groupMean = group.reduce((sum, row) => sum + row[f], 0) / perGroup;
        expect(Math.abs(groupMean - mean)).toBeLessThan(4.5 * Math.sqrt(variance / perGroup));
      }
    }
  });

  it('are the same bytes for the same seed, others for another, and are drawn once', async () => {
    const first = join(root, 'a', 'first');
    expect(await drawImageSet(first, spec)).toBe(true);
    expect(await drawImageSet(join(root, 'second'), spec)).toBe(true);
    expect(await drawImageSet(join(root, 'third'), { ...spec, seed: 4 })).toBe(true);
    const hash = hashFolder(first);
    expect(hashFolder(join(root, 'second'))).toBe(hash);
    expect(hashFolder(join(root, 'third'))).not.toBe(hash);
    const before = statSync(join(first, 'image-set.json')).mtimeMs;
    expect(await drawImageSet(first, spec)).toBe(false);
    expect(statSync(join(first, 'image-set.json')).mtimeMs).toBe(before);
    expect(existsSync(`${first}.unfinished`)).toBe(false);
  });

  it('lie in one folder per class and split, as square RGB files', async () => {
    const folder = join(root, 'layout');
    const progress: number[] = [];
    await drawImageSet(folder, spec, (done) => progress.push(done));
    expect(progress.at(-1)).toBe(80);
    expect(readdirSync(join(folder, 'train')).sort()).toEqual([...shapeNames].sort());
    for (const name of shapeNames) {
      expect(readdirSync(join(folder, 'train', name))).toHaveLength(6);
      expect(readdirSync(join(folder, 'val', name))).toHaveLength(2);
    }
    const image = readdirSync(join(folder, 'val', 'star'))[0];
    expect(await sharp(join(folder, 'val', 'star', image)).metadata()).toMatchObject({
      width: 32,
      height: 32,
      channels: 3,
      format: 'png',
    });
  });

  it('show a shape: pixels inside the outline differ from those around it', async () => {
    const { nuisance } = describeImage(1, 'train', 0);
    const render = (path: string): Promise<Buffer> =>
      sharp(
        Buffer.from(
          `<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 1 1">${imageSvg(path, nuisance, 0)}</svg>`,
        ),
      )
        .removeAlpha()
        .raw()
        .toBuffer();
    const pictures = await Promise.all(shapeNames.map((name) => render(shapes[name])));
    for (let a = 0; a < pictures.length; a++) {
      for (let b = 0; b < a; b++) {
        const changed = pictures[a].reduce(
          (count, value, i) => count + (Math.abs(value - pictures[b][i]) > 20 ? 1 : 0),
          0,
        );
        expect(changed, `${shapeNames[a]} and ${shapeNames[b]}`).toBeGreaterThan(60);
      }
    }
  });

  it('are not drawn over something else', async () => {
    const folder = join(root, 'occupied');
    await drawImageSet(folder, spec);
    writeFileSync(join(folder, 'image-set.json'), '{}');
    await expect(drawImageSet(folder, spec)).rejects.toMatchObject({ code: 'DEMO_IMAGES', exitCode: 2 });
  });

  it('fill a contact sheet, a row for each class', async () => {
    const folder = join(root, 'sheet');
    await drawImageSet(folder, spec);
    const sheet = sharp(await drawContactSheet(spec, 6, 2));
    expect(await sheet.metadata()).toMatchObject({ width: 6 * 32 * 2, height: 10 * 32 * 2, channels: 3 });
    const raw = (image: Sharp): Promise<Buffer> => image.raw().toBuffer();
    for (const [row, name] of shapeNames.entries()) {
      const files = readdirSync(join(folder, 'train', name)).sort();
      for (const column of [0, 5]) {
        const region = { left: column * 64, top: row * 64, width: 64, height: 64 };
        const shown = await raw(sheet.clone().extract(region).resize(32, 32, { kernel: 'nearest' }));
        expect(shown.equals(await raw(sharp(join(folder, 'train', name, files[column])))), `${name} ${column}`).toBe(
          true,
        );
      }
    }
  });
});
