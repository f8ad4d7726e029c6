// specs/07-dissemination.md, sections 2 and 6: frames, questions and answers, and the seeded chance.
import { EncodingError, decode, digest, encode } from "./encoding.mjs";
import { LEVELS } from "./policy.mjs";
import { RecordError, boolean, hash, key, listOf, members, number, orNil, sized, tuple, upTo, word, words } from "./records.mjs";
import { headsOf, once, wireHeads } from "./session.mjs";
import { islandKey } from "./keys.mjs";

const CONTENT_BYTES_MAX = 12_288;
const nonce = number(0, 2 ** 32 - 1);
const states = (value, field) => once(listOf(0, 256, tuple(key, number(), number()))(value, field), field);
const content = upTo(CONTENT_BYTES_MAX);

const FRAMES = {
  summary: { hash },
  log_digest: { heads: headsOf(128), reply: boolean },
  state_digest: { states, low: upTo(32), high: upTo(32), reply: boolean },
  records: { raws: listOf(0, 128, upTo(4096)) },
  ping: { nonce },
  ack: { nonce },
  ping_request: { nonce, target: key },
  question: { id: nonce, content },
  answer: { id: nonce, content },
};

const COUNT = number(0, 1_000_000);
const DAY = number(0, 2 ** 31 - 1);
const SHARE = upTo(512);
const QUESTIONS = {
  load: {}, collections: {}, grant: { collection: sized(16), person: words(256) },
  lease: { provider: words(64), day: DAY, known: number(), need: number(), wish: number() },
  recall: { provider: words(64), day: DAY },
  return: { returned: SHARE },
};
const ANSWERS = {
  load: { models: listOf(0, 64, tuple(words(128), COUNT, COUNT)) },
  collections: { collections: listOf(0, 64, tuple(sized(16), words(64), word(...LEVELS), hash)) },
  grant: { islands: orNil(COUNT) },
  lease: { lease: orNil(SHARE) },
  recall: { returned: orNil(SHARE) },
  return: { noted: number() },
};

function read(data, limits, where, kinds) {
  let fields;
  try {
    fields = decode(data, limits);
  } catch (error) {
    if (error instanceof EncodingError) throw new RecordError(where, error.message);
    throw error;
  }
  if (!(fields instanceof Map)) throw new RecordError(where, "not a map");
  const kind = word(...Object.keys(kinds))(fields.get("t"), `${where}.t`);
  return members(fields, where, { t: word(kind), ...kinds[kind] });
}

export const readFrame = (data) => read(data, { bytes: 16_384, depth: 3, items: 2048 }, "sync", FRAMES);
const INNER = { bytes: CONTENT_BYTES_MAX, depth: 3, items: 512 };
export const readQuestion = (data) => read(data, INNER, "question", QUESTIONS);
export const readAnswer = (data) => read(data, INNER, "answer", ANSWERS);

// What a frame's value was, as a map again.
const wire = (value) => (value === null || typeof value !== "object" || value instanceof Uint8Array || Array.isArray(value) ? value : new Map(Object.entries(value)));
export const write = (frame) => encode(wire(frame));

export const wireStates = (known) =>
  Object.entries(known).map(([island, [boot, sequence]]) => [islandKey(island), boot, sequence])
    .sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));

export const summary = (heads, known) => write({ t: "summary", hash: digest(encode([wireHeads(heads), wireStates(known)])) });

// splitmix64
export class Chance {
  constructor(seed) {
    this.state = BigInt(seed);
  }

  below(bound) {
    const mask = (1n << 64n) - 1n;
    this.state = (this.state + 0x9e3779b97f4a7c15n) & mask;
    let mixed = ((this.state ^ (this.state >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
    return Number((mixed ^ (mixed >> 31n)) % BigInt(bound));
  }
}
