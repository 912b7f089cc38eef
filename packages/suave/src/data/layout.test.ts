import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  temporaryFolder,
  writeClassFolders,
  writeFile,
  writeImages,
} from '../../../../tests/fixtures/image-folders.js';
import { planData } from './plan.js';

const plan = (data: string, labels: string | null = null) => planData({ data, labels, seed: 0, holdout: 0 });

/** Rejects with this code and message. */
async function expectError(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await expect(promise).rejects.toMatchObject({ code, exitCode: 2, message: expect.stringMatching(message) });
}

describe('layouts', () => {
  test('train/ and val/ with class folders', async () => {
    const data = temporaryFolder();
    await writeClassFolders(data, ['dog', 'cat'], 3, 'train/');
    await writeClassFolders(data, ['dog', 'cat'], 2, 'val/');
    await writeImages(data, ['unlabeled/x.jpg', 'train/unlabeled/y.webp', 'test/0.png']);
    const { layout, numTrain, numLabeled, numVal, valSource } = await plan(data);
    expect(layout.classes).toEqual(['cat', 'dog']);
    expect({ numTrain, numLabeled, numVal, valSource }).toEqual({
      numTrain: 8,
      numLabeled: 6,
      numVal: 4,
      valSource: 'folder',
    });
    expect(layout.val?.map((image) => [image.path, image.knownClass])).toEqual([
      ['val/cat/0.png', 0],
      ['val/cat/1.png', 0],
      ['val/dog/0.png', 1],
      ['val/dog/1.png', 1],
    ]);
    expect(layout.pool.map((image) => image.path)).toContain('unlabeled/x.jpg');
    expect(layout.notes.join()).toMatch(/1 image\(s\) in test\/ are not used/);
  });

  test('class folders directly, of any script, with nested folders and images beside them', async () => {
    const data = temporaryFolder();
    await writeImages(data, [
      '猫/0.png',
      '猫/deep/er/1.png',
      'Ω two/0.jpeg',
      'class 10/a.PNG',
      'class 2/a.png',
      'stray.png',
    ]);
    const { layout, numTrain, numLabeled } = await plan(data);
    expect(layout.classes).toEqual(['class 2', 'class 10', 'Ω two', '猫']);
    expect([numTrain, numLabeled]).toEqual([6, 5]);
    expect(layout.notes.join()).toMatch(/1 image\(s\) lie beside the class folders/);
  });

  test('class folders directly, with val/ beside them; a class may be called val', async () => {
    const data = temporaryFolder();
    await writeClassFolders(data, ['dog', 'cat'], 2);
    await writeImages(data, ['val/cat/0.png', 'val/dog/0.png']);
    const { layout, numTrain, valSource } = await plan(data);
    expect([layout.classes, numTrain, layout.val?.length, valSource]).toEqual([['cat', 'dog'], 4, 2, 'folder']);
    const other = temporaryFolder();
    await writeImages(other, ['val/0.png', 'wal/0.png']);
    expect((await plan(other)).layout.classes).toEqual(['val', 'wal']);
    const only = temporaryFolder();
    await writeClassFolders(only, ['dog', 'cat'], 1, 'val/');
    await expectError(plan(only), 'EMPTY_FOLDER', /got images in val\/ only/);
  });

  test('names are compared in NFC and kept as they are', async () => {
    const data = temporaryFolder();
    const decomposed = 'café'.normalize('NFD');
    await writeImages(data, [`train/${decomposed}/0.png`, 'train/b/0.png', 'val/café/0.png', 'val/b/0.png']);
    const { layout } = await plan(data);
    expect(layout.classes).toEqual(['b', decomposed]);
    expect(layout.val?.map((image) => image.knownClass)).toEqual([0, 1]);
  });

  test('images at any depth and a CSV of some labels, the CSV among them', async () => {
    const data = temporaryFolder();
    await writeImages(data, ['2021/a.jpg', '2021/05/b.jpg', 'c.png', 'd, e.png', 'f.webp']);
    const labels = writeFile(
      data,
      'labels.csv',
      '\ufeffpath,label\r\n2021/05/b.jpg,狗\r\n./c.png,cat\r\n"d, e.png",cat\r\n',
    );
    const { layout, numTrain, numLabeled, roles } = await plan(data, labels);
    expect(layout.classes).toEqual(['cat', '狗']);
    expect([numTrain, numLabeled]).toEqual([5, 3]);
    expect(layout.pool.map((image, i) => [image.path, image.knownClass, roles[i]])).toEqual([
      ['2021/05/b.jpg', 1, 'labeled'],
      ['2021/a.jpg', -1, 'unlabeled'],
      ['c.png', 0, 'labeled'],
      ['d, e.png', 0, 'labeled'],
      ['f.webp', -1, 'unlabeled'],
    ]);
    expect(layout.notImages).toEqual([]);
    expect(layout.notes.join()).toMatch(/No label of the label file is the name of a folder/);
  });

  test('class folders and a CSV that says which are labeled; images without a row are unlabeled', async () => {
    const data = temporaryFolder();
    await writeClassFolders(data, ['cat', 'dog'], 4, 'train/');
    const labels = writeFile(temporaryFolder(), 'l.csv', 'train/cat/0.png,cat\ndog/1.png,dog\ncat/3.png,\n');
    const { layout, roles } = await plan(data, labels);
    expect(layout.pool.filter((_, i) => roles[i] === 'labeled').map((image) => image.path)).toEqual([
      'train/cat/0.png',
      'train/dog/1.png',
    ]);
    expect(layout.pool.every((image) => image.knownClass >= 0)).toBe(true);
  });

  test('flat train/ and val/ with labels for both', async () => {
    const data = temporaryFolder();
    await writeImages(data, ['train/a.png', 'train/b.png', 'train/c.png', 'val/d.png', 'val/e.png']);
    const labels = writeFile(data, 'labels.csv', 'train/a.png,x\ntrain/b.png,y\nval/d.png,x\n');
    const { layout, numTrain, numVal } = await plan(data, labels);
    expect([layout.classes, numTrain, numVal]).toEqual([['x', 'y'], 3, 1]);
    expect(layout.notes.join()).toMatch(/1 image\(s\) of val\/ have no label/);
  });

  test("a list of file names as ImageNet's subsets are", async () => {
    const data = temporaryFolder();
    await writeImages(data, [
      'train/n01440764/n01440764_10026.JPEG',
      'train/n01440764/n01440764_2.JPEG',
      'train/n01443537_goldfish/n01443537_5.JPEG',
      'train/n01443537_goldfish/n01443537_6.JPEG',
      'train/n01443537_goldfish/odd.JPEG',
    ]);
    const list = writeFile(data, '1percent.txt', 'n01440764_10026.JPEG\nn01443537_5.JPEG\nodd.JPEG\n');
    const { layout, roles } = await plan(data, list);
    expect(layout.pool.filter((_, i) => roles[i] === 'labeled').map((image) => [image.path, image.knownClass])).toEqual(
      [
        ['train/n01440764/n01440764_10026.JPEG', 0],
        ['train/n01443537_goldfish/n01443537_5.JPEG', 1],
        ['train/n01443537_goldfish/odd.JPEG', 1],
      ],
    );
  });

  test('links are followed, rings and hidden files are not', async () => {
    const data = temporaryFolder();
    const elsewhere = temporaryFolder();
    await writeImages(elsewhere, ['0.png', '1.png']);
    await writeImages(data, ['a/0.png', '.hidden/0.png', 'a/.1.png', '__MACOSX/0.png']);
    symlinkSync(elsewhere, join(data, 'b'));
    symlinkSync(data, join(data, 'a', 'ring'));
    const { layout } = await plan(data);
    expect(layout.classes).toEqual(['a', 'b']);
    expect(layout.pool.map((image) => image.path)).toEqual(['a/0.png', 'b/0.png', 'b/1.png']);
  });
});

describe('bad input', () => {
  test('no such folder, a file, an empty folder, no image in it', async () => {
    const data = temporaryFolder();
    await expectError(
      plan(join(data, 'nothing')),
      'NO_SUCH_FOLDER',
      /nothing", which does not exist\. Check the path\.$/,
    );
    await expectError(plan(data), 'EMPTY_FOLDER', /got an empty folder/);
    const file = writeFile(data, 'readme.txt', 'hello');
    await expectError(plan(file), 'NOT_A_FOLDER', /got the file/);
    await expectError(plan(data), 'EMPTY_FOLDER', /got 1 file\(s\), none of which can be read/);
  });

  test('one class only, with advice when the classes lie one folder deeper', async () => {
    const data = temporaryFolder();
    await writeClassFolders(data, ['cat', 'dog'], 1, 'images/');
    await expectError(plan(data), 'ONE_CLASS', /got one only: "images"\. It holds the folders cat, dog/);
    const labels = writeFile(temporaryFolder(), 'l.csv', 'images/cat/0.png,a\n');
    await expectError(plan(data, labels), 'UNKNOWN_CLASS', /expected the name of a class folder, got "a"/);
    const flat = temporaryFolder();
    await writeImages(flat, ['0.png', '1.png']);
    const one = writeFile(flat, 'l.csv', '0.png,a\n1.png,a\n');
    await expectError(plan(flat, one), 'ONE_CLASS', /Label images of at least two classes/);
  });

  test('images without classes', async () => {
    const data = temporaryFolder();
    await writeImages(data, ['0.png', '1.png', 'unlabeled/2.png']);
    await expectError(plan(data), 'NO_LABELS', /got 3 image\(s\) without any class.*--labels FILE/);
    const list = writeFile(temporaryFolder(), 'list.txt', '0.png\n1.png\n');
    await expectError(plan(data, list), 'MISSING_COLUMN', /without the column "label"/);
  });

  test('a class without any image, and without any labeled image', async () => {
    const data = temporaryFolder();
    await writeClassFolders(data, ['cat', 'dog', 'owl'], 2);
    const labels = writeFile(temporaryFolder(), 'l.csv', 'cat/0.png,cat\ndog/0.png,dog\n');
    await expectError(plan(data, labels), 'EMPTY_CLASS', /at least one labeled image of every class, got none of owl/);
    mkdirSync(join(data, 'eel'));
    await expectError(plan(data), 'EMPTY_CLASS', /got none for eel/);
  });

  test("a list in ImageNet's form whose class folder or file is missing, or that leaves out a class", async () => {
    const data = temporaryFolder();
    await writeImages(data, [
      'train/n01440764_tench/n01440764_10026.JPEG',
      'train/n01443537/n01443537_5.JPEG',
      'train/n02000001/n02000001_1.JPEG',
    ]);
    const list = (content: string) => writeFile(temporaryFolder(), '1percent.txt', content);
    await expectError(
      plan(data, list('n01440764_10026.JPEG\nn01443538_1.JPEG\n')),
      'UNKNOWN_PATH',
      /1percent\.txt line 2: expected a class folder for "n01443538_1\.JPEG", got no folder in ".*train\/" whose name starts with n01443538\./,
    );
    await expectError(
      plan(data, list('n01440764_10027.JPEG\n')),
      'UNKNOWN_PATH',
      /line 1: expected the image "n01440764_10027\.JPEG", got no such file in ".*train\/n01440764_tench"/,
    );
    await expectError(
      plan(data, list('n01440764_10026.JPEG\nn01443537_5.JPEG\n')),
      'EMPTY_CLASS',
      /got none of n02000001/,
    );
  });

  test('a list of indices where images are not numbered, or not uniquely', async () => {
    const data = temporaryFolder();
    await writeImages(data, ['cat/0.png', 'cat/1.png', 'dog/1.png', 'dog/002.png', 'dog/blue.png']);
    const list = (content: string) => writeFile(temporaryFolder(), 'list.txt', content);
    const { layout } = await plan(data, list('0\n2\n'));
    expect(layout.pool.filter((image) => image.listed).map((image) => image.path)).toEqual([
      'cat/0.png',
      'dog/002.png',
    ]);
    await expectError(plan(data, list('0\n1\n')), 'UNKNOWN_PATH', /line 2: .*got "1", which occurs 2 times/);
    await expectError(plan(data, list('7\n')), 'UNKNOWN_PATH', /line 1: .*got 7, which none of the 5 images/);
  });

  test('a label file with an unknown path or class names line and nearest name', async () => {
    const data = temporaryFolder();
    await writeClassFolders(data, ['cat', 'dog'], 2);
    const labels = (content: string) => writeFile(temporaryFolder(), 'labels.csv', content);
    await expectError(
      plan(data, labels('path,label\ncat/0.png,cat\ndog/00.png,dog\ncat/9.png,cat\n')),
      'UNKNOWN_PATH',
      /labels\.csv line 3: .*got "dog\/00\.png", which is not there\. Did you mean "dog\/0\.png"\? \(also lines 4\)/,
    );
    await expectError(
      plan(data, labels('cat/0.png,cat\ndog/0.png,dgo\n')),
      'UNKNOWN_CLASS',
      /line 2: .*got "dgo"\. Did you mean "dog"\?/,
    );
    await expectError(
      plan(data, labels('cat/0.png,Cat\ndog/0.png,Dog\n')),
      'UNKNOWN_CLASS',
      /got "Cat"\. Did you mean "cat"/,
    );
    await expectError(plan(data, labels('cat/0.png,zebra\n')), 'UNKNOWN_CLASS', /got "zebra"/);
    await expectError(plan(data, labels('0.png\n')), 'UNKNOWN_PATH', /occurs 2 times\. Write its path/);
    await expectError(
      plan(data, labels('cat/0.png,cat\ncat/0.png,dog\n')),
      'CONFLICTING_LABELS',
      /"cat" in line 1 and "dog" here/,
    );
    await expectError(
      plan(data, labels('filename,class\ncat/0.png,cat\n')),
      'UNKNOWN_PATH',
      /If this line is a header/,
    );
    writeFileSync(join(data, 'cat', 'notes.txt'), 'x');
    await expectError(plan(data, labels('cat/notes.txt,cat\n')), 'UNKNOWN_PATH', /not among the images/);
    await expectError(plan(data, join(data, 'no.csv')), 'NO_SUCH_FILE', /no\.csv", which does not exist/);
  });

  test('a validation class that training does not have', async () => {
    const data = temporaryFolder();
    await writeClassFolders(data, ['cat', 'dog'], 1, 'train/');
    await writeClassFolders(data, ['cat', 'dogs'], 1, 'val/');
    await expectError(plan(data), 'UNKNOWN_CLASS', /got "dogs", which has none\. Did you mean "dog"\?/);
  });

  test('too many unreadable files are known before decoding', async () => {
    const data = temporaryFolder();
    await writeClassFolders(data, ['cat', 'dog'], 9);
    writeFile(data, 'cat/empty.png', '');
    writeFile(data, 'dog/phone.heic', 'x');
    await expectError(
      plan(data),
      'TOO_MANY_UNREADABLE',
      /got 2 of 20: cat\/empty\.png \(empty file \(0 bytes\)\), dog\/phone\.heic \(HEIC is not supported/,
    );
  });
});
