// specs/01-encoding.md, sections 4 to 6: signatures, exchanges, island ids, fingerprints.
import sodium from "./sodium.mjs";
import { concat, signingBytes } from "./encoding.mjs";

export class KeyError extends Error {
  constructor(message, group = null) {
    super(message);
    this.group = group;
  }
}

// --- signatures and exchanges

export const verify = (publicKey, domain, body, signature) => verifyMessage(publicKey, signingBytes(domain, body), signature);

// Plain Ed25519, without a domain.
export function verifyMessage(publicKey, message, signature) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return sodium.crypto_sign_verify_detached(signature, message, publicKey);
}

export const signer = (seed) => {
  const pair = sodium.crypto_sign_seed_keypair(seed);
  return {
    public: pair.publicKey,
    island: islandId(pair.publicKey),
    sign: (domain, body) => sodium.crypto_sign_detached(signingBytes(domain, body), pair.privateKey),
  };
};

export function exchange(secret, publicKey) {
  let shared;
  try {
    shared = sodium.crypto_scalarmult(secret, publicKey);
  } catch {
    throw new KeyError("a point of small order");
  }
  if (shared.every((byte) => byte === 0)) throw new KeyError("a point of small order");
  return shared;
}

export const exchangePublic = (secret) => sodium.crypto_scalarmult_base(secret);

// --- island ids

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const PEER_PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
const ISLAND_CHARACTERS = 52;

export function islandId(publicKey) {
  const bytes = concat(PEER_PREFIX, publicKey);
  let number = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  let text = "";
  for (; number > 0n; number /= 58n) text = BASE58[Number(number % 58n)] + text;
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return "1".repeat(zeros) + text;
}

export function islandKey(island) {
  if (island.length !== ISLAND_CHARACTERS) throw new KeyError("an island id has 52 characters");
  let number = 0n;
  for (const character of island) {
    const value = BASE58.indexOf(character);
    if (value < 0) throw new KeyError("not base 58");
    number = number * 58n + BigInt(value);
  }
  // All but the first byte, which is zero and the "1" at the front, fit in 37 bytes.
  const digits = number.toString(16).padStart(76, "0");
  if (digits.length > 76) throw new KeyError("not the id of an Ed25519 key");
  const bytes = new Uint8Array(Buffer.from(digits, "hex"));
  if (PEER_PREFIX.some((byte, at) => bytes[at] !== byte)) throw new KeyError("not the id of an Ed25519 key");
  const key = bytes.slice(PEER_PREFIX.length);
  if (islandId(key) !== island) throw new KeyError("not the one form of this id");
  return key;
}

// --- fingerprints

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUPS = 9;
const GROUP = 6;
const PADDING_BITS = 14n;

const timesX = (value) => (value & 16 ? ((value << 1) ^ 0b100101) & 31 : value << 1);

// Horner's rule: the first of the six values is multiplied by x six times, the last once.
const checkValue = (values) => values.reduce((sum, value) => timesX(sum ^ value), 0);

export function fingerprint(publicKey) {
  const bits = BigInt(`0x${Buffer.from(publicKey).toString("hex")}`) << PADDING_BITS;
  const groups = Array.from({ length: GROUPS }, (_, group) => {
    const values = Array.from({ length: GROUP }, (_, at) => {
      const place = GROUPS * GROUP - 1 - (group * GROUP + at);
      return Number((bits >> BigInt(5 * place)) & 31n);
    });
    return [...values, checkValue(values)].map((value) => CROCKFORD[value]).join("");
  });
  return groups.join("-");
}

export function parseFingerprint(text) {
  if (!/^[\x20-\x7e]*$/.test(text)) throw new KeyError("not ASCII");
  const characters = text.replace(/[- ]/g, "").replace(/[a-z]/g, (letter) => letter.toUpperCase())
    .replace(/O/g, "0").replace(/[IL]/g, "1");
  if (characters.length !== GROUPS * (GROUP + 1)) throw new KeyError("nine groups of seven characters");
  let bits = 0n;
  for (let group = 0; group < GROUPS; group++) {
    const values = [...characters.slice(group * 7, group * 7 + 7)].map((character) => CROCKFORD.indexOf(character));
    const check = values.pop();
    if (check < 0 || values.some((value) => value < 0) || checkValue(values) !== check) {
      throw new KeyError(`group ${group + 1} is mistyped`, group + 1);
    }
    for (const value of values) bits = (bits << 5n) | BigInt(value);
  }
  if (bits & ((1n << PADDING_BITS) - 1n)) throw new KeyError("its last bits are not zero", GROUPS);
  return new Uint8Array(Buffer.from((bits >> PADDING_BITS).toString(16).padStart(64, "0"), "hex"));
}
