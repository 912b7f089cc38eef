/** @file How tensors are printed: PyTorch's settings and their defaults. */
import { ArgumentError } from './errors.js';

/** Settings of printing, with PyTorch's defaults (`torch.set_printoptions`). */
export interface PrintOptions {
  /** Digits after the point; 4. */
  precision: number;
  /** Tensors of more elements are summarized; 1000. `Infinity` prints all. */
  threshold: number;
  /** Elements shown at each end of a summarized dimension; 3. */
  edgeItems: number;
  /** Characters of a line; 80. */
  lineWidth: number;
  /** Scientific notation: always, never, or (null, the default) where the values ask for it. */
  sciMode: boolean | null;
}

const DEFAULTS: Readonly<PrintOptions> = { precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80, sciMode: null };
const PROFILES: Readonly<Record<'default' | 'short' | 'full', Readonly<PrintOptions>>> = {
  default: DEFAULTS,
  short: { ...DEFAULTS, precision: 2, edgeItems: 2 },
  full: { ...DEFAULTS, threshold: Number.POSITIVE_INFINITY },
};

let current: Readonly<PrintOptions> = DEFAULTS;

/** The settings in use, as a copy. */
export function printOptions(): PrintOptions {
  return { ...current };
}

/**
 * Changes how tensors are printed, in this thread; what is not given stays as it is. `profile` first sets all of PyTorch's
 * `default`, `short` or `full`.
 * @example setPrintOptions({ precision: 8, sciMode: false }); setPrintOptions({ profile: 'default' });
 * @throws ArgumentError for a setting that is unknown or out of range; nothing changes then
 */
export function setPrintOptions(options: Partial<PrintOptions> & { profile?: keyof typeof PROFILES }): void {
  const { profile, ...given } = options;
  if (profile !== undefined && !Object.hasOwn(PROFILES, profile))
    throw new ArgumentError(`setPrintOptions: expected profile default, short or full, got ${String(profile)}`);
  const next = { ...(profile === undefined ? current : PROFILES[profile]) } as Record<string, unknown>;
  const least: Record<string, number> = { precision: 0, threshold: 0, edgeItems: 1, lineWidth: 1 };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const minimum = least[name];
    const fits =
      minimum === undefined
        ? name === 'sciMode' && (value === null || typeof value === 'boolean')
        : typeof value === 'number' &&
          value >= minimum &&
          (Number.isInteger(value) || (value === Number.POSITIVE_INFINITY && name !== 'precision')) &&
          !(name === 'precision' && value > 90);
    if (!fits)
      throw new ArgumentError(
        name in DEFAULTS
          ? `setPrintOptions: ${name}: expected ${minimum === undefined ? 'true, false or null' : `an integer of at least ${minimum}`}, got ${String(value)}`
          : `setPrintOptions: unknown setting ${name}. Known are ${Object.keys(DEFAULTS).join(', ')}, profile.`,
      );
    next[name] = value;
  }
  current = next as unknown as PrintOptions;
}
