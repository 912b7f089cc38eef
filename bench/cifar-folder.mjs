#!/usr/bin/env node
/**
 * @file Lays out a small CIFAR-10 task from the class folders of its training images:
 *
 *     node bench/cifar-folder.mjs CLASS_FOLDERS OUT [--train 10000] [--val 5000]
 *
 * OUT/train/<class> gets the first images of every class in name order, OUT/val/<class> the next ones: disjoint by
 * construction, so nothing in val/ is ever trained on. Files are hard links where the disk allows, else copies.
 */
import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { train: { type: 'string', default: '10000' }, val: { type: 'string', default: '5000' } },
});
const [source, out] = positionals;
if (source === undefined || out === undefined || !existsSync(source)) {
  console.error(
    'usage: node bench/cifar-folder.mjs CLASS_FOLDERS OUT [--train N] [--val N], with an existing folder of class folders',
  );
  process.exit(2);
}
if (existsSync(out)) {
  console.error(`${out}: expected a new folder, got one that exists. Name another, or remove it yourself.`);
  process.exit(2);
}

const classes = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const perClass = {
  train: Math.floor(Number(values.train) / classes.length),
  val: Math.floor(Number(values.val) / classes.length),
};

function put(from, to) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

for (const { name } of classes) {
  const files = readdirSync(join(source, name)).sort();
  if (files.length < perClass.train + perClass.val) {
    console.error(
      `${join(source, name)}: expected ${perClass.train + perClass.val} images, got ${files.length}. Ask for fewer.`,
    );
    process.exit(2);
  }
  let next = 0;
  for (const split of ['train', 'val']) {
    mkdirSync(join(out, split, name), { recursive: true });
    for (const file of files.slice(next, next + perClass[split]))
      put(join(source, name, file), join(out, split, name, file));
    next += perClass[split];
  }
}
console.log(`${out}: ${perClass.train * classes.length} images in train/, ${perClass.val * classes.length} in val/`);
