/** @file The camera: its picture, the part that the network sees, and what it says about it, again and again. */
import type { CheckpointInput } from '../../src/runs/checkpoint-metadata.js';
import { AnswerView, answerText, type Threshold } from './answers.js';
import { announce, byId, duration } from './dom.js';
import type { Engine } from './engine.js';
import type { Prediction } from './protocol.js';
import type { Given } from './results.js';

/** Time between two pictures at least, and between two announcements, in milliseconds. */
const pause = 100;
const announcePause = 2000;

/** What the camera needs of the page. */
export interface CameraOptions {
  readonly engine: Engine;
  /** Fulfilled when the network is loaded. */
  readonly ready: Promise<void>;
  readonly classes: readonly string[];
  readonly input: CheckpointInput;
  readonly threshold: Threshold;
  onKept(picture: Given): void;
  onPrediction(milliseconds: number): void;
}

/** Why there is no picture, in one sentence. */
function cameraProblem(error: unknown): string {
  const name = (error as DOMException).name;
  if (name === 'NotAllowedError') return 'The camera was not allowed. Allow it in the settings of the browser.';
  if (name === 'NotFoundError') return 'No camera was found on this device.';
  if (name === 'NotReadableError') return 'The camera is in use by another program.';
  return `The camera cannot be used: ${(error as Error).message}`;
}

/** The view of the camera. */
export class Camera {
  readonly #options: CameraOptions;
  readonly #section = byId('camera-view');
  readonly #video = byId<HTMLVideoElement>('video');
  readonly #answer: AnswerView;
  #stream: MediaStream | null = null;
  #isAsking = false;
  #kept = 0;

  constructor(options: CameraOptions) {
    this.#options = options;
    this.#answer = new AnswerView(options.classes, options.threshold);
    byId('live').append(this.#answer.element);
    byId('camera').addEventListener('click', () => this.#start());
    byId('stop').addEventListener('click', () => this.#stop());
    byId('keep').addEventListener('click', () => this.#keep());
    this.#video.addEventListener('loadedmetadata', () => this.#drawFrame());
  }

  async #start(): Promise<void> {
    if (this.#isAsking) return; // a second click while the visitor is asked
    this.#isAsking = true;
    let stream: MediaStream;
    const problem = byId('camera-problem');
    problem.hidden = true;
    try {
      if (navigator.mediaDevices === undefined) {
        throw new Error('it needs a page that was opened from disk, from this computer or over https.');
      }
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
    } catch (error) {
      problem.textContent = cameraProblem(error);
      problem.hidden = false;
      return;
    } finally {
      this.#isAsking = false;
    }
    this.#stream = stream;
    this.#video.srcObject = stream;
    this.#section.hidden = false;
    byId('camera').hidden = true;
    byId('stop').focus();
    await this.#video.play().catch(() => {}); // stopped meanwhile
    await this.#options.ready;
    this.#watch(stream);
  }

  /** Predicts until the camera is stopped. */
  async #watch(stream: MediaStream): Promise<void> {
    let announced = 0;
    let said = '';
    const note = byId('live-note');
    while (this.#stream === stream) {
      const started = performance.now();
      if (this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !document.hidden) {
        const prediction = await this.#look().catch((error: Error) => {
          note.textContent = error.message;
          return null;
        });
        if (this.#stream !== stream) return;
        if (prediction === null) break;
        const milliseconds = prediction.prepareMs + prediction.networkMs;
        this.#answer.prediction = prediction;
        note.textContent = duration(milliseconds);
        this.#options.onPrediction(milliseconds);
        const [name] = answerText(prediction, this.#options.classes, this.#options.threshold.value).split(',');
        if (name !== said && started - announced > announcePause) {
          announce(`Camera: ${name}`);
          said = name;
          announced = started;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(20, started + pause - performance.now())));
    }
  }

  /** What the network says of this moment. */
  async #look(): Promise<Prediction> {
    return this.#options.engine.classifyFrame(await createImageBitmap(this.#video));
  }

  /** Marks the square that the network sees. */
  #drawFrame(): void {
    const { videoWidth, videoHeight } = this.#video;
    const { crop, resize } = this.#options.input;
    const side = Math.min(1, crop / resize) * Math.min(videoWidth, videoHeight);
    const frame = byId('frame');
    frame.style.setProperty('width', `${(100 * side) / videoWidth}%`);
    frame.style.setProperty('height', `${(100 * side) / videoHeight}%`);
  }

  #stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#section.hidden = true;
    byId('camera').hidden = false;
    byId('camera').focus();
    announce('The camera is off.');
  }

  /** Puts the picture of this moment into the list. */
  #keep(): void {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    canvas.getContext('2d', { alpha: false })?.drawImage(this.#video, 0, 0);
    canvas.toBlob((file) => {
      if (file !== null) this.#options.onKept({ name: `camera ${++this.#kept}`, file });
    }, 'image/png');
  }
}
