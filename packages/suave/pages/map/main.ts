/** @file The page of a map: panels to zoom and move in, a legend to choose classes with, and which image the pointer is on. */
import type { MapKey, MapPageData } from '../../src/figures/map-page-data.js';
import { onDark } from '../../src/figures/palette.js';
import { Panel } from './panel.js';

const data = JSON.parse(document.getElementById('map-data')?.textContent ?? '') as MapPageData;

/** An element with its content. */
function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  children: readonly (Node | string)[] = [],
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const number = (value: number): string => value.toLocaleString('en');

const dark = matchMedia('(prefers-color-scheme: dark)');
const colorOf = (color: string): string => (dark.matches ? onDark(color) : color);

/** A dot in the color of a class, in both themes. */
function dot({ color }: MapKey): HTMLElement {
  const swatch = make('span', { className: 'swatch' });
  swatch.style.setProperty('--light', color);
  swatch.style.setProperty('--dark', onDark(color));
  return swatch;
}

/** Classes that are not shown; −1 is the unknown one. */
const hidden = new Set<number>();

const status = make('p', { className: 'status' });
status.setAttribute('role', 'status');
const hint =
  'Scroll or + and − to zoom, drag or arrow keys to move, double-click or 0 to see all. Names below choose classes.';

/** Names the image under the pointer, in all panels at once. */
function point(image: number | null): void {
  for (const panel of panels) panel.highlight(image);
  if (image === null) {
    status.textContent = hint;
    return;
  }
  const label = data.labels[image];
  const key = data.classes[label] ?? data.unknown;
  status.replaceChildren(dot(key), make('strong', { textContent: key.name }), ` ${data.paths[image]}`);
}

const panels = data.panels.map(
  (panel) => new Panel(data, panel, { isHidden: (label) => hidden.has(label), point, colorOf }),
);

function redraw(): void {
  for (const panel of panels) panel.draw();
}

/** A button that shows or hides a class. */
function legendButton(key: MapKey, label: number, count: number): HTMLButtonElement {
  const button = make('button', { type: 'button' }, [
    dot(key),
    key.name,
    make('span', { className: 'count', textContent: number(count) }),
  ]);
  button.dataset.label = String(label);
  button.addEventListener('click', () => {
    if (hidden.has(label)) hidden.delete(label);
    else hidden.add(label);
    update();
  });
  return button;
}

const counts = new Map<number, number>();
for (const label of data.labels) counts.set(label, (counts.get(label) ?? 0) + 1);
const buttons = data.classes.map((key, label) => legendButton(key, label, counts.get(label) ?? 0));
if (counts.has(-1)) buttons.push(legendButton(data.unknown, -1, counts.get(-1) ?? 0));

function update(): void {
  for (const button of buttons) button.setAttribute('aria-pressed', String(!hidden.has(Number(button.dataset.label))));
  redraw();
}

/** A button that shows or hides all classes. */
function allButton(text: string, show: boolean): HTMLButtonElement {
  const button = make('button', { type: 'button', className: 'all', textContent: text });
  button.addEventListener('click', () => {
    hidden.clear();
    if (!show) for (const each of buttons) hidden.add(Number(each.dataset.label));
    update();
  });
  return button;
}

/** What the marks of prototypes are. */
function marks(): string[] {
  const hasClasses = data.panels.some(({ prototypes }) => prototypes.some(([, , label]) => label >= 0));
  const { name } = data.cluster;
  return [...(hasClasses ? ['+ prototype of a class'] : []), ...(name === null ? [] : [`× ${name}`])];
}

const legend = make('div', { className: 'legend' }, [
  ...(buttons.length > 1 ? [allButton('all', true), allButton('none', false)] : []),
  ...buttons,
]);
legend.setAttribute('role', 'group');
legend.setAttribute('aria-label', 'Classes that are shown');

document.querySelector('main')?.append(
  make('h1', { textContent: `Map of ${number(data.paths.length)} images` }),
  status,
  make(
    'div',
    { className: 'panels' },
    panels.map((panel) => panel.element),
  ),
  legend,
  make('p', { className: 'marks', textContent: marks().join(' · ') }),
);

point(null);
update();
new ResizeObserver(redraw).observe(document.body);
dark.addEventListener('change', redraw);
