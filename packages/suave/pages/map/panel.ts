/** @file One panel of a map: two canvases, the upper one for the image that the pointer is on. */
import type { MapPageData, MapPagePanel } from '../../src/figures/map-page-data.js';

/** What a panel asks of its page. */
export interface PanelOptions {
  readonly isHidden: (label: number) => boolean;
  /** Called with the image under the pointer, null where there is none. */
  readonly point: (image: number | null) => void;
  /** A color as it is seen in the theme of now. */
  readonly colorOf: (color: string) => string;
}

/** Farthest zoom. */
const maxScale = 200;

/** CSS pixels within which the pointer finds an image. */
const reach = 12;

/** Share of a panel that stays free at each edge. */
const margin = 0.03;

/** Draws the images of one network. */
export class Panel {
  readonly element = document.createElement('figure');
  readonly #data: MapPageData;
  readonly #panel: MapPagePanel;
  readonly #options: PanelOptions;
  readonly #base = document.createElement('canvas');
  readonly #overlay = document.createElement('canvas');
  #scale = 1;
  /** Middle of what is seen, from 0 to 1. */
  #x = 0.5;
  #y = 0.5;
  #highlighted: number | null = null;

  constructor(data: MapPageData, panel: MapPagePanel, options: PanelOptions) {
    this.#data = data;
    this.#panel = panel;
    this.#options = options;
    const caption = document.createElement('figcaption');
    const title = document.createElement('strong');
    title.textContent = panel.title;
    caption.append(title, ` ${panel.features}`);
    const stack = document.createElement('div');
    stack.className = 'stack';
    stack.append(this.#base, this.#overlay);
    this.element.append(caption, stack);
    const name = `${panel.title === '' ? 'Map' : panel.title}: ${data.paths.length} images by ${panel.features}`;
    this.#overlay.tabIndex = 0;
    this.#overlay.setAttribute('role', 'img');
    this.#overlay.setAttribute('aria-label', name);
    this.#listen(this.#overlay);
  }

  #listen(canvas: HTMLCanvasElement): void {
    let dragged: { x: number; y: number } | null = null;
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      dragged = { x: event.offsetX, y: event.offsetY };
    });
    canvas.addEventListener('pointerup', () => {
      dragged = null;
    });
    canvas.addEventListener('pointermove', (event) => {
      if (dragged !== null) {
        this.#move((dragged.x - event.offsetX) / this.#unit(), (dragged.y - event.offsetY) / this.#unit());
        dragged = { x: event.offsetX, y: event.offsetY };
      }
      this.#options.point(this.#nearest(event.offsetX, event.offsetY));
    });
    canvas.addEventListener('pointerleave', () => this.#options.point(null));
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        this.#zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
      },
      { passive: false },
    );
    canvas.addEventListener('dblclick', () => this.#reset());
    canvas.addEventListener('keydown', (event) => {
      const step = 0.1 / this.#scale;
      const actions: Readonly<Record<string, () => void>> = {
        '+': () => this.#zoom(1.4),
        '=': () => this.#zoom(1.4),
        '-': () => this.#zoom(1 / 1.4),
        '0': () => this.#reset(),
        ArrowLeft: () => this.#move(-step, 0),
        ArrowRight: () => this.#move(step, 0),
        ArrowUp: () => this.#move(0, -step),
        ArrowDown: () => this.#move(0, step),
      };
      const action = actions[event.key];
      if (action === undefined || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      action();
    });
  }

  get #side(): number {
    return this.#overlay.clientWidth;
  }

  /** CSS pixels of the whole map. */
  #unit(): number {
    return this.#side * (1 - 2 * margin) * this.#scale;
  }

  #place(x: number, y: number): [number, number] {
    const unit = this.#unit();
    const { steps } = this.#data;
    return [this.#side / 2 + (x / steps - this.#x) * unit, this.#side / 2 + (y / steps - this.#y) * unit];
  }

  #move(dx: number, dy: number): void {
    this.#x = Math.min(1, Math.max(0, this.#x + dx));
    this.#y = Math.min(1, Math.max(0, this.#y + dy));
    this.draw();
  }

  /** Zooms, leaving the place under a point of the panel (its middle unless said) where it is. */
  #zoom(factor: number, atX = this.#side / 2, atY = this.#side / 2): void {
    const before = this.#unit();
    this.#scale = Math.min(maxScale, Math.max(1, this.#scale * factor));
    const [fromX, fromY] = [atX - this.#side / 2, atY - this.#side / 2];
    this.#move(fromX / before - fromX / this.#unit(), fromY / before - fromY / this.#unit());
  }

  #reset(): void {
    this.#scale = 1;
    this.#x = 0.5;
    this.#y = 0.5;
    this.draw();
  }

  /** The visible image nearest to a place of the panel. */
  #nearest(x: number, y: number): number | null {
    const { points } = this.#panel;
    let best: number | null = null;
    let smallest = reach ** 2;
    for (let i = 0; i < this.#data.paths.length; i++) {
      if (this.#options.isHidden(this.#data.labels[i])) continue;
      const [px, py] = this.#place(points[2 * i], points[2 * i + 1]);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < smallest) {
        smallest = distance;
        best = i;
      }
    }
    return best;
  }

  /** Draws everything again. */
  draw(): void {
    const context = fit(this.#base, this.#side);
    if (context === null) return;
    const { labels, classes, unknown, order } = this.#data;
    const { points } = this.#panel;
    const { colorOf } = this.#options;
    const unknownColor = colorOf(unknown.color);
    const colors = classes.map(({ color }) => colorOf(color));
    const radius = this.#radius();
    context.globalAlpha = labels.length > 2000 && this.#scale < 4 ? 0.6 : 0.85;
    for (const i of order) {
      const label = labels[i];
      if (this.#options.isHidden(label)) continue;
      const [x, y] = this.#place(points[2 * i], points[2 * i + 1]);
      if (x < -radius || y < -radius || x > this.#side + radius || y > this.#side + radius) continue;
      context.fillStyle = colors[label] ?? unknownColor;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    this.#drawPrototypes(context);
    this.highlight(this.#highlighted);
  }

  #radius(): number {
    return Math.min(5, ((this.#data.radius * this.#side) / 400) * this.#scale ** 0.4);
  }

  #drawPrototypes(context: CanvasRenderingContext2D): void {
    const style = getComputedStyle(this.element);
    const [surface, text] = ['--surface', '--text'].map((name) => style.getPropertyValue(name));
    const { classes, cluster } = this.#data;
    for (const [px, py, label] of this.#panel.prototypes) {
      if (label >= 0 && this.#options.isHidden(label)) continue;
      const [x, y] = this.#place(px, py);
      if (label < 0)
        stroke(context, cross(x, y, 3), [
          [surface, 3],
          [this.#options.colorOf(cluster.color), 1.5],
        ]);
      else
        stroke(context, plus(x, y, 8), [
          [surface, 7],
          [text, 5],
          [this.#options.colorOf(classes[label].color), 2.2],
        ]);
    }
  }

  /** Rings an image, or none. */
  highlight(image: number | null): void {
    this.#highlighted = image;
    const context = fit(this.#overlay, this.#side);
    if (context === null || image === null) return;
    const { points } = this.#panel;
    const [x, y] = this.#place(points[2 * image], points[2 * image + 1]);
    const ring = new Path2D();
    ring.arc(x, y, this.#radius() + 4, 0, 2 * Math.PI);
    const style = getComputedStyle(this.element);
    stroke(context, ring, [
      [style.getPropertyValue('--surface'), 4],
      [style.getPropertyValue('--text'), 2],
    ]);
  }
}

/** An empty canvas as fine as the screen; null before it is laid out. */
function fit(canvas: HTMLCanvasElement, side: number): CanvasRenderingContext2D | null {
  const context = canvas.getContext('2d');
  if (context === null || side === 0) return null;
  const ratio = devicePixelRatio;
  const pixels = Math.round(side * ratio);
  if (canvas.width !== pixels) {
    canvas.width = pixels;
    canvas.height = pixels;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, side, side);
  return context;
}

function cross(x: number, y: number, arm: number): Path2D {
  const path = new Path2D();
  path.moveTo(x - arm, y - arm);
  path.lineTo(x + arm, y + arm);
  path.moveTo(x - arm, y + arm);
  path.lineTo(x + arm, y - arm);
  return path;
}

function plus(x: number, y: number, arm: number): Path2D {
  const path = new Path2D();
  path.moveTo(x - arm, y);
  path.lineTo(x + arm, y);
  path.moveTo(x, y - arm);
  path.lineTo(x, y + arm);
  return path;
}

/** Lines of one color and width. */
type Layer = readonly [color: string, width: number];

/** The same lines several times, the widest first. */
function stroke(context: CanvasRenderingContext2D, path: Path2D, layers: readonly Layer[]): void {
  for (const [color, width] of layers) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke(path);
  }
}
