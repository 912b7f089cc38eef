/** @file Golden models: built from the manifest's parameters, filled by name, projected for comparison. */
import { fromTypedArray, type nn, noGrad, scope, type Tensor } from '@suave/torch';
import { type BlockKind, createBackbone, ResNet, SwavModel } from '../../packages/suave/src/models/index.js';
import { testDevice } from '../fixtures/devices.js';
import { type Fill, fillValues } from './waves.js';

type Float = 'float32' | 'float64';

/** Model parameters as the manifest names them. */
export interface ModelParams {
  readonly arch: string;
  readonly fill?: Fill;
  readonly normalize?: boolean;
  readonly hidden_mlp?: number[];
  readonly output_dim?: number;
  readonly nmb_prototypes?: number | number[];
  readonly online_eval_multi?: boolean;
  readonly ensemble_eval?: boolean;
  readonly num_classes?: number;
  readonly eval_mode?: boolean;
}

/** `resnet50` or `ResNet(Bottleneck,[1,1,1,1],widen=2)`. */
function backboneOf(arch: string, dtype: Float) {
  const spelled = /^ResNet\((Bottleneck|BasicBlock),\[([\d,]+)\](?:,widen=(\d+))?\)$/.exec(arch);
  if (!spelled) return createBackbone(arch, { dtype, device: testDevice() });
  const block: BlockKind = spelled[1] === 'Bottleneck' ? 'bottleneck' : 'basic';
  const width = Number(spelled[3] ?? 1);
  return new ResNet({ block, blocks: spelled[2]!.split(',').map(Number), width, dtype, device: testDevice() });
}

/** A model of the SwAV family with fresh weights. */
export function buildSwavModel(params: ModelParams, dtype: Float, onlineHeads = true): SwavModel {
  return new SwavModel({
    backbone: backboneOf(params.arch, dtype),
    hiddenMlp: params.hidden_mlp ?? [],
    outputDim: params.output_dim ?? 0,
    normalize: params.normalize ?? false,
    prototypes: params.nmb_prototypes ?? null,
    onlineClasses: onlineHeads && params.online_eval_multi ? (params.num_classes ?? 1000) : null,
    ensembleHead: onlineHeads && params.ensemble_eval === true,
    dtype,
    device: testDevice(),
  });
}

/** Fills every state-dict entry from its name: rounded to float32, widened for float64 models. */
export function fillModel<M extends nn.Module>(model: M, fill: Fill): M {
  noGrad(() =>
    scope(() => {
      for (const [name, entry] of model.stateDict()) {
        entry.copy_(fromTypedArray(fillValues(name, entry.shape, fill), entry.shape));
      }
    }),
  );
  return model;
}

/** Values of a tensor in float64. */
export function doubles(tensor: Tensor): Float64Array {
  return scope(() => tensor.detach().to('float64').data()) as Float64Array;
}

/** Floating-point entries of a state dict, in order. */
export function floatingEntries(model: nn.Module): Map<string, Tensor> {
  return new Map([...model.stateDict()].filter(([name]) => !name.endsWith('num_batches_tracked')));
}
