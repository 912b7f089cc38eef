/** @file Colors of classes, readable on white and on dark ground. Pure: browsers use it too. */

/** Twenty colors that are told apart, the strongest first. */
const distinct = [
  ...['#1f77b4', '#e68228', '#3c963c', '#cd373c', '#8b5cc7', '#7a5230', '#e377c2', '#17a6b3', '#7d8a1c', '#1b3a8f'],
  ...['#7fc93b', '#c0169c', '#e8b400', '#86b8ee', '#00694a', '#ff9480', '#b09aee', '#7b1145', '#00c08f', '#5a6bff'],
];

/** Images of unknown class. */
export const unknownColor = '#9aa0a6';

/** Prototypes that stand for clusters. */
export const clusterColor = '#d0021b';

/** Lightness of neighbouring hues, so that those next to each other differ in it. */
const lightness = [0.55, 0.74, 0.64];

/**
 * The color of class `index` of `count`, as `#rrggbb`: one of twenty distinct ones, or, of more classes, hues around the circle in their order.
 */
export function classColor(index: number, count: number): string {
  if (index < 0) return unknownColor;
  if (count <= distinct.length) return distinct[index];
  return oklch(lightness[index % lightness.length], 0.14, (2 * Math.PI * index) / count + 0.4);
}

/** A color of the OKLCH space (Ottosson 2020) as `#rrggbb`, channels clipped. */
function oklch(light: number, chroma: number, hue: number): string {
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${linear.map((value) => channel(value).toString(16).padStart(2, '0')).join('')}`;
}

/** Linear light as a byte of sRGB. */
function channel(linear: number): number {
  const value = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
}

/** Least luminance (0 to 1) of a color on dark ground. */
const leastLuminance = 0.12;

/** The color itself, or a lighter one where it would be hard to see on dark ground. */
export function onDark(color: string): string {
  const channels = [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16) / 255);
  const luminance = 0.2126 * channels[0] ** 2.2 + 0.7152 * channels[1] ** 2.2 + 0.0722 * channels[2] ** 2.2;
  if (luminance >= leastLuminance) return color;
  const white = (leastLuminance - luminance) * 4;
  return `#${channels
    .map((value) =>
      Math.round(255 * (value + (1 - value) * white))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}
