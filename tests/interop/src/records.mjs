// specs/02-records.md: the signed form, and the five kinds of record.
import { EncodingError, decode, digest, encode, equal, hex } from "./encoding.mjs";
import { verify } from "./keys.mjs";

export class RecordError extends Error {
  constructor(field, why) {
    super(`${field}: ${why}`);
    this.field = field;
  }
}

const refuse = (field, why) => {
  throw new RecordError(field, why);
};

// --- what a member may be; each takes the value and the field's name

export const sized = (length) => (value, field) =>
  value instanceof Uint8Array && value.length === length ? value : refuse(field, `not ${length} bytes`);

export const upTo = (most) => (value, field) =>
  value instanceof Uint8Array && value.length <= most ? value : refuse(field, `not at most ${most} bytes`);

export const number = (min = 0, max = Number.MAX_SAFE_INTEGER) => (value, field) =>
  typeof value === "number" && value >= min && value <= max ? value : refuse(field, `not from ${min} to ${max}`);

export const key = sized(32);
export const hash = sized(32);
export const boolean = (value, field) => (typeof value === "boolean" ? value : refuse(field, "not a boolean"));
export const word = (...words) => (value, field) => (words.includes(value) ? value : refuse(field, `not of ${words}`));
export const orNil = (rule) => (value, field) => (value === null ? null : rule(value, field));

export const listOf = (min, max, rule) => (value, field) => {
  if (!Array.isArray(value)) refuse(field, "not a list");
  if (value.length < min || value.length > max) refuse(field, `not ${min} to ${max} of them`);
  return value.map((item, at) => rule(item, `${field}[${at}]`));
};

// A list of so many places, each with its own rule; faults are named by place.
export const tuple = (...rules) => (value, field) => {
  if (!Array.isArray(value) || value.length !== rules.length) refuse(field, `not a list of ${rules.length}`);
  return value.map((item, at) => rules[at](item, `${field}.${at}`));
};

export const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]/;

export const text = ({ min = 0, without = "" } = {}) => (value, field) => {
  if (typeof value !== "string") refuse(field, "not text");
  const length = [...value].length;
  if (length < min || length > 64) refuse(field, `not ${min} to 64 characters`);
  if (value !== value.normalize("NFC")) refuse(field, "not normal form C");
  if (value !== value.trim()) refuse(field, "white space at an end");
  if (HIDDEN.test(value)) refuse(field, "a hidden character");
  if ([...without].some((character) => value.includes(character))) refuse(field, `one of ${without}`);
  return value;
};

export const islandName = text({ min: 1, without: "/@~" });

export const words = (bytesMax) => (value, field) =>
  typeof value === "string" && Buffer.byteLength(value) <= bytesMax ? value : refuse(field, `not text of ${bytesMax} bytes`);

export const printable = (max) => (value, field) =>
  typeof value === "string" && value.length <= max && /^[\x20-\x7e]+$/.test(value) ? value : refuse(field, "not printable ASCII");

export function members(value, where, rules) {
  if (!(value instanceof Map)) refuse(where, "not a map");
  for (const name of value.keys()) if (!Object.hasOwn(rules, name)) refuse(`${where}.${name}`, "unknown");
  const record = {};
  for (const [name, rule] of Object.entries(rules)) {
    if (!value.has(name)) refuse(`${where}.${name}`, "missing");
    record[name] = rule(value.get(name), `${where}.${name}`);
  }
  return record;
}

// --- the five kinds

const OFFER = [
  ["model", printable(128)],
  ["context_tokens", number(1, 1e8)],
  ["slots", number(1, 4096)],
  ["tokens_per_s", number(0, 1e6)],
  ["ttft_ms", number(0, 3_600_000)],
  ["origin", word("embedded", "loopback", "configured")],
  ["tools", boolean],
];

const offer = (value, field) => {
  if (!Array.isArray(value) || value.length !== OFFER.length) refuse(field, `not ${OFFER.length} members`);
  return Object.fromEntries(OFFER.map(([name, rule], at) => [name, rule(value[at], `${field}.${name}`)]));
};

const different = (items, field, name = hex) => {
  if (new Set(items.map(name)).size !== items.length) refuse(field, "one is there twice");
};

const follows = (record, where) => {
  if (record.sequence === 1 && !equal(record.previous, record.archipelago)) refuse(`${where}.previous`, "the first follows the genesis");
};

const LIFETIME = number(1, 900_000);
const YEAR_S = 366 * 86_400;

export const KINDS = {
  genesis: {
    bytes: 2048,
    depth: 2,
    rules: { signers: listOf(1, 16, key), recovery: key, created_s: number() },
    check: (record) => different(record.signers, "genesis.signers"),
    authors: (record) => record.signers,
  },
  certificate: {
    bytes: 3072,
    depth: 2,
    rules: {
      archipelago: hash, issuer: key, subject: key, sequence: number(1), previous: hash, sealing: key,
      name: islandName, person: text({ min: 1 }), ceiling: word("personal", "edge"), signer: boolean,
      jurisdiction: text(), grants: listOf(0, 64, sized(16)), spend_share: orNil(number()), not_before_s: number(), expires_s: number(),
    },
    check: (record) => {
      follows(record, "certificate");
      const grants = record.grants.map(hex);
      if (grants.some((grant, at) => at > 0 && grant <= grants[at - 1])) refuse("certificate.grants", "not ascending, each once");
      const span = record.expires_s - record.not_before_s;
      if (span < 1 || span > YEAR_S) refuse("certificate.expires_s", "not within 366 days of the start");
    },
    authors: (record) => [record.issuer],
  },
  revocation: {
    bytes: 512,
    depth: 2,
    rules: { archipelago: hash, issuer: key, subject: key, sequence: number(1), previous: hash, keep: number(), made_s: number() },
    check: (record) => follows(record, "revocation"),
    authors: (record) => [record.issuer],
  },
  statement: {
    bytes: 4096,
    depth: 3,
    rules: {
      subject: key, boot: number(), sequence: number(), lifetime_ms: LIFETIME, prekey: key, offers: listOf(0, 64, offer),
      battery: orNil(number(0, 100)),
    },
    check: (record) => different(record.offers, "statement.offers", (each) => each.model),
    authors: (record) => [record.subject],
  },
  observation: {
    bytes: 512,
    depth: 2,
    rules: {
      observer: key, subject: key, boot: number(), sequence: number(), lifetime_ms: LIFETIME,
      finding: word("reachable", "unreachable"), subject_boot: number(), subject_sequence: number(),
    },
    check: (record) => {
      if (equal(record.observer, record.subject)) refuse("observation.subject", "nobody observes itself");
    },
    authors: (record) => [record.observer],
  },
};

export const RECORD_BYTES_MAX = 4096;
const signature = sized(64);

// Size, structure and bounds; the signatures are left to `signed`, so that cheap questions can come between.
export function openUnverified(raw) {
  const envelope = members(decode(raw, { bytes: RECORD_BYTES_MAX, depth: 2 }), "record", {
    kind: word(...Object.keys(KINDS)),
    body: (value, field) => (value instanceof Uint8Array ? value : refuse(field, "not bytes")),
    signatures: listOf(0, 16, signature),
  });
  const kind = KINDS[envelope.kind];
  if (raw.length > kind.bytes) throw new EncodingError("too many bytes");
  const fields = decode(envelope.body, { bytes: kind.bytes, depth: kind.depth });
  const record = members(fields, envelope.kind, kind.rules);
  kind.check(record);
  const authors = kind.authors(record);
  if (envelope.signatures.length !== authors.length) refuse(`${envelope.kind}.signatures`, "one for each author");
  return { kind: envelope.kind, record, fields, raw, hash: digest(raw), body: envelope.body, signatures: envelope.signatures, authors };
}

export const signed = (opened) =>
  opened.authors.every((author, at) => verify(author, opened.kind, opened.body, opened.signatures[at]));

export function open(raw) {
  const opened = openUnverified(raw);
  if (!signed(opened)) refuse(`${opened.kind}.signatures`, "not signed by its author");
  return opened;
}

export function seal(kind, fields, ...signers) {
  const body = encode(fields);
  const signatures = signers.map((each) => each.sign(kind, body));
  return encode(new Map(Object.entries({ kind, body, signatures })));
}
