/**
 * @file What is known of the dtype and the rank of an operator's results, as types: a table of rules.
 *
 * A rule is here only where it holds for every input: under type promotion, for integers and complex numbers, and under
 * autocast (which changes the results of `exp`, `sum`, `softmax`, `matmul`, … and is why those keep only their rank).
 * Without a rule a result is a `Tensor` of any dtype and rank.
 *
 * Dtypes: `same` as self, `floating` (integers give the default dtype), `number` (self with a number: integers may become
 * floats), `both` (of two tensors), `quotient` (the same, integers giving the default dtype), `second` (of the other tensor), `option X` (the option dtype, else X), a dtype, or `any`.
 * Ranks: `same`, `up` and `down` by one, `size` (length of the argument that gives the shape), `both` (broadcast), a number, or `any`.
 */
import { isInPlace } from './call-shape.mjs';
import { camelCase } from './schema.mjs';

const words = (text) => text.trim().split(/\s+/);

/** Operators by rule; names are the schema's, with the overload where the rule is for one overload only. */
const RULES = [
  // Elementwise of one tensor.
  ['same same', 'alias clone contiguous detach relu relu6 neg negative positive sign sgn ceil floor round trunc fix'],
  [
    'same same',
    'conj_physical resolve_conj resolve_neg alpha_dropout feature_dropout dropout tril triu flip fliplr flipud roll rot90',
  ],
  [
    'same same',
    'leaky_relu elu selu celu silu mish gelu hardswish hardsigmoid hardtanh log_sigmoid hardshrink softshrink threshold',
  ],
  ['floating same', 'sigmoid tanh sqrt sin cos erf erfc atan arctan sinc digamma lgamma'],
  [
    'any same',
    'abs absolute exp exp2 expm1 log log10 log1p log2 rsqrt reciprocal square tan asin acos sinh cosh softmax.int log_softmax.int',
  ],
  [
    'any same',
    'cumsum cumprod logcumsumexp softplus nan_to_num clamp clamp_min clamp_max clip frac pow.Tensor_Scalar bitwise_not',
  ],
  ['bool same', 'isnan isinf isfinite isposinf isneginf isreal signbit logical_not'],
  [
    'bool same',
    'eq.Scalar ne.Scalar lt.Scalar le.Scalar gt.Scalar ge.Scalar not_equal.Scalar less.Scalar less_equal.Scalar greater.Scalar greater_equal.Scalar',
  ],
  // Two tensors, or a tensor and a number.
  [
    'bool both',
    'eq.Tensor ne.Tensor lt.Tensor le.Tensor gt.Tensor ge.Tensor not_equal.Tensor less.Tensor less_equal.Tensor greater.Tensor greater_equal.Tensor',
  ],
  ['bool both', 'logical_and logical_or logical_xor isclose'],
  [
    'both both',
    'add.Tensor sub.Tensor subtract.Tensor mul.Tensor multiply.Tensor maximum minimum max.other min.other fmax fmin',
  ],
  [
    'number same',
    'add.Scalar sub.Scalar subtract.Scalar mul.Scalar multiply.Scalar div.Scalar divide.Scalar true_divide.Scalar rsub.Scalar',
  ],
  ['quotient both', 'div.Tensor divide.Tensor true_divide.Tensor'],
  ['same same', 'index_fill.int_Scalar'],
  // Creation.
  ['option:float32 size', 'zeros ones empty.memory_format rand rand.generator randn randn.generator'],
  ['option size', 'full'],
  ['option:int64 size', 'randint randint.low randint.generator randint.low_generator'],
  ['option:int64 1', 'randperm randperm.generator'],
  ['option:float32 1', 'linspace logspace'],
  ['option 1', 'arange arange.start arange.start_step'],
  ['option:float32 2', 'eye eye.m'],
  ['option:same same', 'zeros_like ones_like empty_like full_like rand_like randn_like'],
  ['option:same same', 'randint_like randint_like.low_dtype'],
  ['option:same size', 'new_zeros new_ones new_empty new_full'],
  // Casts.
  ['argument same', 'to.dtype to.device'],
  ['option:same same', 'to.dtype_layout _to_copy'],
  ['second same', 'to.other type_as'],
  // Reductions and searches.
  ['same 0', 'max min median nanmedian'],
  ['any 0', 'sum mean prod std var all any norm.Scalar trace dot vdot'],
  ['int64 any', 'argmax argmin count_nonzero'],
  ['int64 same', 'argsort argsort.stable multinomial'],
  ['int64 2', 'nonzero'],
  ['int64 up', 'one_hot'],
  ['same any, int64 any', 'max.dim min.dim median.dim nanmedian.dim mode kthvalue'],
  ['same same, int64 same', 'sort sort.stable topk cummax cummin'],
  // Shape.
  ['same up', 'unsqueeze'],
  ['same down', 'select.int'],
  ['same size', 'reshape view expand broadcast_to'],
  [
    'same any',
    'squeeze squeeze.dim squeeze.dims flatten.using_ints unflatten.int repeat tile ravel embedding take gather masked_fill.Scalar',
  ],
  ['same 1', 'masked_select'],
  [
    'same same',
    'permute transpose.int t swapaxes swapdims movedim.int movedim.intlist moveaxis.int narrow slice.Tensor index_select',
  ],
  ['same same', 'index_copy scatter.value scatter.src'],
  // Linear algebra and layers: under autocast the dtype is another.
  ['any 1', 'mv'],
  ['any 2', 'mm addmm outer ger'],
  ['any 3', 'bmm baddbmm'],
  [
    'any same',
    'conv1d conv2d conv3d conv1d.padding conv2d.padding conv3d.padding conv_transpose2d.input conv_transpose1d conv_transpose3d.input',
  ],
  [
    'any same',
    'max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d',
  ],
  ['any same', 'batch_norm layer_norm group_norm instance_norm'],
];

/** In-place operators that give self another rank: `this` would say something false. */
const CHANGES_RANK =
  /^(unsqueeze_|squeeze_|resize_|resize_as_|resize_as_sparse_|set_|as_strided_|sparse_resize_|sparse_resize_and_clear_|_resize_output_)$/;

const rules = new Map();
for (const [results, names] of RULES)
  for (const name of words(names))
    rules.set(
      name,
      results.split(', ').map((result) => result.split(' ')),
    );

/** Names in the table, for the check that each is an operator. */
export const ruleNames = [...rules.keys()];

const SIZE_ARGUMENTS = ['size', 'shape'];

/**
 * The types of a schema's call where they are known better than `Tensor`, or null.
 * @returns {{ generics: string[], withSelf: string[], parameters: Record<string, string>, returns: string[] } | null}
 *   `generics` of the function and of the method, `withSelf` those that only the function has, types of arguments by name
 */
export function resultTypes(schema) {
  if (isInPlace(schema) && schema.arguments[0].name === 'self' && !CHANGES_RANK.test(schema.name))
    return { generics: [], withSelf: ['T extends Tensor'], parameters: { self: 'T' }, returns: ['self'] };
  const full = `${schema.name}${schema.overload === '' ? '' : `.${schema.overload}`}`;
  const rule = rules.get(full);
  if (rule === undefined) return null;
  const self = schema.arguments[0];
  const generics = [];
  const parameters = {};
  const hasSelf = self.type.base === 'Tensor' && !self.type.list;
  const needsDtype = hasSelf && rule.some(([dtype]) => /same|floating|number|both|quotient/.test(dtype));
  const needsRank = hasSelf && rule.some(([, rank]) => /^(same|up|down|both)$/.test(rank));
  const withSelf = [];
  if (needsDtype) withSelf.push('D extends DType');
  if (needsRank) withSelf.push('R extends number');
  if (needsDtype || needsRank) parameters[self.name] = `Tensor<${needsDtype ? 'D' : 'DType'}${needsRank ? ', R' : ''}>`;
  if (rule.some(([dtype, rank]) => /both|quotient|second/.test(dtype) || rank === 'both')) {
    const both = rule.some(([dtype]) => /both|quotient|second/.test(dtype));
    const ranks = rule.some(([, rank]) => rank === 'both');
    if (both) generics.push('D2 extends DType');
    if (ranks) generics.push('R2 extends number');
    const other = schema.arguments[1];
    parameters[other.name] = `Tensor<${both ? 'D2' : 'DType'}${ranks ? ', R2' : ''}>`;
  }
  const returns = rule.map(([dtype, rank]) => {
    const [kind, fallback] = dtype.split(':');
    let dtypeText = {
      same: 'D',
      floating: 'Floating<D>',
      number: 'WithNumber<D>',
      both: 'Together<D, D2>',
      quotient: 'Floating<Together<D, D2>>',
      second: 'D2',
      any: 'DType',
    }[kind];
    if (kind === 'option') {
      generics.push(
        `E extends DType = ${fallback === undefined ? 'DType' : fallback === 'same' ? 'D' : `'${fallback}'`}`,
      );
      parameters.dtype = 'E | null';
      dtypeText = 'E';
    } else if (kind === 'argument') {
      generics.push('E extends DType');
      parameters.dtype = 'E';
      dtypeText = 'E';
    } else dtypeText ??= `'${kind}'`;
    let rankText =
      { same: 'R', up: 'RankUp<R>', down: 'RankDown<R>', both: 'BroadcastRank<R, R2>', any: 'number' }[rank] ?? rank;
    if (rank === 'size') {
      const size = schema.arguments.find(({ name }) => SIZE_ARGUMENTS.includes(name));
      generics.unshift('const S extends Size');
      parameters[size.name] = 'S';
      rankText = 'RankOf<S>';
    }
    return dtypeText === 'DType' && rankText === 'number'
      ? 'Tensor'
      : `Tensor<${dtypeText}${rankText === 'number' ? '' : `, ${rankText}`}>`;
  });
  if (returns.length !== schema.returns.length)
    throw new Error(`codegen: the rule of ${camelCase(full)} has another number of results`);
  return { generics, withSelf, parameters, returns };
}
