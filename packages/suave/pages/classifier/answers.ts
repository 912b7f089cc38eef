/** @file What is said about a picture: the most probable classes as bars, and an answer above them, or "Not sure". */
import { make, percent } from './dom.js';
import type { Prediction } from './protocol.js';

/** The smallest probability that counts as an answer, as the visitor sets it. */
export class Threshold extends EventTarget {
  readonly #slider: HTMLInputElement;

  constructor(slider: HTMLInputElement, output: HTMLOutputElement) {
    super();
    this.#slider = slider;
    const show = () => {
      output.value = `${slider.value}\u00a0%`;
      slider.setAttribute('aria-valuetext', `${slider.value} percent`);
      this.dispatchEvent(new Event('change'));
    };
    slider.addEventListener('input', show);
    show();
  }

  /** 0 to 1. */
  get value(): number {
    return this.#slider.valueAsNumber / 100;
  }
}

/** The answer of a prediction in words. */
export function answerText({ top: [best] }: Prediction, classes: readonly string[], threshold: number): string {
  const guess = `${classes[best.index]}, ${percent(best.probability)}`;
  return best.probability < threshold ? `not sure; best guess ${guess}` : guess;
}

/** Answer and bars of one picture; they follow the threshold. */
export class AnswerView {
  readonly element = make('div', 'answer');
  readonly #classes: readonly string[];
  readonly #threshold: Threshold;
  #prediction: Prediction | null = null;

  constructor(classes: readonly string[], threshold: Threshold) {
    this.#classes = classes;
    this.#threshold = threshold;
    threshold.addEventListener('change', () => this.#show());
  }

  /** What is shown. */
  get prediction(): Prediction | null {
    return this.#prediction;
  }

  set prediction(prediction: Prediction | null) {
    this.#prediction = prediction;
    this.#show();
  }

  #show(): void {
    if (this.#prediction === null) return;
    const { top } = this.#prediction;
    const sure = top[0].probability >= this.#threshold.value;
    const verdict = make('p', 'verdict', sure ? this.#classes[top[0].index] : 'Not sure');
    this.element.classList.toggle('unsure', !sure);
    this.element.replaceChildren(verdict, make('ol', 'bars', ...top.map((entry) => this.#bar(entry))));
  }

  #bar({ index, probability }: Prediction['top'][number]): HTMLElement {
    const value = make('data', 'value', percent(probability));
    value.value = String(probability);
    const fill = make('span', 'fill');
    fill.style.setProperty('width', `${100 * probability}%`);
    const track = make('span', 'track', fill);
    track.setAttribute('aria-hidden', 'true');
    return make('li', '', make('span', 'name', this.#classes[index]), ' ', value, track);
  }
}
