/** @file A map of images, before it is drawn: the same images in one panel or several. */
import { counted } from '../text.js';

/** A prototype of a panel. */
export interface MapPrototype {
  readonly x: number;
  readonly y: number;
  /** Class of the figure that it stands for; −1 of a cluster. */
  readonly class: number;
}

/** How much of the neighbourhoods is left on the plane, measured on a sample. */
export interface MapQuality {
  /** 1 where neighbours on the map are neighbours among the features, about 0.5 by chance (Venna and Kaski 2001); null of too few images. */
  readonly trustworthiness: number | null;
  /** Share of images of the class that most of their nearest others have, among the features and on the map; null where classes are unknown. */
  readonly neighbourAccuracy: { readonly features: number; readonly map: number } | null;
}

/** The images by one network. */
export interface MapPanel {
  readonly title: string;
  /** What was mapped, and how many numbers an image has. */
  readonly features: string;
  readonly dim: number;
  /** x, y of every image of the figure. */
  readonly points: Float32Array;
  readonly prototypes: readonly MapPrototype[];
  /** Prototypes of the network, of which some may be shown. */
  readonly numPrototypes: number;
  readonly quality: MapQuality;
  readonly seconds: { readonly features: number; readonly map: number };
}

/** The whole figure. */
export interface MapFigure {
  /** Class names, in the order of the legend. */
  readonly classes: readonly string[];
  readonly paths: readonly string[];
  /** Class of every image, −1 where unknown. */
  readonly labels: Int32Array;
  readonly panels: readonly MapPanel[];
}

/** Points of a panel and its prototypes scaled into a square of side 1, y downwards, both axes alike. */
export function unitSquare({ points, prototypes }: Pick<MapPanel, 'points' | 'prototypes'>): {
  points: Float32Array;
  prototypes: MapPrototype[];
} {
  const bounds = [Infinity, -Infinity, Infinity, -Infinity];
  const take = (x: number, y: number): void => {
    bounds[0] = Math.min(bounds[0], x);
    bounds[1] = Math.max(bounds[1], x);
    bounds[2] = Math.min(bounds[2], y);
    bounds[3] = Math.max(bounds[3], y);
  };
  for (let i = 0; i < points.length; i += 2) take(points[i], points[i + 1]);
  for (const { x, y } of prototypes) take(x, y);
  const [left, right, low, high] = bounds;
  const size = Math.max(right - left, high - low) || 1;
  const scaleX = (x: number): number => 0.5 + (x - (left + right) / 2) / size;
  const scaleY = (y: number): number => 0.5 - (y - (low + high) / 2) / size;
  return {
    points: points.map((value, i) => (i % 2 === 0 ? scaleX(value) : scaleY(value))),
    prototypes: prototypes.map((prototype) => ({ ...prototype, x: scaleX(prototype.x), y: scaleY(prototype.y) })),
  };
}

/** Radius of a point in a panel of a given side: small enough that many points do not hide each other. */
export function pointRadius(count: number, side: number): number {
  return Math.min(3, Math.max(0.75, side * Math.sqrt(0.06 / Math.PI / Math.max(1, count))));
}

/** What the marks of prototypes are, for the legend: `+ prototype of a class`, `× 300 of 3,000 prototypes`. */
export function prototypeLegend(panels: readonly MapPanel[]): { classes: boolean; clusters: string | null } {
  const clustersOf = ({ prototypes }: MapPanel): number => prototypes.filter((each) => each.class < 0).length;
  const withClusters = panels.find((panel) => clustersOf(panel) > 0);
  if (withClusters === undefined) return { classes: hasClasses(panels), clusters: null };
  const [shown, all] = [clustersOf(withClusters), withClusters.numPrototypes];
  const clusters =
    shown < all ? `${shown.toLocaleString('en')} of ${counted(all, 'prototype')}` : counted(shown, 'prototype');
  return { classes: hasClasses(panels), clusters };
}

const hasClasses = (panels: readonly MapPanel[]): boolean =>
  panels.some(({ prototypes }) => prototypes.some((prototype) => prototype.class >= 0));
