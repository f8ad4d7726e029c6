// SPAKE2 over Ed25519's group, as specs/11-discovery-and-enrolment.md, section 3, has it. For tests: BigInts are not constant in time.
import { createHash, hkdfSync } from "node:crypto";
import { concat, equal, textBytes, unhex } from "./encoding.mjs";
import { RecordError } from "./records.mjs";

const Q = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const mod = (value, by = Q) => ((value % by) + by) % by;

function power(base, exponent) {
  let result = 1n;
  for (let square = mod(base); exponent > 0n; exponent >>= 1n, square = mod(square * square)) {
    if (exponent & 1n) result = mod(result * square);
  }
  return result;
}

const inverse = (value) => power(value, Q - 2n);
const D = mod(-121665n * inverse(121666n));
const ROOT = power(2n, (Q - 1n) / 4n);

// --- points, in extended coordinates

const ZERO = [0n, 1n, 1n, 0n];
const affine = (x, y) => [x, y, 1n, mod(x * y)];

function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * D * t1 * t2);
  const d = mod(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function times(point, scalar) {
  let result = ZERO;
  for (let power = point; scalar > 0n; scalar >>= 1n, power = add(power, power)) if (scalar & 1n) result = add(result, power);
  return result;
}

const isZero = ([x, y, z]) => x === 0n && y === z;

const big = (bytes) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const little = (bytes) => big(Uint8Array.from(bytes).reverse());

export function encodePoint([x, y, z]) {
  const scale = inverse(z);
  const number = mod(y * scale) | ((mod(x * scale) & 1n) << 255n);
  return Uint8Array.from(Buffer.from(number.toString(16).padStart(64, "0"), "hex")).reverse();
}

const noElement = (why) => {
  throw new RecordError("spake", why);
};

// An element of the group of order L, but not the neutral one.
export function decodePoint(bytes) {
  const number = little(bytes);
  const y = number & ((1n << 255n) - 1n);
  if (y >= Q) noElement("not canonical");
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n));
  let x = power(square, (Q + 3n) / 8n);
  if (mod(x * x - square) !== 0n) x = mod(x * ROOT);
  if (mod(x * x - square) !== 0n) noElement("no point of the curve");
  if ((x & 1n) !== number >> 255n) x = mod(-x);
  const point = affine(x, y);
  if (isZero(point) || !isZero(times(point, L))) noElement("no element of the group");
  return point;
}

// --- the exchange

const BASE = decodePoint(unhex("5866666666666666666666666666666666666666666666666666666666666666"));
const BLIND = {
  A: decodePoint(unhex("15cfd18e385952982b6a8f8c7854963b58e34388c8e6dae891db756481a02312")),
  B: decodePoint(unhex("f04f2e7eb734b2a8f8b472eaf9c3c632576ac64aea650b496a8a20ff00e583c3")),
};
const sha256 = (...parts) => new Uint8Array(createHash("sha256").update(concat(...parts)).digest());

export class Spake2 {
  // `side`: "A" joins, "B" is the window; `entropy`: 64 bytes.
  constructor(side, password, hosts, entropy) {
    this.password = textBytes(password);
    this.side = side;
    this.hosts = hosts;
    this.scalar = big(entropy) % L;
    this.secret = big(new Uint8Array(hkdfSync("sha256", this.password, new Uint8Array(0), "SPAKE2 pw", 48))) % L;
    this.element = encodePoint(add(times(BASE, this.scalar), times(BLIND[side], this.secret)));
    this.said = concat(textBytes(side), this.element);
  }

  key(heard) {
    const other = this.side === "A" ? "B" : "A";
    if (!equal(heard.slice(0, 1), textBytes(other))) noElement("of the same side");
    const element = heard.slice(1);
    const unblinded = add(decodePoint(element), times(BLIND[other], L - this.secret));
    const shared = encodePoint(times(unblinded, this.scalar));
    const [first, second] = this.side === "A" ? [this.element, element] : [element, this.element];
    const names = [this.password, ...this.hosts.map(textBytes)].map((name) => sha256(name));
    return sha256(...names, first, second, shared);
  }
}
