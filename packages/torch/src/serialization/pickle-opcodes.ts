/** @file The opcodes of pickle (Python's pickletools names), and how its numbers and texts are written. */
import { PickleRefusal } from './pickle-allowed.js';

/** Opcodes of protocols 0 to 5 that plain data needs. */
export const OP = {
  MARK: 0x28,
  STOP: 0x2e,
  POP: 0x30,
  POP_MARK: 0x31,
  DUP: 0x32,
  FLOAT: 0x46,
  INT: 0x49,
  BININT: 0x4a,
  BININT1: 0x4b,
  LONG: 0x4c,
  BININT2: 0x4d,
  NONE: 0x4e,
  PERSID: 0x50,
  BINPERSID: 0x51,
  REDUCE: 0x52,
  STRING: 0x53,
  BINSTRING: 0x54,
  SHORT_BINSTRING: 0x55,
  UNICODE: 0x56,
  BINUNICODE: 0x58,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  DICT: 0x64,
  EMPTY_DICT: 0x7d,
  APPENDS: 0x65,
  GET: 0x67,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  LIST: 0x6c,
  EMPTY_LIST: 0x5d,
  PUT: 0x70,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  EMPTY_TUPLE: 0x29,
  SETITEMS: 0x75,
  BINFLOAT: 0x47,
  BINBYTES: 0x42,
  SHORT_BINBYTES: 0x43,
  PROTO: 0x80,
  NEWOBJ: 0x81,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  LONG4: 0x8b,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  BINBYTES8: 0x8e,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  BYTEARRAY8: 0x96,
} as const;

/** Integers beyond this are no data of ours; reading them takes more than linear time. */
const MAX_LONG_BYTES = 4096;

function shortest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A two's-complement little-endian integer of any length; a number where it is exact. */
export function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  if (bytes.length > MAX_LONG_BYTES) throw new PickleRefusal(`an integer of ${bytes.length} bytes`);
  const digits = Buffer.from(bytes).reverse().toString('hex');
  return shortest(BigInt.asIntN(8 * bytes.length, BigInt(`0x${digits}`)));
}

/** A decimal integer; a number where it is exact. */
export function decodeDecimal(text: string): number | bigint {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw new PickleRefusal('an integer that is none');
  return shortest(BigInt(text.trim().replace(/^\+/, '')));
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8; lone surrogates, which Python writes in its own way, are refused. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new PickleRefusal('text that is no UTF-8');
  }
}

/** Latin-1: one character for each byte. */
export function latin1Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };

/** A Python 2 string literal of protocol 0, `'…'` or `"…"` with escapes. */
export function decodeEscapes(text: string): string {
  const quoted = /^(['"])(.*)\1$/s.exec(text.trim());
  if (quoted === null) throw new PickleRefusal('a text without quotes');
  return quoted[2]!.replace(/\\(x[0-9a-fA-F]{2}|.)/gs, (whole, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? whole),
  );
}
