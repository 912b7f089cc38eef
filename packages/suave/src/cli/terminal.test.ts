import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { drawBar, formatDuration, Terminal, table } from './terminal.js';

function fakeStream(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { stream: Object.assign(stream, { isTTY, columns: 40 }) as unknown as NodeJS.WriteStream, text: () => text };
}

describe('Terminal', () => {
  it('draws no bar and no color off a terminal', () => {
    const { stream, text } = fakeStream(false);
    const terminal = new Terminal(stream);
    terminal.bar(() => 'bar');
    terminal.warning('careful');
    terminal.line(terminal.style('red', 'plain'));
    expect(text()).toBe('warning: careful\nplain\n');
  });

  it('redraws the bar below lines, cut to the width', () => {
    const { stream, text } = fakeStream(true);
    const terminal = new Terminal(stream);
    terminal.bar(() => 'x'.repeat(100));
    terminal.line('line');
    terminal.endBar();
    const bar = 'x'.repeat(39);
    expect(text()).toBe(`${bar}\r\u001b[2Kline\n${bar}\r\u001b[2K`);
  });
});

describe('text', () => {
  it('shows durations, bars and columns', () => {
    expect([0.4, 7, 123, 3723, -5].map(formatDuration)).toEqual(['0:00', '0:07', '2:03', '1:02:03', '0:00']);
    expect(drawBar(1, 4, 4)).toBe('█░░░');
    expect(drawBar(9, 4, 2)).toBe('██');
    expect(
      table([
        ['a', 'long name', 'z'],
        ['bcd', 'x', ''],
      ]),
    ).toBe('a    long name  z\nbcd  x');
  });
});
