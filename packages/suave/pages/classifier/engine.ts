/** @file The worker as the page sees it: loads the network, then gives a promise for every picture. */
import { type PageModel, partFunction } from '../../src/export/web/page-model.js';
import type { Prediction, Reply, Request } from './protocol.js';

/** A picture that the worker did not take, for a reason that completes "NAME: …". */
export class RejectedError extends Error {
  override name = 'RejectedError';
}

interface Waiting {
  resolve(prediction: Prediction): void;
  reject(error: Error): void;
}

/** A script of the folder hands over its part through a function of the window. */
function loadPart(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    let text: string | null = null;
    Object.assign(globalThis, {
      [partFunction]: (from: string, part: string) => {
        if (from === path) text = part;
      },
    });
    script.src = path;
    script.onload = () =>
      text === null
        ? reject(new Error(`${path} is damaged. Copy the folder again, or export the page again.`))
        : resolve(text);
    script.onerror = () => reject(new Error(`${path} cannot be loaded. Keep all files of the folder together.`));
    document.head.append(script);
    script.addEventListener('load', () => script.remove());
  });
}

/** The network in its worker. */
export class Engine {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ready: { resolve: () => void; reject: (error: Error) => void } | null = null;

  /** @param source  text of the worker's script */
  constructor(source: string) {
    // On the disk, a worker cannot be started from a file nor as a module, but from a text that the page holds.
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    this.#worker = new Worker(url);
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#receive(data));
    this.#worker.addEventListener('error', () =>
      this.#ready?.reject(new Error('The network cannot be started in this browser.')),
    );
  }

  /**
   * Loads runtime and network.
   * @param top         classes per picture
   * @param onProgress  receives the bytes that were read
   * @throws Error with a sentence for the visitor
   */
  async load(model: PageModel, top: number, onProgress: (bytes: number) => void): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.#ready = { resolve, reject };
    });
    ready.catch(() => {}); // waited for below
    this.#send({ kind: 'start', model, top });
    const parts = (['runtime', 'network'] as const).flatMap((asset) =>
      model[asset].files.map((file) => ({ ...file, asset })),
    );
    let done = 0;
    for (const [index, { path, bytes, asset }] of parts.entries()) {
      const text = await loadPart(path);
      this.#send({ kind: 'part', asset, text, last: index === parts.length - 1 });
      done += bytes;
      onProgress(done);
    }
    await ready;
  }

  /** Classifies an image file. @throws RejectedError */
  classify(file: Blob): Promise<Prediction> {
    return this.#ask((id) => this.#send({ kind: 'image', id, file }));
  }

  /** Classifies a picture of the camera, which is used up. @throws RejectedError */
  classifyFrame(frame: ImageBitmap): Promise<Prediction> {
    return this.#ask((id) => this.#send({ kind: 'frame', id, frame }, [frame]));
  }

  #ask(send: (id: number) => void): Promise<Prediction> {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      send(id);
    });
  }

  #send(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #receive(reply: Reply): void {
    if (reply.kind === 'ready') this.#ready?.resolve();
    else if (reply.kind === 'failed') this.#ready?.reject(new Error(reply.message));
    else {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.kind === 'prediction') waiting?.resolve(reply.prediction);
      else waiting?.reject(new RejectedError(reply.message));
    }
  }
}
