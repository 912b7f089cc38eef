import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPERATORS } from './generated/table.js';
import * as torch from './index.js';

const x = torch.tensor([
  [1, 2],
  [3, 4],
]);

describe('overloads', () => {
  it('chooses by tensor or number', () => {
    expect(torch.add(x, x, { alpha: 2 }).toArray()).toEqual([
      [3, 6],
      [9, 12],
    ]);
    expect(torch.add(x, 1).toArray()).toEqual([
      [2, 3],
      [4, 5],
    ]);
    expect(x.mul(x).toArray()).toEqual([
      [1, 4],
      [9, 16],
    ]);
    expect(x.eq(2).toArray()).toEqual([
      [false, true],
      [false, false],
    ]);
  });

  it('chooses by the number of arguments', () => {
    expect(torch.sum(x).item()).toBe(10);
    expect(torch.sum(x, [0]).toArray()).toEqual([4, 6]);
    expect(torch.sum(x, 1, { keepdim: true }).toArray()).toEqual([[3], [7]]);
    expect(torch.max(x).item()).toBe(4);
    expect(torch.max(x, 1)[1].toArray()).toEqual([1, 1]);
  });

  it('chooses by the kind of an option', () => {
    const image = torch.ones([1, 1, 4, 4]);
    const weight = torch.ones([1, 1, 3, 3]);
    expect(torch.conv2d(image, weight, { padding: 'same' }).shape).toEqual([1, 1, 4, 4]);
    expect(torch.conv2d(image, weight, { padding: 1, stride: [2, 1] }).shape).toEqual([1, 1, 2, 4]);
    expect(torch.conv2d(image, weight).shape).toEqual([1, 1, 2, 2]);
  });

  it('prefers a single number to a list that one number could fill', () => {
    expect(torch.split(torch.arange(6), 4).map((part) => part.numel)).toEqual([4, 2]);
    expect(torch.split(torch.arange(6), [1, 5]).map((part) => part.numel)).toEqual([1, 5]);
  });

  it('works in place and returns the tensor itself', () => {
    const y = torch.zeros([2]);
    expect(y.add_(3)).toBe(y);
    expect(y.toArray()).toEqual([3, 3]);
    const out = torch.zeros([2, 2]);
    expect(torch.addOut(x, x, out)).toBe(out);
    expect(out.toArray()).toEqual([
      [2, 4],
      [6, 8],
    ]);
  });

  it('takes dtype, tensor lists, scalar lists and generators', () => {
    expect(torch.zeros([2], { dtype: 'int64' }).dtype).toBe('int64');
    expect(torch._foreachMul([x, x], [2, 3]).map((t) => t.sum().item())).toEqual([20, 30]);
    expect(torch._foreachAdd([x], [x], { alpha: 2 })[0]!.sum().item()).toBe(30);
    using generator = new torch.Generator({ seed: 7 });
    const first = torch.rand([3], { generator }).toArray();
    expect(torch.rand([3], { generator: generator.manualSeed(7) }).toArray()).toEqual(first);
  });
});

describe('errors', () => {
  it('carries operator, shapes, dtypes and the message of libtorch, without C++ frames', () => {
    try {
      torch.matmul(x, torch.ones([3, 3]));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(torch.TorchError);
      const { message, operator, code } = error as torch.TorchError;
      expect(operator).toBe('aten::matmul');
      expect(code).toBe('ERR_TORCH_OPERATOR');
      expect(message).toContain('float32[2, 2]');
      expect(message).toContain('cannot be multiplied');
      expect(message).not.toContain('frame #');
    }
  });

  it('names an operator that the loaded libtorch lacks', () => {
    expect(torch.has('aten::add.Tensor')).toBe(true);
    expect(torch.has('aten::no_such_operator')).toBe(false);
    expect(() => torch.ops('aten::no_such_operator')).toThrow(torch.MissingOperatorError);
  });

  it('never aborts the process, whatever the arguments', () => {
    const values = fc.oneof(
      fc.constantFrom(
        x,
        null,
        undefined,
        'float32',
        'cuda:9',
        true,
        {},
        [],
        [x],
        [null],
        -1,
        0,
        3,
        1e300,
        Number.NaN,
        10n,
      ),
      fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 3 }),
    );
    const risky =
      /multinomial|_out$|^_(cudnn|mkldnn|nnpack|fbgemm|sobol|embedding|pack|cufft|thnn|use_|validate|sparse|nested|quant|weight|standard_gamma|dirichlet|sample|linalg|foobar|resize|coalesce|indices|values|efficient|flash|transform|native|make|segment|pad|unsafe)/;
    const names = OPERATORS.map((entry) => entry.split(':')[0]!).filter(
      (name) =>
        !risky.test(name) &&
        /^(add|mul|sum|mean|cat|stack|view|narrow|select|conv2d|linear|matmul|topk|sort|where|index_select|gather|softmax|log_softmax|batch_norm|layer_norm|zeros|full|arange|flip|roll|permute|transpose|norm|clamp|pow|max|min|argmax|one_hot|to|copy_|fill_|repeat|expand)(\.|$)/.test(
          name,
        ),
    );
    expect(names.length).toBeGreaterThan(60);
    let calls = 0;
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(values, { maxLength: 6 }), (name, list) => {
        torch.scope(() => {
          try {
            torch.ops(`aten::${name}`)(...(list as torch.OperatorValue[]));
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        });
        calls++;
      }),
      { numRuns: 3000 },
    );
    expect(calls).toBeGreaterThanOrEqual(3000);
  });
});
