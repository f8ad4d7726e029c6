// specs/11-discovery-and-enrolment.md: hints, codes, frames and what follows from SPAKE2's key.
import sodium from "./sodium.mjs";
import { EncodingError, concat, decode, digest, encode, textBytes } from "./encoding.mjs";
import { islandKey, verify } from "./keys.mjs";
import { RecordError, islandName, key, listOf, members, sized, upTo, word } from "./records.mjs";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const FRAME_BYTES_MAX = 2 ** 20;
const LIMITS = { bytes: FRAME_BYTES_MAX, depth: 3, items: 8192 };
const NONCE = new Uint8Array(24);

export const hint = (salt, archipelago, island) =>
  sodium.crypto_generichash(16, concat(textBytes("islandrun/hint/1\0"), salt, islandKey(island)), archipelago);

// --- codes

export const windowNumber = (host) => new DataView(digest(textBytes(host)).buffer).getUint32(0) % 100;

export function makeCode(host, entropy) {
  let value = entropy.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  let letters = "";
  for (let place = 0; place < 8; place++, value >>= 5n) letters = CROCKFORD[Number(value & 31n)] + letters;
  return show(String(windowNumber(host)).padStart(2, "0"), letters);
}

const show = (number, letters) => `${number}-${letters.slice(0, 4)}-${letters.slice(4)}`;

export function parseCode(text) {
  const plain = text.replace(/[ -]/g, "").replace(/[a-z]/g, (letter) => letter.toUpperCase())
    .replace(/O/g, "0").replace(/[IL]/g, "1").replace(/U/g, "V");
  const match = /^([0-9]{2})([0-9A-HJKMNP-TV-Z]{8})$/.exec(plain);
  if (!match) throw new RecordError("code", "not NN-XXXX-XXXX");
  return show(match[1], match[2]);
}

// --- frames

const FRAMES = { hello: { spake: sized(33) }, reply: { spake: sized(33) }, details: { sealed: upTo(FRAME_BYTES_MAX) }, welcome: { sealed: upTo(FRAME_BYTES_MAX) } };

const faultless = (where, act) => {
  try {
    return act();
  } catch (error) {
    if (error instanceof EncodingError) throw new RecordError(where, error.message);
    throw error;
  }
};

export const readFrame = (data, kind) =>
  faultless(kind, () => members(decode(data, LIMITS), kind, { t: word(kind), ...FRAMES[kind] }));

export const frame = (kind, fields) => encode(new Map(Object.entries({ t: kind, ...fields })));

export const transcriptOf = (joinerHost, windowHost, spakeA, spakeB) => digest(encode([joinerHost, windowHost, spakeA, spakeB]));

export const keyFor = (use, spakeKey, transcript) =>
  sodium.crypto_generichash(32, concat(textBytes("islandrun/enrolment/1\0"), textBytes(use), transcript), spakeKey);

export const seal = (sealKey, fields, transcript) =>
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(encode(new Map(Object.entries(fields))), transcript, null, NONCE, sealKey);

function unseal(sealKey, sealed, transcript) {
  try {
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, transcript, NONCE, sealKey);
  } catch {
    throw new RecordError("code", "not sealed with this key");
  }
}

const SEALED = {
  details: { name: islandName, public: key, sealing: key, proof: sized(64) },
  welcome: { genesis: upTo(4096), entries: listOf(0, 4096, upTo(4096)) },
};

export function openFrame(data, kind, sealKey, transcript) {
  const plain = unseal(sealKey, readFrame(data, kind).sealed, transcript);
  const opened = faultless(kind, () => members(decode(plain, LIMITS), kind, SEALED[kind]));
  if (kind === "details" && !verify(opened.public, "enrolment", transcript, opened.proof)) throw new RecordError("details.proof", "not signed");
  return opened;
}
