/** @file Golden transformers and DINO networks: built from the manifest's parameters. */
import {
  createBackbone,
  DinoHead,
  DinoModel,
  VisionTransformer,
  type VisionTransformerOptions,
} from '../../packages/suave/src/models/index.js';
import { testDevice } from '../fixtures/devices.js';

type Float = 'float32' | 'float64';

/** A vision transformer in numbers, as the manifest names them. */
export interface VitParams {
  readonly img_size: readonly number[] | number;
  readonly patch_size: number;
  readonly embed_dim: number;
  readonly depth: number;
  readonly num_heads: number;
  readonly mlp_ratio?: number;
  readonly qkv_bias?: boolean;
  readonly layer_norm_eps?: number;
  readonly drop_path_rate?: number;
}

/** A DINO head in numbers, as the manifest names them; what is missing has DINO's default. */
export interface DinoHeadParams {
  readonly out_dim: number;
  readonly nlayers?: number;
  readonly hidden_dim?: number;
  readonly bottleneck_dim?: number;
  readonly use_bn?: boolean;
  readonly norm_last_layer?: boolean;
  readonly multihead_eval?: boolean;
}

/** A backbone with a DINO head: `vit` by its dimensions, or `arch` by name. */
export interface DinoParams {
  readonly vit?: VitParams;
  readonly arch?: string;
  readonly patch_size?: number;
  /** Stated beside `vit` by some cases. */
  readonly qkv_bias?: boolean;
  readonly layer_norm_eps?: number;
  readonly head: DinoHeadParams;
}

/** A bare transformer by its dimensions, with fresh weights: eps 1e-5 and no bias of queries unless stated. */
export function buildVit(vit: VitParams, dtype: Float): VisionTransformer {
  const [imageSize] = [vit.img_size].flat();
  const options: VisionTransformerOptions = {
    imageSize,
    patchSize: vit.patch_size,
    embedDim: vit.embed_dim,
    depth: vit.depth,
    heads: vit.num_heads,
    mlpRatio: vit.mlp_ratio,
    qkvBias: vit.qkv_bias,
    layerNormEps: vit.layer_norm_eps,
    dropPathRate: vit.drop_path_rate,
    dtype,
    device: testDevice(),
  };
  return new VisionTransformer(options);
}

/** Options of a head under our names. */
function headOptions(head: DinoHeadParams) {
  return {
    outDim: head.out_dim,
    layers: head.nlayers,
    hiddenDim: head.hidden_dim,
    bottleneckDim: head.bottleneck_dim,
    batchNorm: head.use_bn,
    normLastLayer: head.norm_last_layer,
    multiheadEval: head.multihead_eval,
  };
}

/** A DINO head alone with fresh weights. */
export function buildDinoHead(inFeatures: number, head: DinoHeadParams, dtype: Float): DinoHead {
  return new DinoHead({ inFeatures, ...headOptions(head), dtype, device: testDevice() });
}

/** A student or teacher of DINO with fresh weights. */
export function buildDinoModel({ vit, arch, patch_size, head, ...beside }: DinoParams, dtype: Float): DinoModel {
  const backbone =
    vit === undefined
      ? createBackbone(arch!, { patchSize: patch_size, dtype, device: testDevice() })
      : buildVit({ ...beside, ...vit }, dtype);
  return new DinoModel({ backbone, ...headOptions(head), dtype, device: testDevice() });
}

/** `192-2048-2048-256 GELU, …` as a head's numbers. */
export function headFromText(text: string): Pick<DinoHeadParams, 'nlayers' | 'hidden_dim' | 'bottleneck_dim'> {
  const widths = /^\d+(?:-\d+)+/.exec(text)?.[0].split('-').map(Number);
  if (!widths) throw new Error(`golden head: expected widths joined by "-", got "${text}".`);
  return { nlayers: widths.length - 1, hidden_dim: widths[1], bottleneck_dim: widths.at(-1) };
}
