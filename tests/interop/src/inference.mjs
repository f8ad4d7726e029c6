// specs/06-inference.md: ask and answer frames, and their order.
import { EncodingError, decode, equal } from "./encoding.mjs";
import { FRAME_BYTES_MAX } from "./envelope.mjs";
import { HIDDEN, RecordError, members, number, orNil, sized, word, words } from "./records.mjs";
import { JsonError, parse } from "./strict_json.mjs";

const CHAT_BYTES_MAX = 8 * 2 ** 20;
const refuse = (field, why) => {
  throw new RecordError(field, why);
};

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const bytes = (value, field) => (value instanceof Uint8Array ? value : refuse(field, "not bytes"));

function json(value, field) {
  try {
    return parse(value);
  } catch (error) {
    if (error instanceof JsonError) return refuse(field, error.message);
    throw error;
  }
}

function chat(value, field) {
  if (bytes(value, field).length > CHAT_BYTES_MAX) refuse(`${field}.body`, "too long");
  const body = json(value, `${field}.body`);
  if (!isObject(body)) refuse(`${field}.body`, "not an object");
  const { model, messages } = body;
  if (typeof model !== "string" || model === "" || [...model].length > 256) refuse(`${field}.model`, "not 1 to 256 characters");
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isObject)) refuse(`${field}.messages`, "at least one");
  return value;
}

const extra = (value, field) => {
  if (bytes(value, field).length > 0 && !isObject(json(value, field))) refuse(field, "not a JSON object");
  return value;
};

const text = (value, field) => (typeof value === "string" ? value : refuse(field, "not text"));

const name = (max) => (value, field) =>
  typeof value === "string" && value.length <= max && /^[a-z][a-z0-9_]*$/.test(value) ? value : refuse(field, "not a word");

const line = (value, field) =>
  typeof value === "string" && Buffer.byteLength(value) <= 512 && !HIDDEN.test(value) ? value : refuse(field, "not one printable line");

const bounded = (least, most) => (value, field) =>
  typeof value === "string" && Buffer.byteLength(value) >= least && Buffer.byteLength(value) <= most ? value : refuse(field, "not such a text");

const lineOf = (most) => (value, field) => (HIDDEN.test(bounded(0, most)(value, field)) ? refuse(field, "not one printable line") : value);

function frame(data, bytesMax, where, kinds) {
  let fields;
  try {
    fields = decode(data, { bytes: bytesMax, depth: 1, items: 32 });
  } catch (error) {
    if (error instanceof EncodingError) refuse(where, error.message);
    throw error;
  }
  if (!(fields instanceof Map)) refuse(where, "not a map");
  const kind = fields.get("t");
  if (!Object.hasOwn(kinds, kind)) refuse(`${where}.t`, "unknown");
  return members(fields, where, { t: word(kind), ...kinds[kind] });
}

export function readAsk(data, requestId) {
  const id = (value, field) => (equal(sized(16)(value, field), requestId) ? value : refuse(field, "not the envelope's"));
  const passages = { id, collection: sized(16), question: bounded(1, 16_384), most: number(1, 16) };
  const ask = { id, model: words(1024), chat, max_output_tokens: number(1, 1_000_000), collection: orNil(sized(16)) };
  return frame(data, FRAME_BYTES_MAX.ask, "ask", { ask, passages });
}

const TOKENS = number(0, 1e9);
const ANSWERS = {
  started: { model: words(1024) },
  delta: { content: text, extra, index: number(0, 7) },
  finished: { reason: name(32), prompt: TOKENS, completion: TOKENS, cached: TOKENS },
  failed: { failure: word("not_connected", "refused", "ambiguous"), code: name(64), detail: line },
};

export const readAnswer = (data) => frame(data, FRAME_BYTES_MAX.answer, "answer", ANSWERS);

const PASSAGES = {
  found: { label: word("public", "internal", "confidential", "restricted"), passages: number(0, 16) },
  passage: { file: lineOf(1_024), place: lineOf(1_024), text: bounded(0, 8_192) },
  failed: ANSWERS.failed,
};

export const readPassages = (data) => frame(data, 16_384, "passages", PASSAGES);

// Section 5: what was announced, then the end.
export class Passages {
  left = null; // how many are to come; nothing was said yet

  constructor(most) {
    this.most = most;
  }

  on(frameOrEnd) {
    const wrong = () => refuse("passages.t", "out of order");
    if (this.left === null && frameOrEnd?.t === "found" && frameOrEnd.passages <= this.most) this.left = frameOrEnd.passages;
    else if (this.left === null && frameOrEnd?.t === "failed") this.left = 0;
    else if (frameOrEnd?.t === "passage" && this.left > 0) this.left -= 1;
    else if (!(frameOrEnd === null && this.left === 0)) wrong();
  }
}

// Section 4: which kinds may come next; `null` is the envelope's end.
const ORDER = {
  begin: { started: "going", failed: "over" },
  going: { delta: "going", finished: "over", failed: "over" },
  over: { null: "whole" },
};

export class Answer {
  state = "begin";

  on(frameOrEnd) {
    this.state = ORDER[this.state]?.[frameOrEnd === null ? null : frameOrEnd.t] ?? refuse("answer.t", "out of order");
  }
}
