/** @file The worker: everything that takes time, from the file of a picture to its probabilities. */
import type { RgbImage } from '../../src/data/resize.js';
import { AssetReader } from './asset.js';
import { bitmapPixels, decodeByBrowser, readsTruePixels } from './canvas-pixels.js';
import { ImageError } from './image-error.js';
import { readImageFile } from './image-file.js';
import { MismatchError, Network } from './network.js';
import { decodePng } from './png.js';
import { largest, networkInput, reduceAndTurn, softmax } from './prepare.js';
import type { Prediction, Reply, Request } from './protocol.js';

type Start = Extract<Request, { kind: 'start' }>;

const reply = (message: Reply): void => self.postMessage(message);

/** The state of the worker: assets on their way, then a network. */
class Engine {
  readonly #start: Start;
  readonly #assets: { readonly runtime: AssetReader; readonly network: AssetReader };
  readonly #truePixels = readsTruePixels();
  #network: Network | null = null;

  constructor(start: Start) {
    this.#start = start;
    this.#assets = { runtime: new AssetReader(start.model.runtime), network: new AssetReader(start.model.network) };
  }

  /** Takes a part; the last one of all loads the network. */
  async take({ asset, text, last }: Extract<Request, { kind: 'part' }>): Promise<void> {
    this.#assets[asset].add(text);
    if (!last) return;
    try {
      const [runtime, model] = await Promise.all([this.#assets.runtime.finish(), this.#assets.network.finish()]);
      this.#network = await Network.load(runtime, model, this.#start.model);
      reply({ kind: 'ready' });
    } catch (error) {
      const { message } = error as Error;
      reply({
        kind: 'failed',
        message: error instanceof MismatchError ? message : `The network cannot be loaded: ${message.split('\n')[0]}`,
      });
    }
  }

  async predictFile(file: Blob): Promise<Prediction> {
    const started = performance.now();
    const bytes = new Uint8Array(
      await file.arrayBuffer().catch(() => {
        throw new ImageError('this cannot be read. A folder? Choose the images in it instead.');
      }),
    );
    const plain = readImageFile(bytes);
    if (plain.kind !== 'png' && !this.#truePixels) {
      throw new ImageError(
        'this browser changes the pixels that pages read, as a protection of privacy. Allow this page to read canvases, or use PNG.',
      );
    }
    const image = plain.kind === 'png' ? await decodePng(plain.pieces[0]) : await decodeByBrowser(plain);
    return this.#predict(reduceAndTurn(image, plain.orientation, this.#start.model.input), started);
  }

  async predictFrame(frame: ImageBitmap): Promise<Prediction> {
    const started = performance.now();
    const image = bitmapPixels(frame);
    frame.close();
    return this.#predict(reduceAndTurn(image, 1, this.#start.model.input), started);
  }

  async #predict(image: RgbImage, started: number): Promise<Prediction> {
    if (this.#network === null) throw new ImageError('the network is not loaded.');
    const pixels = networkInput(image, this.#start.model.input);
    const prepared = performance.now();
    const probabilities = softmax(await this.#network.scores(pixels));
    const top = largest(probabilities, this.#start.top).map((index) => ({ index, probability: probabilities[index] }));
    return { top, prepareMs: prepared - started, networkMs: performance.now() - prepared };
  }
}

let engine: Engine | null = null;

async function predict(id: number, work: () => Promise<Prediction> | undefined): Promise<void> {
  try {
    const prediction = await work();
    if (prediction) reply({ kind: 'prediction', id, prediction });
  } catch (error) {
    const message =
      error instanceof ImageError ? error.message : `it cannot be classified: ${(error as Error).message}`;
    reply({ kind: 'rejected', id, message });
  }
}

/** One request after the other: a session runs one picture at a time. */
let queue = Promise.resolve();

function handle(request: Request): Promise<void> | undefined {
  switch (request.kind) {
    case 'start':
      engine = new Engine(request);
      return;
    case 'part':
      return engine?.take(request);
    case 'image':
      return predict(request.id, () => engine?.predictFile(request.file));
    case 'frame':
      return predict(request.id, () => engine?.predictFrame(request.frame));
  }
}

self.addEventListener('message', ({ data }: MessageEvent<Request>) => {
  queue = queue.then(() => handle(data));
});
