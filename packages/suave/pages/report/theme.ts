/** @file Light or dark: what the system asks for, until the button says otherwise. Paper is always light. */
import { element } from './data.js';

/** Colors of charts, from the style sheet. */
export interface Theme {
  readonly text: string;
  readonly quiet: string;
  readonly line: string;
  readonly surface: string;
  readonly accent: string;
  readonly right: readonly [low: string, high: string];
  readonly wrong: readonly [low: string, high: string];
  readonly series: readonly string[];
  readonly dark: boolean;
}

const system = matchMedia('(prefers-color-scheme: dark)');
const listeners: (() => void)[] = [];
let chosen: 'light' | 'dark' | null = null;
let printing = false;

/** Calls back when colors have changed. */
export function onTheme(listener: () => void): void {
  listeners.push(listener);
}

const isDark = (): boolean => !printing && (chosen ?? (system.matches ? 'dark' : 'light')) === 'dark';

/** Colors as they are now. */
export function theme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: color('text'),
    quiet: color('quiet'),
    line: color('line'),
    surface: color('surface'),
    accent: color('accent'),
    right: [color('right-low'), color('right-high')],
    wrong: [color('wrong-low'), color('wrong-high')],
    series: Array.from({ length: 8 }, (_, i) => color(`series-${i}`)),
    dark: isDark(),
  };
}

function apply(): void {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
  element('theme').textContent = isDark() ? 'Light colors' : 'Dark colors';
  for (const listener of listeners) listener();
}

/** Starts with the system's colors and follows the button. */
export function startTheme(): void {
  element('theme').addEventListener('click', () => {
    chosen = isDark() ? 'light' : 'dark';
    apply();
  });
  system.addEventListener('change', apply);
  for (const [event, on] of [
    ['beforeprint', true],
    ['afterprint', false],
  ] as const) {
    addEventListener(event, () => {
      printing = on;
      apply();
    });
  }
  apply();
}
