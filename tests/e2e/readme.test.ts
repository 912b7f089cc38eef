/** @file Runs the snippets of README and docs/export.md: every fenced block whose language is followed by `run`, in order, in one folder. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const snippets = ['README.md', 'docs/export.md'].flatMap((document) =>
  [...readFileSync(join(root, document), 'utf8').matchAll(/^```(\w+) run\n(.*?)^```$/gms)].map(
    ([, language, text]) => ({ document, language, text }),
  ),
);

const colors = { red: '#c03020', green: '#20a040', blue: '#2040c0' };
const folder = mkdtempSync(join(tmpdir(), 'suave-readme-'));

/** A disc of the class's color on gray, somewhere in a picture of 40 x 32 pixels. */
async function drawImage(path: string, color: string, index: number): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const disc = `<circle cx="${10 + ((index * 7) % 20)}" cy="${10 + ((index * 5) % 12)}" r="8" fill="${color}"/>`;
  await sharp(Buffer.from(`<svg width="40" height="32"><rect width="40" height="32" fill="#888"/>${disc}</svg>`))
    .jpeg()
    .toFile(path);
}

beforeAll(async () => {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const rows = ['path,label'];
  for (const [label, color] of Object.entries(colors)) {
    for (let index = 0; index < 40; index++) {
      const path = `album-${index % 3}/${label}-${index}.jpg`;
      await drawImage(join(folder, 'photos', path), color, index);
      if (index < 10) rows.push(`${path},${label}`);
    }
    await drawImage(join(folder, 'new-photos', `${label}.jpg`), color, 3);
  }
  writeFileSync(join(folder, 'labels.csv'), `${rows.join('\n')}\n`);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Training is cut to one epoch: what is tested is that the commands are right. */
function command(language: string, text: string): [string, string[]] {
  if (language === 'sh') return ['bash', ['-euo', 'pipefail', '-c', text.replace(/suave train .*/g, '$& --epochs 1')]];
  const file = join(folder, `snippet.${language === 'js' ? 'mjs' : language}`);
  writeFileSync(file, text);
  return [process.execPath, [file]];
}

test('README and docs/export.md have snippets to run', () => {
  expect(snippets.map(({ language }) => language)).toEqual(['sh', 'sh', 'js', 'js', 'js']);
});

test.each(snippets.map((snippet, index) => ({ number: `${index + 1}`, ...snippet })))(
  'snippet $number, $language, of $document',
  { timeout: 300_000 },
  ({ language, text }) => {
    const result = spawnSync(...command(language, text), {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') },
    });
    expect(result.error).toBeUndefined();
    expect(result.status, `${result.stdout}\n${result.stderr}`).toBe(0);
  },
);

test('the predictions of the first result name every image', () => {
  const lines = readFileSync(join(folder, 'predictions.csv'), 'utf8').trim().split('\n');
  expect(lines[0]).toBe('path,class,probability');
  for (const label of Object.keys(colors)) {
    expect(lines.filter((line) => line.includes(`${label}.jpg`)).length).toBeGreaterThanOrEqual(1);
  }
});
