/** @file HTML as a value: what is put into a template is escaped, unless it is markup itself. */
import { escapeHtml } from '../../html.js';

/** Text that is HTML already. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What a template takes: text and numbers are escaped, markup stands as it is, null is nothing. */
export type Content = Markup | string | number | null | readonly Content[];

/** The HTML of a value. */
function textOf(content: Content): string {
  if (content === null) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'string' || typeof content === 'number') return escapeHtml(String(content));
  return content.map(textOf).join('');
}

/** Template of HTML: html`<p>${text}</p>`. Attributes must be quoted. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(parts.map((part, i) => part + (i < contents.length ? textOf(contents[i]) : '')).join(''));
}

/** A name that others chose, kept apart from the direction of the text around it; a long one is readable where it is cut. */
export const name = (text: string): Markup =>
  [...text].length > 16 ? html`<bdi title="${text}">${text}</bdi>` : html`<bdi>${text}</bdi>`;
