// JSON as specs/06-inference.md, section 1, takes it: what JSON.parse forgives (a member twice, lone surrogates, any depth) is refused.
// Values are checked, then read by JSON.parse.

export class JsonError extends Error {}

const DEPTH_MAX = 64;
const VALUES_MAX = 200_000;
const TOKEN = /[ \t\n\r]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null))/y;
const refuse = (why) => {
  throw new JsonError(why);
};

class Walk {
  constructor(text) {
    this.text = text;
    this.values = 0;
    this.at = 0;
    this.advance();
  }

  advance() {
    TOKEN.lastIndex = this.at;
    const match = TOKEN.exec(this.text);
    this.at = match ? TOKEN.lastIndex : this.at;
    this.token = match && { mark: match[1], string: match[2], scalar: match[3] };
  }

  mark(mark) {
    if (this.token?.mark !== mark) return false;
    this.advance();
    return true;
  }

  string() {
    const text = JSON.parse(this.token?.string ?? refuse("text expected"));
    if (/\p{Surrogate}/u.test(text)) refuse("a lone surrogate");
    this.advance();
    return text;
  }

  value(depth) {
    if (++this.values > VALUES_MAX) refuse("too many values");
    if (depth > DEPTH_MAX) refuse("too deep");
    if (this.mark("{")) return this.object(depth);
    if (this.mark("[")) return this.array(depth);
    if (this.token?.string !== undefined) return void this.string();
    const scalar = this.token?.scalar ?? refuse("no value");
    if (!Number.isFinite(Number(scalar.replace(/true|false|null/, "0")))) refuse("a number beyond doubles");
    this.advance();
  }

  array(depth) {
    if (this.mark("]")) return;
    do this.value(depth + 1);
    while (this.mark(","));
    if (!this.mark("]")) refuse("] expected");
  }

  object(depth) {
    const names = new Set();
    if (this.mark("}")) return;
    do {
      const name = this.string();
      if (names.has(name)) refuse("a member twice");
      names.add(name);
      if (!this.mark(":")) refuse(": expected");
      this.value(depth + 1);
    } while (this.mark(","));
    if (!this.mark("}")) refuse("} expected");
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function parse(bytes) {
  let text;
  try {
    text = utf8.decode(bytes);
  } catch {
    refuse("not UTF-8");
  }
  const walk = new Walk(text);
  walk.value(0);
  if (walk.token || /[^ \t\n\r]/.test(text.slice(walk.at))) refuse("something follows");
  return JSON.parse(text);
}
