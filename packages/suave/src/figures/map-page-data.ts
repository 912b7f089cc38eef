/** @file What the page of a map draws, as JSON. Pure: the page uses the type. */

/** A name with its color. */
export interface MapKey {
  readonly name: string;
  readonly color: string;
}

/** One network's panel. */
export interface MapPagePanel {
  readonly title: string;
  readonly features: string;
  /** x, y of every image, from 0 to `steps`, y downwards. */
  readonly points: readonly number[];
  /** x, y and class of every prototype; −1 of clusters. */
  readonly prototypes: readonly (readonly [x: number, y: number, label: number])[];
}

/** The whole page. */
export interface MapPageData {
  readonly classes: readonly MapKey[];
  readonly unknown: MapKey;
  /** Name is null where no cluster is shown. */
  readonly cluster: { readonly name: string | null; readonly color: string };
  readonly steps: number;
  /** Of a point, CSS pixels in a panel of 400. */
  readonly radius: number;
  readonly paths: readonly string[];
  readonly labels: readonly number[];
  /** In which order points are drawn. */
  readonly order: readonly number[];
  readonly panels: readonly MapPagePanel[];
}
