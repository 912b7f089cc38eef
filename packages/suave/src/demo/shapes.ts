/**
 * @file The ten shapes and how one image of the demo is drawn as SVG. Everything but the outline is a nuisance: it is
 * drawn without knowing the class, so that the outline alone tells it.
 */
import type { Draws } from '../augment/random.js';

type Point = readonly [x: number, y: number];

const number = (value: number): string => String(Math.round(value * 1000) / 1000);
const polygon = (points: readonly Point[]): string =>
  `M${points.map(([x, y]) => `${number(x)} ${number(y)}`).join('L')}Z`;
const circle = (radius: number): string =>
  `M${-radius} 0A${radius} ${radius} 0 1 1 ${radius} 0A${radius} ${radius} 0 1 1 ${-radius} 0Z`;

/** Corners of a star; with equal radii, of a regular polygon. The first corner is on top. */
function corners(count: number, radii: readonly number[]): Point[] {
  return Array.from({ length: count }, (_, i) => {
    const angle = (2 * Math.PI * i) / count - Math.PI / 2;
    const radius = radii[i % radii.length];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}

/** The classes: outlines as SVG paths around the origin, about one unit in radius, filled by the even-odd rule. */
export const shapes = {
  arrow: 'M0 -1.05L0.8 -0.15L0.28 -0.15L0.28 1L-0.28 1L-0.28 -0.15L-0.8 -0.15Z',
  bar: 'M-1.1 -0.32L1.1 -0.32L1.1 0.32L-1.1 0.32Z',
  crescent: 'M0.35 -0.94A1 1 0 1 0 0.35 0.94A0.78 0.78 0 1 1 0.35 -0.94Z',
  cross: 'M-0.3 -1L0.3 -1L0.3 -0.3L1 -0.3L1 0.3L0.3 0.3L0.3 1L-0.3 1L-0.3 0.3L-1 0.3L-1 -0.3L-0.3 -0.3Z',
  disc: circle(0.85),
  heart:
    'M0 0.95C-1.5 -0.1 -0.95 -1 -0.45 -0.9C-0.15 -0.85 0 -0.6 0 -0.4C0 -0.6 0.15 -0.85 0.45 -0.9C0.95 -1 1.5 -0.1 0 0.95Z',
  ring: `${circle(0.95)}${circle(0.5)}`,
  square: 'M-0.75 -0.75L0.75 -0.75L0.75 0.75L-0.75 0.75Z',
  star: polygon(corners(10, [1, 0.42])),
  triangle: polygon(corners(3, [1.05])),
} as const satisfies Record<string, string>;

/** Name of a class of the demo. */
export type ShapeName = keyof typeof shapes;

/** The classes in the order of their names, which is that of their numbers. */
export const shapeNames = Object.keys(shapes) as ShapeName[];

/** Hue in turns, saturation and lightness in [0, 1]. */
interface Color {
  readonly hue: number;
  readonly saturation: number;
  readonly lightness: number;
}

/** A pattern of stripes, dots or checks in two shades of one color; lengths in sides of the image. */
interface Texture {
  readonly kind: 'stripes' | 'dots' | 'checks';
  readonly color: Color;
  /** Lightness of the marks minus that of the ground. */
  readonly shade: number;
  readonly period: number;
  /** Share of the period that a mark covers. */
  readonly fill: number;
  readonly degrees: number;
}

/** A small line or ellipse behind the shape. */
interface Clutter {
  readonly kind: 'line' | 'ellipse';
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly degrees: number;
  readonly color: Color;
}

/** All that an image shows besides the outline; lengths in sides of the image. */
export interface Nuisance {
  readonly background: Texture;
  readonly foreground: Texture;
  readonly radius: number;
  readonly x: number;
  readonly y: number;
  readonly degrees: number;
  /** The shape is this much longer along its first axis and shorter along its second. */
  readonly stretch: number;
  readonly skewDegrees: number;
  readonly clutter: readonly Clutter[];
  /** Strength of the shadow, and the angle it falls from in radians. */
  readonly light: { readonly strength: number; readonly angle: number };
}

const textureKinds = ['stripes', 'dots', 'checks'] as const;
/** Largest number of things behind a shape. */
const maxClutter = 2;
/** Largest rotation to either side. */
const maxRotation = 30;

function drawColor(draws: Draws, lightness: number): Color {
  return { hue: draws.uniform(), saturation: draws.uniformIn(0.1, 0.9), lightness };
}

function drawTexture(draws: Draws, lightness: number): Texture {
  return {
    kind: textureKinds[draws.uniformInt(0, textureKinds.length)],
    color: drawColor(draws, lightness),
    shade: draws.uniformIn(-0.08, 0.08),
    period: draws.uniformIn(0.08, 0.22),
    fill: draws.uniformIn(0.3, 0.6),
    degrees: draws.uniformIn(0, 180),
  };
}

function drawClutter(draws: Draws): Clutter {
  return {
    kind: draws.bernoulli(0.5) ? 'line' : 'ellipse',
    x: draws.uniform(),
    y: draws.uniform(),
    size: draws.uniformIn(0.03, 0.09),
    degrees: draws.uniformIn(0, 180),
    color: drawColor(draws, draws.uniformIn(0.1, 0.9)),
  };
}

/**
 * Draws position, size, rotation, colors, textures, clutter and light of one image.
 * The class is no argument: every class and every split has the same distribution.
 */
export function drawNuisance(draws: Draws): Nuisance {
  const isDark = draws.bernoulli(0.5);
  const ground = isDark ? draws.uniformIn(0.12, 0.42) : draws.uniformIn(0.58, 0.9);
  const contrast = draws.uniformIn(0.3, 0.45) * (isDark ? 1 : -1);
  const radius = draws.uniformIn(0.3, 0.42);
  const room = 0.5 - radius;
  return {
    background: drawTexture(draws, ground),
    foreground: drawTexture(draws, ground + contrast),
    radius,
    x: 0.5 + draws.uniformIn(-room, room),
    y: 0.5 + draws.uniformIn(-room, room),
    degrees: draws.uniformIn(-maxRotation, maxRotation),
    stretch: Math.exp(draws.uniformIn(-0.1, 0.1)),
    skewDegrees: draws.uniformIn(-6, 6),
    clutter: Array.from({ length: draws.uniformInt(0, maxClutter + 1) }, () => drawClutter(draws)),
    light: { strength: draws.uniformIn(0, 0.4), angle: draws.uniformIn(0, 2 * Math.PI) },
  };
}

function cssColor({ hue, saturation, lightness }: Color): string {
  const bounded = Math.min(0.97, Math.max(0.03, lightness));
  return `hsl(${number(360 * hue)},${number(100 * saturation)}%,${number(100 * bounded)}%)`;
}

function patternSvg(id: string, { kind, color, shade, period, fill, degrees }: Texture): string {
  const marks = cssColor({ ...color, lightness: color.lightness + shade });
  const side = number(period);
  const half = number(period / 2);
  const inner = {
    stripes: `<rect width="${number(period * fill)}" height="${side}" fill="${marks}"/>`,
    dots: `<circle cx="${half}" cy="${half}" r="${number((period * fill) / 2)}" fill="${marks}"/>`,
    checks: `<path d="M0 0H${half}V${side}H${side}V${half}H0Z" fill="${marks}"/>`,
  }[kind];
  return (
    `<pattern id="${id}" width="${side}" height="${side}" patternUnits="userSpaceOnUse" ` +
    `patternTransform="rotate(${number(degrees)})"><rect width="1" height="1" fill="${cssColor(color)}"/>${inner}</pattern>`
  );
}

function clutterSvg({ kind, x, y, size, degrees, color }: Clutter): string {
  const place = `transform="translate(${number(x)} ${number(y)}) rotate(${number(degrees)})"`;
  return kind === 'ellipse'
    ? `<ellipse rx="${number(size)}" ry="${number(0.7 * size)}" fill="${cssColor(color)}" ${place}/>`
    : `<path d="M${number(-3 * size)} 0H${number(3 * size)}" stroke="${cssColor(color)}" stroke-width="${number(size / 2)}" ${place}/>`;
}

/**
 * One image as SVG elements in a square of side 1.
 * @param path      outline of the class, from `shapes`
 * @param nuisance  everything else
 * @param id        makes the names of patterns unique where several images share a document
 */
export function imageSvg(path: string, nuisance: Nuisance, id: string | number): string {
  const { background, foreground, radius, x, y, degrees, stretch, skewDegrees, clutter, light } = nuisance;
  const across = 0.5 * Math.cos(light.angle);
  const down = 0.5 * Math.sin(light.angle);
  const place =
    `translate(${number(x)} ${number(y)}) rotate(${number(degrees)}) skewX(${number(skewDegrees)}) ` +
    `scale(${number(radius * stretch)} ${number(radius / stretch)})`;
  return (
    `<defs>${patternSvg(`b${id}`, background)}${patternSvg(`f${id}`, foreground)}` +
    `<linearGradient id="l${id}" x1="${number(0.5 + across)}" y1="${number(0.5 + down)}" x2="${number(0.5 - across)}" y2="${number(0.5 - down)}">` +
    `<stop offset="0" stop-color="#000" stop-opacity="${number(light.strength)}"/>` +
    `<stop offset="1" stop-color="#fff" stop-opacity="${number(light.strength / 2)}"/></linearGradient>` +
    `<clipPath id="c${id}"><path d="${path}" transform="${place}" clip-rule="evenodd"/></clipPath></defs>` +
    `<rect width="1" height="1" fill="url(#b${id})"/>${clutter.map(clutterSvg).join('')}` +
    `<rect width="1" height="1" fill="url(#f${id})" clip-path="url(#c${id})"/>` +
    `<rect width="1" height="1" fill="url(#l${id})"/>`
  );
}
