// Judging JSON that somebody wrote: each rule takes a value and where it stands, and gives what is used.

export class InputError extends Error {
  constructor(where, expected) {
    super(`${where}: ${expected}`);
    this.where = where;
  }
}

export const check = (holds, where, expected, value) => {
  if (!holds) throw new InputError(where, `expected ${expected}`);
  return value;
};

export const text = (value, where) => check(typeof value === "string", where, "text", value);
export const boolean = (value, where) => check(typeof value === "boolean", where, "true or false", value);
export const oneOf = (...words) => (value, where) => check(words.includes(value), where, `one of ${words}`, value);
export const orNull = (rule) => (value, where) => (value === null ? null : rule(value, where));
export const whole = (min, max) => (value, where) =>
  check(Number.isInteger(value) && value >= min && value <= max, where, `an integer from ${min} to ${max}`, value);
export const decimal = (min, max) => (value, where) =>
  check(typeof value === "number" && value >= min && value <= max, where, `a number from ${min} to ${max}`, value);
export const list = (rule) => (value, where) =>
  check(Array.isArray(value), where, "a list", value).map((item, at) => rule(item, `${where}[${at}]`));

export const octets = (max) => (value, where) =>
  check(typeof value === "string" && value.length <= 2 * max && /^([0-9a-f]{2})*$/.test(value), where, `hex of at most ${max} bytes`, value);

// Members that are there; `required` names those that must be.
export const map = (rules, required = []) => (value, where) => {
  check(value !== null && typeof value === "object" && !Array.isArray(value), where, "an object");
  for (const name of Object.keys(value)) check(Object.hasOwn(rules, name), `${where}.${name}`, `one of ${Object.keys(rules)}`);
  for (const name of required) check(Object.hasOwn(value, name), `${where}.${name}`, "to be there");
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, rules[name](each, `${where}.${name}`)]));
};

// Any names, each with a value of one kind.
export const named = (rule) => (value, where) => {
  check(value !== null && typeof value === "object" && !Array.isArray(value), where, "an object");
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, rule(each, `${where}.${name}`)]));
};

const PRICE_MAX = 10n ** 15n;

// USD as text, to integer nano-USD.
export const usd = (value, where) => {
  const match = /^([0-9]{1,10})(?:\.([0-9]{1,9}))?$/.exec(text(value, where));
  check(match, where, "USD as text, no finer than a nano-USD");
  return BigInt(match[1]) * 10n ** 9n + BigInt((match[2] ?? "").padEnd(9, "0"));
};

export const price = (value, where) => {
  const nano = usd(value, where);
  return check(nano <= PRICE_MAX, where, "at most a million USD", nano);
};
