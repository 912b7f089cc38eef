/** @file A method that is one network and a loss: no averaged copy, nothing frozen for a time, no state beside the weights. */
import type { Tensor } from '@suave/torch';
import type { ClassifierNetwork } from '../models/index.js';
import type { Batch, Method, ParameterGroup, Progress, StepResult } from './method.js';
import { prefixed, scoreInEvalMode, unprefixed } from './network-state.js';

/** Base of such methods; groups of parameters and the step are their own. */
export abstract class NetworkMethod<Network extends ClassifierNetwork> implements Method {
  abstract readonly predictsClasses: boolean;
  abstract readonly temperature: number;

  /** @param model  taken over: trained, checkpointed and disposed by the method */
  constructor(readonly model: Network) {}

  abstract parameterGroups(): ParameterGroup[];

  abstract step(batch: Batch, progress: Progress): StepResult;

  afterBackward(_progress: Progress): void {}

  afterStep(_progress: Progress): void {}

  variant(_progress: Progress): string {
    return '';
  }

  schedules(_progress: Progress): Record<string, number> {
    return {};
  }

  classify(images: Tensor): Tensor {
    return scoreInEvalMode(this.model, () => this.model.classify(images));
  }

  state(): Map<string, Tensor> {
    return prefixed('model.', this.model.stateDict());
  }

  loadState(state: ReadonlyMap<string, Tensor>): void {
    this.model.loadStateDict(unprefixed('model.', state));
  }

  train(): void {
    this.model.train();
  }

  eval(): void {
    this.model.eval();
  }

  dispose(): void {
    this.model.dispose();
  }
}
