/** @file One order of names for every machine: digits by value, the rest by code point, no locale; and class names compared as people read them. */

/** Folder separators sort before everything else, so that a folder's files stay together. */
function rank(code: number): number {
  return code === 47 ? -1 : code;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** End of the run of digits that starts at `start`. */
function endOfDigits(text: string, start: number): number {
  let end = start;
  while (end < text.length && isDigit(text.charCodeAt(end))) end++;
  return end;
}

/** Compares two runs of digits by value; runs of the same value are equal here whatever their leading zeros. */
function compareDigits(a: string, b: string): number {
  const x = a.replace(/^0+/, '');
  const y = b.replace(/^0+/, '');
  if (x.length !== y.length) return x.length - y.length;
  return x < y ? -1 : x > y ? 1 : 0;
}

/**
 * Natural order: `image2` before `image10`, else by code unit; a total order that depends on nothing but the two strings.
 * @returns negative, zero (only for equal strings) or positive
 */
export function compareNatural(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(j);
    if (isDigit(x) && isDigit(y)) {
      const endA = endOfDigits(a, i);
      const endB = endOfDigits(b, j);
      const order = compareDigits(a.slice(i, endA), b.slice(j, endB));
      if (order !== 0) return order;
      i = endA;
      j = endB;
    } else {
      if (x !== y) return rank(x) - rank(y);
      i++;
      j++;
    }
  }
  if (i < a.length) return 1;
  if (j < b.length) return -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The form under which names are compared: Unicode NFC, so that é is é however a file system stores it. */
export function nameKey(name: string): string {
  return name.normalize('NFC');
}

/** Sorts in place by the natural order of `text(item)` in NFC; equal ones by the raw string. */
export function sortNaturally<T>(items: T[], text: (item: T) => string): T[] {
  const keyed = items.map((item) => ({ item, raw: text(item), key: nameKey(text(item)) }));
  keyed.sort((a, b) => compareNatural(a.key, b.key) || (a.raw < b.raw ? -1 : a.raw > b.raw ? 1 : 0));
  for (let i = 0; i < keyed.length; i++) items[i] = keyed[i].item;
  return items;
}

/** Class names of folders: those equal in NFC are one class, under the first spelling. */
export function uniqueNames(names: readonly string[]): string[] {
  const seen = new Map<string, string>();
  for (const name of names) if (!seen.has(nameKey(name))) seen.set(nameKey(name), name);
  return [...seen.values()].sort((a, b) => compareNatural(nameKey(a), nameKey(b)));
}

/** Index of every class by its name in NFC. */
export function classIndexOf(classes: readonly string[]): Map<string, number> {
  return new Map(classes.map((name, index) => [nameKey(name), index]));
}
