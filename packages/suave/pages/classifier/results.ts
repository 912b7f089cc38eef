/** @file The pictures that were given, newest first, each with its answer. */
import { AnswerView, answerText, type Threshold } from './answers.js';
import { announce, byId, duration, make } from './dom.js';
import { type Engine, RejectedError } from './engine.js';

/** Pictures with fewer pixels on a side are shown with their pixels. */
const smallSide = 96;

/** A picture that was given. */
export interface Given {
  readonly name: string;
  readonly file: Blob;
}

/** How a picture is shown. */
interface Card {
  readonly element: HTMLElement;
  readonly figure: HTMLElement;
  readonly note: HTMLElement;
  readonly answer: AnswerView;
}

/** The list of results. */
export class Results {
  readonly #list = byId('results');
  readonly #section = byId('results-section');
  readonly #addresses: string[] = [];
  #pending = 0;
  #done = 0;

  /** @param onPrediction  receives the milliseconds of every prediction */
  constructor(
    private readonly engine: Engine,
    private readonly classes: readonly string[],
    private readonly threshold: Threshold,
    private readonly onPrediction: (milliseconds: number) => void,
  ) {
    byId('clear').addEventListener('click', () => this.#clear());
  }

  /** Shows pictures at the top of the list and classifies them, in their order. */
  add(given: readonly Given[]): void {
    if (given.length === 0) return;
    this.#section.hidden = false;
    const cards = given.map(({ name, file }) => ({ name, file, card: this.#card(name, file) }));
    this.#list.prepend(...cards.map(({ card }) => card.element));
    for (const each of cards) this.#classify(each);
  }

  #card(name: string, file: Blob): Card {
    const address = URL.createObjectURL(file);
    this.#addresses.push(address);
    const picture = make('img', '');
    picture.alt = name;
    picture.decoding = 'async';
    picture.loading = 'lazy';
    picture.addEventListener('load', () => {
      picture.classList.toggle('small', Math.max(picture.naturalWidth, picture.naturalHeight) < smallSide);
    });
    picture.src = address;
    const note = make('p', 'note', 'Waiting …');
    const answer = new AnswerView(this.classes, this.threshold);
    const figure = make('div', 'picture', picture);
    const element = make('li', 'card waiting', figure, make('h3', 'file', name), answer.element, note);
    return { element, figure, note, answer };
  }

  async #classify({ name, file, card }: Given & { card: Card }): Promise<void> {
    this.#pending++;
    let said: string;
    try {
      const prediction = await this.engine.classify(file);
      const milliseconds = prediction.prepareMs + prediction.networkMs;
      card.answer.prediction = prediction;
      card.note.textContent = duration(milliseconds);
      said = `${name}: ${answerText(prediction, this.classes, this.threshold.value)}`;
      this.onPrediction(milliseconds);
    } catch (error) {
      const reason = error instanceof RejectedError ? error.message : String(error);
      card.figure.remove();
      card.element.classList.add('failed');
      card.note.textContent = reason[0].toUpperCase() + reason.slice(1);
      said = `${name}: ${reason}`;
    }
    card.element.classList.remove('waiting');
    this.#pending--;
    this.#done++;
    if (this.#pending > 0) return;
    announce(this.#done === 1 ? said : `${this.#done} pictures are done. The first: ${this.#firstAnswer()}`);
    this.#done = 0;
  }

  #firstAnswer(): string {
    const first = this.#list.firstElementChild;
    return `${first?.querySelector('.file')?.textContent}: ${first?.querySelector('.verdict, .note')?.textContent}`;
  }

  #clear(): void {
    this.#list.replaceChildren();
    for (const address of this.#addresses.splice(0)) URL.revokeObjectURL(address);
    this.#section.hidden = true;
    announce('The list is empty.');
    byId('choose').focus();
  }
}
