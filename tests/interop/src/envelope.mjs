// specs/05-envelope.md: handshake, keys, and reading either direction of the sealed stream.
import sodium from "./sodium.mjs";
import { EncodingError, concat, decode, digest, encode, equal, hex, textBytes } from "./encoding.mjs";
import { KeyError, exchange, exchangePublic, islandId } from "./keys.mjs";
import { RecordError, key, members, number, sized } from "./records.mjs";

const HEADER_BYTES_MAX = 512;
const EXPIRES_IN_S = 120;
const BEHIND_S_MAX = 120;
const AHEAD_S_MAX = 240;
const STREAM_HEADER_BYTES = 24;
const STEP = 64;
const OVERHEAD = 17;
const PLAIN_BYTES_MAX = 65_536;
const PART_BYTES = PLAIN_BYTES_MAX - 5;
export const FRAME_BYTES_MAX = { ask: 8 * 2 ** 20 + 4096, answer: 2 ** 20 };
const PART = 0, LAST = 1, CREDIT = 2, CANCEL = 3;
const CONTEXT = textBytes("islandrun/envelope/1\0");

const refuse = (field, why = "refused") => {
  throw new RecordError(`envelope.${field}`, why);
};

// --- handshake

export const prekeyId = (prekey) => digest(prekey).slice(0, 8);

export function header({ id, sender, recipient, prekey, ephemeral, now_s }) {
  const fields = { v: 1, id, sender, recipient, prekey_id: prekeyId(prekey), ephemeral, expiry_s: now_s + EXPIRES_IN_S };
  return encode(new Map(Object.entries(fields)));
}

export const transcriptOf = (headerBytes, senderSealing, recipientSealing, prekey) =>
  digest(concat(CONTEXT, headerBytes, senderSealing, recipientSealing, prekey));

export function keysOf(exchanges, transcript) {
  const master = digest(concat(CONTEXT, ...exchanges, transcript));
  const derived = (use) => sodium.crypto_generichash(32, textBytes(use), master);
  return { ask: derived("ask"), answer: derived("answer") };
}

function readHeader(bytes) {
  let fields;
  try {
    fields = decode(bytes, { bytes: HEADER_BYTES_MAX });
  } catch (error) {
    if (error instanceof EncodingError) refuse("header", error.message);
    throw error;
  }
  return members(fields, "envelope.header", {
    v: number(1, 1), id: sized(16), sender: key, recipient: key, prekey_id: sized(8), ephemeral: key, expiry_s: number(),
  });
}

// The island's end: what it knows, what Noise has shown of the peer, and the bytes that came.
export function openAsk({ bytes, island, sealing, prekeys, peer, sealingOf, now_s, seen }) {
  const reader = new Bytes(bytes);
  const size = reader.u32();
  if (size > HEADER_BYTES_MAX) refuse("header", "too long");
  const headerBytes = reader.take(size);
  const said = readHeader(headerBytes);
  if (!equal(said.recipient, island)) refuse("header.recipient");
  if (islandId(said.sender) !== peer) refuse("header.sender");
  const prekey = prekeys.find((each) => equal(prekeyId(exchangePublic(each)), said.prekey_id)) ?? refuse("header.prekey_id");
  const senderSealing = sealingOf(peer) ?? refuse("header.sender", "no live member");
  const exchanges = nonzero(() => [exchange(prekey, said.ephemeral), exchange(sealing, said.ephemeral), exchange(prekey, senderSealing)]);
  if (said.expiry_s < now_s - BEHIND_S_MAX || said.expiry_s > now_s + AHEAD_S_MAX) refuse("header.expiry_s");
  const once = hex(concat(said.id, said.ephemeral));
  if (seen.has(once)) refuse("header.id", "seen before");
  seen.add(once);
  const transcript = transcriptOf(headerBytes, senderSealing, exchangePublic(sealing), exchangePublic(prekey));
  const keys = keysOf(exchanges, transcript);
  return { id: said.id, keys, transcript, ...readStream(reader, keys.ask, transcript, { side: "ask", sent: 0 }) };
}

function nonzero(act) {
  try {
    return act();
  } catch (error) {
    if (error instanceof KeyError) refuse("key", error.message);
    throw error;
  }
}

// --- chunks

class Bytes {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get left() {
    return this.bytes.length - this.at;
  }

  take(count) {
    if (count > this.left) refuse("end", "cut");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  u32() {
    return this.take(4).reduce((sum, byte) => sum * 256 + byte, 0);
  }
}

function openChunk(plain) {
  const kind = plain[0];
  if (kind > CANCEL) refuse("chunk.kind");
  const size = new DataView(plain.buffer, plain.byteOffset).getUint32(1);
  const whole = 5 + size;
  const padded = Math.ceil(whole / STEP) * STEP;
  if (padded !== plain.length || plain.subarray(whole).some((byte) => byte !== 0)) refuse("chunk.padding");
  return { kind, payload: plain.subarray(5, whole) };
}

// Everything of one direction, until the stream ends. `sent`: bytes of data chunks that this end has sent itself.
export function readStream(reader, streamKey, transcript, { side, sent }) {
  const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(reader.take(STREAM_HEADER_BYTES), streamKey);
  const frames = [];
  let parts = [];
  let granted = 0;
  for (;;) {
    const length = reader.u32();
    if (length > PLAIN_BYTES_MAX + OVERHEAD || length < STEP + OVERHEAD || (length - OVERHEAD) % STEP !== 0) refuse("chunk.length");
    const opened = sodium.crypto_secretstream_xchacha20poly1305_pull(state, reader.take(length), transcript);
    if (!opened) refuse("chunk", "not what was sealed");
    const final = opened.tag === sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    if (!final && opened.tag !== sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE) refuse("chunk.tag");
    const { kind, payload } = openChunk(opened.message);
    let cancelled = false;
    if (kind === PART && payload.length !== PART_BYTES) refuse("frame", "a part fills its chunk");
    if (kind === PART || kind === LAST) parts.push(payload);
    if (parts.reduce((sum, part) => sum + part.length, 0) > FRAME_BYTES_MAX[side]) refuse("frame", "too long");
    if (kind === LAST) frames.push(concat(...parts.splice(0)));
    if (kind === CREDIT) granted += credit(payload, sent - granted);
    if (kind === CANCEL) {
      if (side !== "ask" || !final || payload.length > 0) refuse("cancel");
      cancelled = true;
    }
    if (!final) continue;
    if (reader.left > 0) refuse("end", "bytes after the final chunk");
    if (!cancelled && kind !== LAST) refuse("end", "the final chunk ends no frame");
    return { frames, cancelled, granted };
  }
}

function credit(payload, most) {
  if (payload.length !== 4) refuse("credit");
  const count = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
  return count >= 1 && count <= most ? count : refuse("credit");
}

export const openAnswer = (bytes, keys, transcript, sent) => readStream(new Bytes(bytes), keys.answer, transcript, { side: "answer", sent });

// --- sealing

export class Sealer {
  constructor(streamKey, transcript) {
    const { state, header: start } = sodium.crypto_secretstream_xchacha20poly1305_init_push(streamKey);
    this.state = state;
    this.start = start;
    this.transcript = transcript;
  }

  chunk(kind, payload, final) {
    const plain = new Uint8Array(Math.ceil((5 + payload.length) / STEP) * STEP);
    plain[0] = kind;
    new DataView(plain.buffer).setUint32(1, payload.length);
    plain.set(payload, 5);
    const { crypto_secretstream_xchacha20poly1305_TAG_FINAL: FINAL, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE: MESSAGE } = sodium;
    const sealed = sodium.crypto_secretstream_xchacha20poly1305_push(this.state, plain, this.transcript, final ? FINAL : MESSAGE);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, sealed.length);
    return concat(length, sealed);
  }

  frame(bytes, final = false) {
    const chunks = [];
    for (let at = 0; bytes.length - at > PART_BYTES; at += PART_BYTES) chunks.push(this.chunk(PART, bytes.subarray(at, at + PART_BYTES), false));
    const rest = bytes.subarray(chunks.length * PART_BYTES);
    return concat(...chunks, this.chunk(LAST, rest, final));
  }

  cancel() {
    return this.chunk(CANCEL, new Uint8Array(0), true);
  }
}
