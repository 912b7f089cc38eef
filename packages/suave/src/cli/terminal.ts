/** @file Standard error as a person sees it: log lines and one progress line that is redrawn on a terminal. */
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Writes logs and progress to standard error. Colors and redrawing only on a terminal; NO_COLOR and TERM=dumb are obeyed. */
export class Terminal {
  readonly #stream: NodeJS.WriteStream;
  readonly #quiet: boolean;
  #bar = '';
  #lastDraw = 0;

  constructor(stream: NodeJS.WriteStream = process.stderr, quiet = false) {
    this.#stream = stream;
    this.#quiet = quiet;
  }

  /** Whether a line can be redrawn. */
  get isInteractive(): boolean {
    return this.#stream.isTTY === true && process.env.TERM !== 'dumb' && !this.#quiet;
  }

  get #hasColors(): boolean {
    return this.#stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  }

  /** Text in a style where colors are shown. */
  style(style: Style, text: string): string {
    return this.#hasColors ? styleText(style, text, { validateStream: false } as never) : text;
  }

  /** Writes one line above the progress line. */
  line(text: string): void {
    if (this.#quiet) return;
    this.#clear();
    this.#stream.write(`${text}\n`);
    if (this.#bar !== '') this.#stream.write(this.#bar);
  }

  /** A sentence for the user. */
  note(text: string): void {
    this.line(text);
  }

  /** A sentence that the user should not miss; shown even when quiet. */
  warning(text: string): void {
    this.#clear();
    this.#stream.write(`${this.style('yellow', 'warning:')} ${text}\n`);
    if (this.#bar !== '') this.#stream.write(this.#bar);
  }

  /** Redraws the progress line, at most ten times a second; nothing off a terminal. */
  bar(text: () => string): void {
    if (!this.isInteractive) return;
    const now = performance.now();
    if (now - this.#lastDraw < 100) return;
    this.#lastDraw = now;
    const width = Math.max(20, (this.#stream.columns ?? 80) - 1);
    const next = text().slice(0, width);
    if (next === this.#bar) return;
    this.#clear();
    this.#bar = next;
    this.#stream.write(next);
  }

  /** Removes the progress line. */
  endBar(): void {
    this.#clear();
    this.#bar = '';
    this.#lastDraw = 0;
  }

  #clear(): void {
    if (this.#bar !== '') this.#stream.write('\r\u001b[2K');
  }
}

/** `1:02:03`, `2:03`, `0:07`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours, minutes, rest] = parts.map((part, index) =>
    index === 0 ? String(part) : String(part).padStart(2, '0'),
  );
  return hours === '0' ? `${Number(minutes)}:${rest}` : `${hours}:${minutes}:${rest}`;
}

/** `####------` of a given width. */
export function drawBar(done: number, total: number, width: number): string {
  const filled = total === 0 ? width : Math.round((Math.min(done, total) / total) * width);
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
}

/** Columns of text, aligned; the last column is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
