// How vectors write values, and how a case that fails is told.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { hex, unhex } from "./encoding.mjs";

export const VECTORS = new URL("../../../specs/vectors/", import.meta.url);
export const load = (name, base = VECTORS) => JSON.parse(readFileSync(new URL(`${name}.json`, base), "utf8"));

export function toValue(json) {
  if (Array.isArray(json)) return json.map(toValue);
  if (json === null || typeof json !== "object") return json;
  if ("bytes" in json) return unhex(json.bytes);
  return new Map(json.map.map(([key, value]) => [key, toValue(value)]));
}

export function toJson(value) {
  if (value instanceof Uint8Array) return { bytes: hex(value) };
  if (value instanceof Map) return { map: [...value].map(([key, each]) => [key, toJson(each)]) };
  return Array.isArray(value) ? value.map(toJson) : value;
}

export class Suite {
  constructor(name) {
    this.name = name;
    this.failures = [];
    this.cases = 0;
  }

  // `act` throws or returns anything; a mismatch is thrown by `same` and its like.
  case(name, rule, act) {
    this.cases++;
    try {
      act();
    } catch (error) {
      this.failures.push(`${this.name}: ${name} (${rule}): ${error.stack ?? error}`);
    }
  }

  get line() {
    return `${this.name}: ${this.cases - this.failures.length} of ${this.cases}`;
  }
}

export function same(found, expected, what = "value") {
  if (!isDeepStrictEqual(found, expected)) throw new Error(`${what} is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
}

// What `act` must refuse with one of these errors, and no other: a crash is no refusal.
export function refused(act, ...kinds) {
  let value;
  try {
    value = act();
  } catch (error) {
    if (kinds.some((kind) => error instanceof kind)) return error;
    throw error;
  }
  throw new Error(`was taken as ${JSON.stringify(toJson(value))}`);
}
