// specs/01-encoding.md, sections 1 to 3: canonical msgpack, its limits, digests and signed bytes.
// nil is null, text a string, bytes a Uint8Array, a list an Array, a map a Map.
import sodium from "./sodium.mjs";

export class EncodingError extends Error {}

export const LIMITS = { bytes: 16384, depth: 8, items: 2048 };
const INTEGER_MAX = Number.MAX_SAFE_INTEGER;
const LONE_SURROGATE = /\p{Surrogate}/u;
const ASCII = /^[\x00-\x7f]*$/;

const utf8 = new TextEncoder();
// ignoreBOM: without it the decoder would swallow a U+FEFF at the start, and text would have two encodings.
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const refuse = (why) => {
  throw new EncodingError(why);
};

export const textBytes = (text) => utf8.encode(text);
export const hex = (bytes) => Buffer.from(bytes).toString("hex");
export const unhex = (text) => new Uint8Array(Buffer.from(text, "hex"));
export const equal = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;
export const concat = (...parts) => new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))));

export function u64be(number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

export const u32be = (number) => u64be(number).slice(4);

// --- writing

function head(number, forms) {
  for (const [max, tag, width] of forms) {
    if (number > max) continue;
    return concat([tag(number)], width ? u64be(number).slice(8 - width) : []);
  }
  return refuse("a length over 32 bits");
}

const fixed = (tag) => () => tag;
const TEXT = [[31, (n) => 0xa0 | n, 0], [0xff, fixed(0xd9), 1], [0xffff, fixed(0xda), 2], [0xffffffff, fixed(0xdb), 4]];
const BYTES = [[0xff, fixed(0xc4), 1], [0xffff, fixed(0xc5), 2], [0xffffffff, fixed(0xc6), 4]];
const LIST = [[15, (n) => 0x90 | n, 0], [0xffff, fixed(0xdc), 2], [0xffffffff, fixed(0xdd), 4]];
const MAP = [[15, (n) => 0x80 | n, 0], [0xffff, fixed(0xde), 2], [0xffffffff, fixed(0xdf), 4]];
const NATURAL = [
  [0x7f, (n) => n, 0], [0xff, fixed(0xcc), 1], [0xffff, fixed(0xcd), 2], [0xffffffff, fixed(0xce), 4], [INTEGER_MAX, fixed(0xcf), 8],
];
const NEGATIVE = [[-32, 0xe0, 0], [-0x80, 0xd0, 1], [-0x8000, 0xd1, 2], [-0x80000000, 0xd2, 4], [-INTEGER_MAX, 0xd3, 8]];

function integer(number) {
  if (!Number.isSafeInteger(number) || Object.is(number, -0)) refuse("no integer within 53 bits");
  if (number >= 0) return head(number, NATURAL);
  const [, tag, width] = NEGATIVE.find(([min]) => number >= min);
  const two = new Uint8Array(8);
  new DataView(two.buffer).setBigInt64(0, BigInt(number));
  return width ? concat([tag], two.slice(8 - width)) : two.slice(7);
}

function text(value) {
  if (LONE_SURROGATE.test(value)) refuse("a surrogate is no character");
  const bytes = textBytes(value);
  return concat(head(bytes.length, TEXT), bytes);
}

export function encode(value) {
  if (value === null) return new Uint8Array([0xc0]);
  if (value === false) return new Uint8Array([0xc2]);
  if (value === true) return new Uint8Array([0xc3]);
  if (typeof value === "number") return integer(value);
  if (typeof value === "string") return text(value);
  if (value instanceof Uint8Array) return concat(head(value.length, BYTES), value);
  if (Array.isArray(value)) return concat(head(value.length, LIST), ...value.map(encode));
  if (value instanceof Map) {
    const keys = [...value.keys()].sort((a, b) => (a < b ? -1 : 1));
    if (!keys.every((key) => typeof key === "string" && ASCII.test(key))) refuse("keys are ASCII text");
    return concat(head(keys.length, MAP), ...keys.flatMap((key) => [text(key), encode(value.get(key))]));
  }
  return refuse(`no such type: ${typeof value}`);
}

// --- reading

class Reader {
  constructor(bytes, limits) {
    this.bytes = bytes;
    this.limits = limits;
    this.at = 0;
    this.items = 0;
  }

  take(count) {
    if (count > this.bytes.length - this.at) refuse("cut short");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  big(width) {
    return this.take(width).reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  }

  natural(width, below) {
    const number = Number(this.big(width));
    if (number <= below) refuse("not the shortest form");
    return number;
  }

  negative(width, from) {
    const number = Number(BigInt.asIntN(8 * width, this.big(width)));
    if (number >= from) refuse("not the shortest form");
    return number;
  }

  integer(number) {
    return Number.isSafeInteger(number) ? number : refuse("over 53 bits");
  }

  text(length) {
    try {
      return strictUtf8.decode(this.take(length));
    } catch (error) {
      if (error instanceof EncodingError) throw error;
      return refuse("not UTF-8");
    }
  }

  list(count, depth) {
    this.open(count, depth);
    return Array.from({ length: count }, () => this.value(depth + 1));
  }

  map(count, depth) {
    this.open(2 * count, depth);
    const map = new Map();
    let before = null;
    for (let pair = 0; pair < count; pair++) {
      const key = this.value(depth + 1);
      if (typeof key !== "string" || !ASCII.test(key)) refuse("keys are ASCII text");
      if (before !== null && key <= before) refuse("keys ascend, each once");
      map.set(key, this.value(depth + 1));
      before = key;
    }
    return map;
  }

  open(children, depth) {
    if (depth >= this.limits.depth) refuse("too deep");
    if (this.items + children > this.limits.items) refuse("too many items");
  }

  value(depth) {
    if (++this.items > this.limits.items) refuse("too many items");
    const tag = this.take(1)[0];
    if (tag <= 0x7f) return tag;
    if (tag <= 0x8f) return this.map(tag & 0x0f, depth);
    if (tag <= 0x9f) return this.list(tag & 0x0f, depth);
    if (tag <= 0xbf) return this.text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return this.take(this.natural(1, -1)).slice();
      case 0xc5: return this.take(this.natural(2, 0xff)).slice();
      case 0xc6: return this.take(this.natural(4, 0xffff)).slice();
      case 0xcc: return this.natural(1, 0x7f);
      case 0xcd: return this.natural(2, 0xff);
      case 0xce: return this.natural(4, 0xffff);
      case 0xcf: return this.integer(this.natural(8, 0xffffffff));
      case 0xd0: return this.negative(1, -32);
      case 0xd1: return this.negative(2, -0x80);
      case 0xd2: return this.negative(4, -0x8000);
      case 0xd3: return this.integer(this.negative(8, -0x80000000));
      case 0xd9: return this.text(this.natural(1, 31));
      case 0xda: return this.text(this.natural(2, 0xff));
      case 0xdb: return this.text(this.natural(4, 0xffff));
      case 0xdc: return this.list(this.natural(2, 15), depth);
      case 0xdd: return this.list(this.natural(4, 0xffff), depth);
      case 0xde: return this.map(this.natural(2, 15), depth);
      case 0xdf: return this.map(this.natural(4, 0xffff), depth);
      default: return refuse("a type that is not used");
    }
  }
}

export function decode(bytes, limits = {}) {
  const bound = { ...LIMITS, ...limits };
  if (bytes.length > bound.bytes) refuse("too many bytes");
  const reader = new Reader(bytes, bound);
  const value = reader.value(0);
  if (reader.at !== bytes.length) refuse("something follows the value");
  return value;
}

// --- hashes and signed bytes

export const digest = (bytes) => sodium.crypto_generichash(32, bytes, null);

export const signingBytes = (domain, body) => concat(textBytes(`islandrun/${domain}/1\0`), u64be(body.length), body);
