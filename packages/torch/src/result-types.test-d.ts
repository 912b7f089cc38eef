/** @file What the compiler knows of dtypes, ranks and named results; checked by `npm run types`, never run. */
import { expectTypeOf } from 'vitest';
import * as torch from './index.js';
import type { DType, Tensor } from './index.js';

const f2 = torch.zeros([2, 3]);
expectTypeOf(f2).toEqualTypeOf<Tensor<'float32', 2>>();
let x = torch.zeros([2, 3]);
x = torch.softmax(x, 1);
x = x.matmul(x);
// @ts-expect-error other
const y: Tensor<'int64'> = f2;
// @ts-expect-error rank
const z: Tensor<'float32', 3> = f2;
declare const any: Tensor;
const a: Tensor<'int64', 3> = any;
const b: Tensor = a;
expectTypeOf(f2.data()).toEqualTypeOf<Float32Array>();
export { y, z, b, x };
export type Used = DType;
