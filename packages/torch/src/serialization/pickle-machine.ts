/**
 * @file A pickle virtual machine that can make plain data and nothing else: protocols 0 to 5, without out-of-band buffers.
 * It reads the opcodes one by one; a name outside the allow list ends the reading, so a pickle cannot run anything.
 * Memory is bounded: lengths are checked against what is left of the file, copies against the budget, and the numbers of
 * opcodes (each makes at most one small object) and of containers are limited.
 */
import type { ByteCursor } from './byte-cursor.js';
import { showName } from './checkpoint-error.js';
import { type AllowedGlobal, GlobalReference, PickleRefusal } from './pickle-allowed.js';
import { buildPlain, plainGlobals } from './pickle-globals.js';
import { decodeDecimal, decodeEscapes, decodeLong, decodeUtf8, latin1Text, OP } from './pickle-opcodes.js';
import { isDict, kindOf, PickleTuple, type PickleValue } from './pickle-values.js';

/** A pickle of a real checkpoint has some ten thousand opcodes, of a data set some hundred thousand. */
const MAX_OPCODES = 10_000_000;
const MAX_STRING_BYTES = 2 ** 28;
/** An empty container is one byte of the file and some hundred of memory, an entry of the memo some dozen. */
const MAX_OBJECTS = 1_000_000;

/** What a pickle may name beyond plain data. */
export interface PickleDialect {
  /** Further allowed names, as `module name`. */
  readonly globals?: ReadonlyMap<string, AllowedGlobal>;
  /** Meaning of a persistent id; without it they are refused. */
  readonly persistent?: (id: PickleValue) => PickleValue;
}

/** One run of the machine, from a cursor's position to the STOP that ends the pickle. */
export class PickleMachine {
  #stack: PickleValue[] = [];
  /** The stacks below the marks. */
  readonly #below: PickleValue[][] = [];
  readonly #memo = new Map<number, PickleValue>();
  /** Containers, marks and entries of the memo so far. */
  #numObjects = 0;

  constructor(
    readonly cursor: ByteCursor,
    readonly dialect: PickleDialect,
  ) {}

  /** @throws PickleRefusal for anything that is no plain data; CheckpointError where the file ends early */
  run(): PickleValue {
    const { cursor } = this;
    for (let count = 0; count < MAX_OPCODES; count++) {
      const op = cursor.byte();
      if (op === OP.STOP) {
        const value = this.#pop();
        if (this.#stack.length > 0 || this.#below.length > 0) throw new PickleRefusal('values left over at its end');
        return value;
      }
      this.#execute(op);
    }
    throw new PickleRefusal(`more than ${MAX_OPCODES} opcodes`);
  }

  #countObject(): void {
    if (++this.#numObjects > MAX_OBJECTS)
      throw new PickleRefusal(`more than ${MAX_OBJECTS} containers and references to values`);
  }

  #remember(index: number): void {
    this.#countObject();
    this.#memo.set(index, this.#top());
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw new PickleRefusal('an opcode without its operand');
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw new PickleRefusal('an opcode without its operand');
    return value;
  }

  /** Takes everything above the last mark. */
  #popMark(): PickleValue[] {
    const items = this.#stack;
    const below = this.#below.pop();
    if (below === undefined) throw new PickleRefusal('an opcode without its mark');
    this.#stack = below;
    return items;
  }

  /** Takes the last `count` values as a tuple. */
  #popTuple(count: number): PickleTuple {
    if (this.#stack.length < count) throw new PickleRefusal('an opcode without its operands');
    return new PickleTuple(this.#stack.splice(this.#stack.length - count, count));
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw new PickleRefusal(`something appended to ${kindOf(list)}`);
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!isDict(dict)) throw new PickleRefusal(`entries set in ${kindOf(dict)}`);
    fillDict(dict, items);
  }

  #global(module: string, name: string): GlobalReference {
    const full = `${module} ${name}`;
    const meaning = this.dialect.globals?.get(full) ?? plainGlobals.get(full);
    if (meaning !== undefined) return new GlobalReference(full, meaning);
    throw new PickleRefusal(
      `it names ${showName(`${module}.${name}`)}, which is not on the list of harmless names; nothing was run`,
    );
  }

  #call(): PickleValue {
    const args = this.#pop();
    const callee = this.#pop();
    if (!(callee instanceof GlobalReference)) throw new PickleRefusal(`a call of ${kindOf(callee)}`);
    if (!(args instanceof PickleTuple)) throw new PickleRefusal(`a call of ${callee.name} without arguments`);
    return callee.meaning.call(args.items, this.cursor.budget);
  }

  #persistent(id: PickleValue): PickleValue {
    if (this.dialect.persistent === undefined) throw new PickleRefusal('a persistent id');
    return this.dialect.persistent(id);
  }

  #text(length: number): string {
    return decodeUtf8(this.#bytes(length));
  }

  #latin1(length: number): string {
    return latin1Text(this.#bytes(length));
  }

  #bytes(length: number): Uint8Array {
    if (length > MAX_STRING_BYTES) throw new PickleRefusal(`a text or bytes of length ${length}`);
    const bytes = this.cursor.take(length);
    this.cursor.budget.take(length);
    return bytes;
  }

  #length64(): number {
    const length = this.cursor.uint64();
    if (length > BigInt(MAX_STRING_BYTES)) throw new PickleRefusal(`a text or bytes of length ${length}`);
    return Number(length);
  }

  #line(): string {
    return latin1Text(this.cursor.line());
  }

  #execute(op: number): void {
    const { cursor } = this;
    const stack = this.#stack;
    switch (op) {
      case OP.PROTO: {
        const protocol = cursor.byte();
        if (protocol > 5) throw new PickleRefusal(`protocol ${protocol}`);
        return;
      }
      case OP.FRAME:
        cursor.uint64();
        return;
      case OP.MARK:
        this.#countObject();
        this.#below.push(stack);
        this.#stack = [];
        return;
      case OP.POP:
        if (stack.length > 0) stack.pop();
        else this.#popMark();
        return;
      case OP.POP_MARK:
        this.#popMark();
        return;
      case OP.DUP:
        stack.push(this.#top());
        return;
      case OP.APPEND: {
        const item = this.#pop();
        this.#append([item]);
        return;
      }
      case OP.APPENDS:
        this.#append(this.#popMark());
        return;
      case OP.SETITEM: {
        const value = this.#pop();
        const key = this.#pop();
        this.#setItems([key, value]);
        return;
      }
      case OP.SETITEMS:
        this.#setItems(this.#popMark());
        return;
      case OP.ADDITEMS: {
        const items = this.#popMark();
        const set = this.#top();
        if (!(set instanceof Set)) throw new PickleRefusal(`entries added to ${kindOf(set)}`);
        for (const item of items) set.add(item);
        return;
      }
      case OP.BUILD: {
        const state = this.#pop();
        buildPlain(this.#top(), state, cursor.budget);
        return;
      }
      case OP.PUT:
        this.#remember(Number(decodeDecimal(this.#line())));
        return;
      case OP.BINPUT:
        this.#remember(cursor.byte());
        return;
      case OP.LONG_BINPUT:
        this.#remember(cursor.uint32());
        return;
      case OP.MEMOIZE:
        this.#remember(this.#memo.size);
        return;
      default: {
        const value = this.#make(op);
        if (typeof value === 'object' && value !== null) this.#countObject();
        this.#stack.push(value);
      }
    }
  }

  /** The value that an opcode pushes. */
  #make(op: number): PickleValue {
    const { cursor } = this;
    switch (op) {
      case OP.NONE:
        return null;
      case OP.NEWTRUE:
        return true;
      case OP.NEWFALSE:
        return false;
      case OP.BININT:
        return cursor.int32();
      case OP.BININT1:
        return cursor.byte();
      case OP.BININT2:
        return cursor.uint16();
      case OP.LONG1:
        return decodeLong(cursor.take(cursor.byte()));
      case OP.LONG4:
        return decodeLong(cursor.take(cursor.uint32()));
      case OP.INT: {
        const text = this.#line();
        // protocol 0 writes True and False so
        if (text === '00' || text === '01') return text === '01';
        return decodeDecimal(text);
      }
      case OP.LONG:
        return decodeDecimal(this.#line().replace(/L$/, ''));
      case OP.FLOAT: {
        const text = this.#line();
        const value = Number(text.replace(/^([+-]?)inf$/, '$1Infinity'));
        if (text.trim() === '' || (Number.isNaN(value) && !/^[+-]?nan$/.test(text)))
          throw new PickleRefusal(`a number ${showName(text)}`);
        return value;
      }
      case OP.BINFLOAT:
        return cursor.float64BigEndian();
      case OP.STRING:
        return decodeEscapes(this.#line());
      case OP.UNICODE:
        return decodeUtf8(cursor.line());
      case OP.SHORT_BINSTRING:
        return this.#latin1(cursor.byte());
      case OP.BINSTRING: {
        const length = cursor.int32();
        if (length < 0) throw new PickleRefusal(`a text of length ${length}`);
        return this.#latin1(length);
      }
      case OP.SHORT_BINUNICODE:
        return this.#text(cursor.byte());
      case OP.BINUNICODE:
        return this.#text(cursor.uint32());
      case OP.BINUNICODE8:
        return this.#text(this.#length64());
      case OP.SHORT_BINBYTES:
        return this.#bytes(cursor.byte());
      case OP.BINBYTES:
        return this.#bytes(cursor.uint32());
      case OP.BINBYTES8:
      case OP.BYTEARRAY8:
        return this.#bytes(this.#length64());
      case OP.EMPTY_LIST:
        return [];
      case OP.LIST:
        return this.#popMark();
      case OP.EMPTY_TUPLE:
        return new PickleTuple([]);
      case OP.TUPLE:
        return new PickleTuple(this.#popMark());
      case OP.TUPLE1:
        return this.#popTuple(1);
      case OP.TUPLE2:
        return this.#popTuple(2);
      case OP.TUPLE3:
        return this.#popTuple(3);
      case OP.EMPTY_DICT:
        return new Map();
      case OP.DICT:
        return fillDict(new Map(), this.#popMark());
      case OP.EMPTY_SET:
        return new Set();
      case OP.FROZENSET:
        return new Set(this.#popMark());
      case OP.GET:
        return this.#recall(Number(decodeDecimal(this.#line())));
      case OP.BINGET:
        return this.#recall(cursor.byte());
      case OP.LONG_BINGET:
        return this.#recall(cursor.uint32());
      case OP.GLOBAL: {
        const module = this.#line();
        return this.#global(module, this.#line());
      }
      case OP.STACK_GLOBAL: {
        const name = this.#pop();
        const module = this.#pop();
        if (typeof name !== 'string' || typeof module !== 'string') throw new PickleRefusal('a name that is no text');
        return this.#global(module, name);
      }
      case OP.REDUCE:
      case OP.NEWOBJ:
        return this.#call();
      case OP.PERSID:
        return this.#persistent(this.#line());
      case OP.BINPERSID:
        return this.#persistent(this.#pop());
      default:
        throw new PickleRefusal(`the opcode 0x${op.toString(16).padStart(2, '0')}`);
    }
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw new PickleRefusal('a reference to nothing');
    return value;
  }
}

function fillDict(dict: Map<PickleValue, PickleValue>, items: readonly PickleValue[]): Map<PickleValue, PickleValue> {
  if (items.length % 2 !== 0) throw new PickleRefusal('a key without a value');
  for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  return dict;
}
