/** @file Runs an ONNX model here, with onnxruntime-web: to compare it with our own network, or to measure what it lost. */
import { setImmediate } from 'node:timers/promises';
import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import { OnnxError } from './onnx-error.js';

/** An array that an ONNX model takes for its images. */
export type OnnxPixels = Float32Array | Uint8Array;

/** A model that is loaded; `release` frees it. */
export class OnnxSession {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /**
   * Loads the bytes of a model, for one thread.
   * @throws OnnxError `ONNX_TOO_LARGE` where it does not fit into the 4 GiB of WebAssembly
   */
  static async open(bytes: Uint8Array): Promise<OnnxSession> {
    env.wasm.numThreads = 1;
    const options = { executionProviders: ['wasm'], logSeverityLevel: 3 } as const;
    try {
      return new OnnxSession(await InferenceSession.create(bytes, options));
    } catch (cause) {
      if (!/bad_alloc|out of memory|allocat/i.test(String(cause))) throw cause;
      throw new OnnxError(
        'ONNX_TOO_LARGE',
        `ONNX: expected a model that fits into the 4 GiB of WebAssembly, where it is tried, got ${(bytes.length / 1e9).toFixed(1)} GB of weights. Export a smaller network, or its safetensors.`,
        cause,
      );
    }
  }

  /** The first output for the pixels of images, in row-major order. */
  async run(pixels: OnnxPixels, dims: readonly number[]): Promise<{ values: Float32Array; dims: readonly number[] }> {
    await setImmediate(); // the runtime computes in this thread: signals and progress come in between
    const type = pixels instanceof Uint8Array ? 'uint8' : 'float32';
    const input = new Tensor(type, pixels as never, dims);
    const { inputNames, outputNames } = this.#session;
    const { [outputNames[0]]: output } = await this.#session.run({ [inputNames[0]]: input }, [outputNames[0]]);
    return { values: (await output.getData()) as Float32Array, dims: output.dims };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
