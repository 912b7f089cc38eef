/**
 * @file Counter-based randomness: every random number of a run is a pure function of where it is used.
 *
 * Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011) encrypts a 128-bit counter
 * under a 64-bit key. The fields of a draw are packed into key and counter without overlap, so two different draws
 * never share a block:
 *
 *     key      seed (53 bits) · stage (8) · stream (3)
 *     counter  sample index (32) | epoch (32) | repeat (16) · view (16) | purpose (8) · block (24)
 *
 * There is no state to save: batch t, sample i, view v can be drawn again at any time, on any worker or rank.
 */

/** What a number belongs to: the labeled or the unlabeled stream of a stage, or neither of the two. */
export type DrawStream = 'labeled' | 'unlabeled' | 'other';

/** What a number is used for. Draws of different purposes are independent, so a new one never shifts the others. */
export type DrawPurpose = keyof typeof purposeNumbers;

const streamNumbers = { other: 0, labeled: 1, unlabeled: 2 } as const satisfies Record<DrawStream, number>;

/** Stable numbers: changing one changes the bits of every run. Add at the end. */
const purposeNumbers = {
  shuffle: 0,
  crop: 1,
  flip: 2,
  jitter: 3,
  gray: 4,
  blur: 5,
  solarize: 6,
  threeAugment: 7,
  mix: 8,
  split: 9,
  torchSeed: 10,
  initialization: 11,
  imageDrawing: 12,
  evaluation: 13,
  equalize: 14,
  figure: 15,
} as const;

const uint16Count = 65536;
const uint32Count = 4294967296;
const twoToMinus53 = 1 / 9007199254740992;

/** Errors of arguments of the random functions. */
export class RandomKeyError extends RangeError {
  readonly code = 'RANDOM_KEY';
}

function checkField(name: string, value: number, limit: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new RandomKeyError(
      `random key: expected ${name} to be an integer in [0, ${limit}), got ${value}. Check what it is computed from.`,
    );
  }
}

/**
 * The numbers of one key: a sequence of uniform draws that starts again whenever `at` is called.
 *
 * One object can serve a whole batch: `at` moves it to another sample, view or purpose without allocating.
 */
export class Draws {
  readonly #key0: number;
  readonly #key1: number;
  #sampleIndex = 0;
  #epoch = 0;
  #repeatAndView = 0;
  #purpose = 0;
  #block = 0;
  #numUnused = 0;
  readonly #words = new Uint32Array(4);

  /**
   * @param seed    the run's seed, an integer in [0, 2^53)
   * @param stage   index of the stage in the recipe, [0, 256)
   * @param stream  whose epoch counter and sample indices are meant
   * @throws RandomKeyError when a field does not fit
   */
  constructor(seed: number, stage: number, stream: DrawStream) {
    checkField('seed', seed, Number.MAX_SAFE_INTEGER + 1);
    checkField('stage', stage, 256);
    this.#key0 = (seed % uint32Count) | 0;
    this.#key1 = (Math.floor(seed / uint32Count) << 11) | (stage << 3) | streamNumbers[stream];
  }

  /**
   * Moves to the first number of another key.
   * @param epoch        that stream's epoch, [0, 2^32)
   * @param sampleIndex  position of the image in its set (or of the batch in its epoch), [0, 2^32)
   * @param repeat       which occurrence of the same image in the batch, [0, 65536)
   * @param view         which view of the image, [0, 65536)
   * @param purpose      what the numbers are for
   * @returns            this object
   * @throws RandomKeyError when a field does not fit
   */
  at(epoch: number, sampleIndex: number, repeat: number, view: number, purpose: DrawPurpose): this {
    checkField('epoch', epoch, uint32Count);
    checkField('sampleIndex', sampleIndex, uint32Count);
    checkField('repeat', repeat, uint16Count);
    checkField('view', view, uint16Count);
    this.#sampleIndex = sampleIndex | 0;
    this.#epoch = epoch | 0;
    this.#repeatAndView = (repeat << 16) | view;
    this.#purpose = purposeNumbers[purpose] << 24;
    this.#block = 0;
    this.#numUnused = 0;
    return this;
  }

  /** A double in [0, 1) with 53 random bits. */
  uniform(): number {
    if (this.#numUnused === 0) {
      philox4x32(
        this.#sampleIndex,
        this.#epoch,
        this.#repeatAndView,
        this.#purpose | this.#block,
        this.#key0,
        this.#key1,
        this.#words,
      );
      this.#block = (this.#block + 1) & 0xffffff;
      this.#numUnused = 4;
    }
    const position = 4 - this.#numUnused;
    this.#numUnused -= 2;
    const high = this.#words[position] >>> 5;
    const low = this.#words[position + 1] >>> 6;
    return (high * 67108864 + low) * twoToMinus53;
  }

  /** A double in [low, high). */
  uniformIn(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** An integer in [low, high), every one equally likely (the bias is below (high − low) / 2^53). */
  uniformInt(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low));
  }

  /** True with probability `prob`; always uses one number. */
  bernoulli(prob: number): boolean {
    return this.uniform() < prob;
  }

  /** A uniformly random order of 0 … n−1 (Fisher–Yates). */
  permutation(n: number): Int32Array {
    const order = new Int32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.uniformInt(0, i + 1);
      const swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
    }
    return order;
  }

  /** A standard normal number (Box–Muller, the cosine half). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A Gamma(shape, 1) number, shape > 0 (Marsaglia and Tsang, 2000). */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * (1 - this.uniform()) ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      if (Math.log(1 - this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  /** A Beta(a, b) number in [0, 1], a and b > 0. Beta(1, 1) is exactly one uniform number. */
  beta(a: number, b: number): number {
    if (!(a > 0 && b > 0)) {
      throw new RandomKeyError(`beta: expected two positive parameters, got ${a} and ${b}. Use 1 and 1 for uniform.`);
    }
    if (a === 1 && b === 1) return this.uniform();
    if (a <= 1 && b <= 1) return this.#johnkBeta(a, b);
    const x = this.gamma(a);
    return x / (x + this.gamma(b));
  }

  /** Jöhnk's rejection, in logarithms where small parameters would underflow. */
  #johnkBeta(a: number, b: number): number {
    for (;;) {
      const logX = Math.log(1 - this.uniform()) / a;
      const logY = Math.log(1 - this.uniform()) / b;
      const x = Math.exp(logX);
      const y = Math.exp(logY);
      if (x + y > 1) continue;
      if (x + y > 0) return x / (x + y);
      const largest = Math.max(logX, logY);
      return Math.exp(logX - largest - Math.log(Math.exp(logX - largest) + Math.exp(logY - largest)));
    }
  }
}

/**
 * The numbers of one key, in a new object. For many keys of one stream make one `Draws` and move it with `at`.
 * @param seed         the run's seed, an integer in [0, 2^53)
 * @param stage        index of the stage in the recipe, [0, 256)
 * @param stream       whose epoch counter and sample indices are meant
 * @param epoch        that stream's epoch
 * @param sampleIndex  position of the image in its set (or of the batch in its epoch)
 * @param repeat       which occurrence of the same image in the batch
 * @param view         which view of the image
 * @param purpose      what the numbers are for
 * @throws RandomKeyError when a field does not fit
 */
export function drawKey(
  seed: number,
  stage: number,
  stream: DrawStream,
  epoch: number,
  sampleIndex: number,
  repeat: number,
  view: number,
  purpose: DrawPurpose,
): Draws {
  return new Draws(seed, stage, stream).at(epoch, sampleIndex, repeat, view, purpose);
}

/**
 * The order in which one epoch of a stream visits its `n` samples.
 * @returns Int32Array [n], each of 0 … n−1 once
 */
export function epochPermutation(
  seed: number,
  stage: number,
  stream: DrawStream,
  epoch: number,
  n: number,
): Int32Array {
  return drawKey(seed, stage, stream, epoch, 0, 0, 0, 'shuffle').permutation(n);
}

/** The seed that torch's own generator gets before step `step` of a stage: an integer in [0, 2^53). */
export function torchSeed(seed: number, stage: number, step: number): number {
  return drawKey(seed, stage, 'other', 0, step, 0, 0, 'torchSeed').uniformInt(0, Number.MAX_SAFE_INTEGER);
}

/**
 * One block of Philox4x32-10: four counter words and two key words (as signed or unsigned 32-bit integers) to four
 * random words in `out`.
 */
export function philox4x32(
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
  out: Uint32Array,
): void {
  let c0 = counter0 | 0;
  let c1 = counter1 | 0;
  let c2 = counter2 | 0;
  let c3 = counter3 | 0;
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < 10; round++) {
    const next0 = multiplyHigh(c2, 0xcd9e, 0x8d57) ^ c1 ^ k0;
    const next2 = multiplyHigh(c0, 0xd251, 0x1f53) ^ c3 ^ k1;
    c1 = Math.imul(c2, 0xcd9e8d57);
    c3 = Math.imul(c0, 0xd2511f53);
    c0 = next0;
    c2 = next2;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The upper 32 bits of the unsigned product of `a` and the constant (bHigh << 16 | bLow). */
function multiplyHigh(a: number, bHigh: number, bLow: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const t = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16);
  const w = (t & 0xffff) + Math.imul(aLow, bHigh);
  return (Math.imul(aHigh, bHigh) + (t >>> 16) + (w >>> 16)) | 0;
}
