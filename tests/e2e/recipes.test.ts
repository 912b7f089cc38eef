/** @file `suave recipes`, `--scale` and `suave reproduce` as a user types them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageFolder, Workplace } from './command.js';

const place = new Workplace();
afterAll(() => place.remove());

describe('suave recipes', () => {
  it('lists the recipes in groups', async () => {
    const { status, stdout } = await place.run(['recipes']);
    expect(status).toBe(0);
    const lines = stdout.split('\n');
    const at = (text: string): number => lines.findIndex((line) => line.startsWith(text));
    expect(at('ImageNet')).toBeLessThan(at('  suave-imagenet-1pct'));
    expect(at('  suave-imagenet-1pct')).toBeLessThan(at('CIFAR-100'));
    expect(lines.indexOf('CIFAR-100')).toBeLessThan(lines.indexOf('CIFAR-10'));
  });

  it('shows a recipe for fewer devices and says what was changed', async () => {
    const { stdout } = await place.run(['recipes', 'suave-imagenet-1pct', '--scale', '1']);
    expect(stdout).toMatch(/from 8 devices to 1.*unlabeled 256 → 32.*lr 0\.4 → 0\.05/);
    expect(stdout).toMatch(/stages\.suave\.batch\.unlabeled +32 /);
    expect(stdout).toMatch(/1281167 images of 375 px in 1000 classes/);
  });

  it('refuses more devices than a recipe is made for', async () => {
    const { status, stderr } = await place.run(['recipes', 'suave-cifar10', '--scale', '2']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/suave-cifar10 is made for 1 device, got 2/);
  });
});

describe('suave reproduce', () => {
  beforeAll(() => imageFolder(place, 'images', 2, 10));

  it.each([
    [['table2', '--out', 'o'], /expected table1, cifar10 or cifar100, got "table2"/],
    [['table1', '--out', 'o'], /expected --imagenet DIR/],
    [['table1', '--imagenet', 'nowhere', '--out', 'o'], /expected a folder with train\/ and val\//],
    [['cifar10', '--out', 'o'], /expected DATA/],
    [['cifar10', 'images', '--swav-100', 'x', '--out', 'o'], /--swav-100 belongs to table1/],
    [['cifar10', 'images', '--budget', '0', '--out', 'o'], /--budget: expected a whole number >= 1/],
  ])('%j is refused', async (args, message) => {
    const { status, stderr } = await place.run(['reproduce', ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('refuses a file as OUT before it measures anything', async () => {
    const args = ['reproduce', 'cifar10', 'images', '--labels-per-class', '4', '--budget', '1'];
    const { status, stderr } = await place.run([...args, '--out', 'images/class-0/0.png']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/--out .*: expected a folder, but .* is a file/);
    expect(stderr).not.toMatch(/measuring/);
  });

  it('prints a plan from measured steps and writes nothing', async () => {
    const args = ['reproduce', 'cifar10', 'images', '--labels-per-class', '4', '--budget', '1', '--out', 'sized'];
    const { status, stdout } = await place.run([...args, '--dry-run', '--json']);
    expect(status).toBe(0);
    const plan = JSON.parse(stdout);
    expect(plan.jobs.map((job: { id: string }) => job.id)).toEqual(
      ['supervised', 'swav', 'suave', 'daino', 'paws'].map((key) => `${key}-seed1`),
    );
    for (const job of plan.jobs) expect(job).toMatchObject({ state: 'to do' });
    expect(plan.deviceHours).toBeGreaterThan(0);
    expect(plan.measurements.length).toBeGreaterThanOrEqual(5);
    expect(place.entries()).not.toContain('sized');
  });
});
