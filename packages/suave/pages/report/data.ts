/** @file The numbers that the page carries, and its elements. */
import type { PageData } from '../../src/report/page/page-data.js';

/** The page's data. */
export const data: PageData = JSON.parse(element('report-data').textContent ?? 'null');

/** The element with an id that the page is known to have. */
export function element<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`page: expected an element #${id}.`);
  return found as E;
}

/** A new element with text or elements in it. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...content: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}
