/** @file Elements of the page, and numbers as people read them. */

/** The element with an id, which the page's markup has. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element "${id}".`);
  return found as E;
}

/** A new element with a class and text or children. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  ...content: (string | Node)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  element.append(...content);
  return element;
}

/** `92.3 %`; what is not quite nothing or everything says so. */
export function percent(fraction: number): string {
  if (fraction > 0 && fraction < 0.0005) return '< 0.1\u00a0%';
  if (fraction < 1 && fraction >= 0.9995) return '> 99.9\u00a0%';
  return `${(100 * fraction).toFixed(1)}\u00a0%`;
}

/** `6.5 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)}\u00a0MB`;
}

/** `23 ms`, `1.4 s`. */
export function duration(milliseconds: number): string {
  return milliseconds < 1000
    ? `${Math.max(1, Math.round(milliseconds))}\u00a0ms`
    : `${(milliseconds / 1000).toFixed(1)}\u00a0s`;
}

/** Reads a sentence to those who do not see the page. */
export function announce(sentence: string): void {
  byId('status').textContent = sentence;
}
