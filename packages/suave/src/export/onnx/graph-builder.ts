/** @file Puts a graph together, node by node: every value gets a name of its own, every weight is stored once. */
import { scope, type Tensor } from '@suave/torch';
import {
  type AttributeValue,
  type ElementType,
  elementType,
  nodeOf,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
  tensorOf,
  valueInfo,
} from './model.js';

/** The name of a value in the graph. */
export type Value = string;

/** A graph in the making. */
export class GraphBuilder {
  readonly #keys: ReadonlyMap<Tensor, string>;
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();
  readonly #inputs: OnnxValueInfo[] = [];
  readonly #names: Set<string>;

  /** @param state  tensors by the names that they will have in the file */
  constructor(state: ReadonlyMap<string, Tensor> = new Map()) {
    const keys = new Map<Tensor, string>();
    for (const [key, tensor] of state) if (!keys.has(tensor)) keys.set(tensor, key);
    this.#keys = keys;
    this.#names = new Set(state.keys());
  }

  /** Adds an input of the graph. */
  input(name: string, type: ElementType, shape: readonly (number | string)[]): Value {
    this.#inputs.push(valueInfo(name, type, shape));
    return this.#claim(name);
  }

  /**
   * Adds a node with one output.
   * @param name  wished for node and output; a number is added where it is taken. Default the operator's
   */
  op(
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    name: string = opType,
  ): Value {
    const output = this.#claim(name);
    this.#nodes.push(nodeOf(opType, inputs, [output], attributes));
    return output;
  }

  /**
   * A tensor of the state dict under its key, stored once.
   * @param rows  how many of its first rows are stored; all by default, and always the same number
   */
  weight(tensor: Tensor, rows?: number): Value {
    return this.bake(this.keyOf(tensor), tensor, rows);
  }

  /** Key of a tensor in the state dict. */
  keyOf(tensor: Tensor): string {
    const key = this.#keys.get(tensor);
    if (key === undefined) throw new TypeError('GraphBuilder: expected a tensor of the state dict, got another.');
    return key;
  }

  /** A computed float32 tensor under a name of its own, stored once; `rows` as in `weight`. */
  bake(name: string, tensor: Tensor, rows = tensor.shape[0]): Value {
    if (!this.#initializers.has(name)) {
      const rawData = scope(() => tensor.detach().narrow(0, 0, rows).to('float32').cpu().contiguous().bytes());
      const dims = [rows, ...tensor.shape.slice(1)];
      this.#store({ name, dims, dataType: elementType.float32, rawData });
    }
    return name;
  }

  /** Numbers that are the same for every image, stored once; a single number without dimensions, or a list. */
  constant(type: 'float32' | 'int64', values: number | readonly number[]): Value {
    const isNumber = typeof values === 'number';
    const name = isNumber ? `${type}(${values})` : `${type}[${values}]`;
    if (!this.#initializers.has(name)) {
      this.#store(isNumber ? tensorOf(name, type, [], [values]) : tensorOf(name, type, [values.length], values));
    }
    return name;
  }

  /** The graph, with one output: `value` under the name `output`. */
  finish(
    name: string,
    value: Value,
    output: string,
    type: ElementType,
    shape: readonly (number | string)[],
  ): OnnxGraph {
    this.#claim(output);
    const renamed = (names: string[]) => names.map((each) => (each === value ? output : each));
    return {
      name,
      node: this.#nodes.map((node) => ({ ...node, input: renamed(node.input), output: renamed(node.output) })),
      initializer: [...this.#initializers.values()],
      input: this.#inputs,
      output: [valueInfo(output, type, shape)],
    };
  }

  #store(tensor: OnnxTensor): void {
    this.#names.add(tensor.name);
    this.#initializers.set(tensor.name, tensor);
  }

  #claim(wished: string): string {
    let name = wished;
    for (let i = 2; this.#names.has(name); i++) name = `${wished}_${i}`;
    this.#names.add(name);
    return name;
  }
}
