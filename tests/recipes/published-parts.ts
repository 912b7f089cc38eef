/**
 * @file Pieces of the tables of published numbers, transcribed by hand from the method specification; nothing here is read from the code of the
 * recipes. Paths are those of `suave recipes NAME`.
 */

/** Value of every setting by its path. */
export type Table = Record<string, unknown>;

/** Settings of a stage under its name. */
export function stageTable(stage: string, table: Table): Table {
  return Object.fromEntries(Object.entries(table).map(([path, value]) => [`stages.${stage}.${path}`, value]));
}

/** A view: pixels, scale, interpolation, jitter (b, c, s, h, p), gray, blur p, solarize p and threshold, equalize p. */
export function view(
  path: string,
  numbers: {
    count?: number;
    size: number;
    scale: [number, number];
    interpolation?: string;
    jitter: [number, number, number, number, number] | null;
    gray: number;
    blur: number | null;
    solarize?: number | null;
    threshold?: number | 'random';
    equalize?: number;
    std?: number[];
  },
): Table {
  const { count = 1, size, scale, interpolation = 'bilinear', jitter, gray, blur, solarize = null, std } = numbers;
  const { threshold = 128, equalize } = numbers;
  const table: Table = {
    count,
    size,
    scale,
    interpolation,
    flipProb: 0.5,
    ratio: [3 / 4, 4 / 3],
    grayProb: gray,
    cropMode: 'resized',
    threeAugment: null,
  };
  if (jitter === null) table.jitter = null;
  else {
    for (const [index, name] of ['brightness', 'contrast', 'saturation', 'hue', 'prob'].entries())
      table[`jitter.${name}`] = jitter[index];
  }
  if (blur === null) table.blur = null;
  else Object.assign(table, { 'blur.prob': blur, 'blur.sigma': [0.1, 2] });
  if (solarize === null) table.solarize = null;
  else Object.assign(table, { 'solarize.prob': solarize, 'solarize.threshold': threshold });
  if (equalize !== undefined) table.equalizeProb = equalize;
  if (std === undefined) table.normalization = null;
  else table['normalization.std'] = std;
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [`views.${path}.${key}`, value]));
}

/** 6.1: jitter (brightness, contrast, saturation, hue, probability). */
export const swavJitter: [number, number, number, number, number] = [0.8, 0.8, 0.8, 0.2, 0.8];
export const labeledJitter: [number, number, number, number, number] = [0.4, 0.4, 0.4, 0.1, 0.8];
export const dinoJitter: [number, number, number, number, number] = [0.4, 0.4, 0.2, 0.1, 0.8];
export const extendMixing = {
  'mixing.labeled': 'extend',
  'mixing.cutmixProb': 0.5,
  'mixing.beta': 1,
  'mixing.prob': 1,
};
export const suaveLars = {
  'optimizer.kind': 'lars',
  'optimizer.form': 'suave',
  'optimizer.momentum': 0.9,
  'optimizer.trust': 0.001,
  'optimizer.clip': false,
  'optimizer.excludeOneDimensional': false,
  'optimizer.nesterov': false,
  'optimizer.schedule': 'cosine',
};
export const soloLars = {
  ...suaveLars,
  'optimizer.trust': 0.02,
  'optimizer.clip': true,
  'optimizer.excludeOneDimensional': true,
  'optimizer.warmupEpochs': 10,
  'optimizer.startLr': 3e-5,
  'optimizer.weightDecay': 1e-6,
};
export const clusters = { temperature: 0.1, sinkhornIterations: 3 };

/** 2.3, 2.4, 5.4. */
export const distillation = {
  'head.hiddenDim': 2048,
  'head.bottleneckDim': 256,
  'head.layers': 3,
  'head.batchNorm': false,
  studentTemperature: 0.1,
  'teacherTemperature.warmup': 0.04,
  'teacherTemperature.final': 0.07,
  'teacherTemperature.warmupEpochs': 10,
  'teacher.schedule': 'cosine',
  centerMomentum: 0.9,
  clipGradNorm: null,
};
/** 4.1 to 4.4. */
export const pawsShared = {
  temperature: 0.1,
  sharpening: 0.25,
  targetThreshold: 1e-4,
  labelSmoothing: 0.1,
  meMax: true,
  'optimizer.kind': 'lars',
  'optimizer.form': 'paws',
  'optimizer.schedule': 'paws',
  'optimizer.momentum': 0.9,
  'optimizer.trust': 0.001,
  'optimizer.epsilon': 1e-8,
  'optimizer.weightDecay': 1e-6,
  'optimizer.warmupEpochs': 10,
};
