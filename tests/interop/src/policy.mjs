// specs/09-decision.md, "The policy": presets, clearance, weights, and the policy in a file.
import { boolean, decimal, list, map, named, oneOf, text, usd, whole } from "./input.mjs";
import { hours } from "./hours.mjs";

export const LEVELS = ["public", "internal", "confidential", "restricted"];
export const TIERS = ["personal", "edge", "cloud"];
export const OBJECTIVES = ["latency", "cost", "quality", "exposure", "energy"];
export const rank = (level) => LEVELS.indexOf(level); // "none" is -1, the lowest

const cell = (as_is, sanitised) => ({ as_is, sanitised });
const CLEARANCE = { personal: cell("restricted", "none"), edge: cell("confidential", "confidential"), cloud: cell("public", "internal") };
const CLOSED = { ...CLEARANCE, cloud: cell("none", "none") };
const weights = (...values) => Object.fromEntries(OBJECTIVES.map((name, at) => [name, values[at]]));
const RANGES = { latency: 30, cost: 5_000_000, quality: 1, exposure: 6, energy: 1000 };

const preset = (of, clearance = CLEARANCE) =>
  ({
    clearance, weights: of, ranges: RANGES, max_tier: "cloud", jurisdictions: null, battery_floor: 20, remaining: null,
    islands: {}, providers: {}, models: {}, models_for: {}, retention_days_max: null, no_training: false,
    metered: "avoid", owner_active: "allow", hot: "avoid", at_cap: "local", energy_price: 0n, hysteresis: 50, explore: 20,
  });

const PRESETS = {
  private: preset(weights(0.5, 0.5, 0.5, 4, 0.1), CLOSED),
  balanced: preset(weights(1, 1, 0.5, 1, 0.1)),
  fast: preset(weights(4, 0.5, 0.25, 0.5, 0)),
  cheap: preset(weights(0.1, 4, 0.1, 0.5, 0.5)),
  best: preset(weights(0.25, 0.25, 4, 0.5, 0)),
};

const amount = decimal(0, 1e12);
const level = oneOf(...LEVELS, "none");
const CELL = { as_is: level, sanitised: level };
const BOUNDS = named(map({ ...CELL, allow: boolean, hours }));
const USE = oneOf("allow", "avoid", "forbid");
const FILE = {
  preset: oneOf(...Object.keys(PRESETS)),
  clearance: map(Object.fromEntries(TIERS.map((tier) => [tier, map(CELL)]))),
  weights: map(Object.fromEntries(OBJECTIVES.map((name) => [name, amount]))),
  ranges: map({ latency_s: amount, cost_usd: usd, quality: amount, exposure: amount, energy_j: amount }),
  max_tier: oneOf(...TIERS),
  jurisdictions: list(text),
  battery_floor: decimal(0, 100),
  remaining_usd: usd,
  islands: BOUNDS,
  providers: BOUNDS,
  models: BOUNDS,
  models_for: map(Object.fromEntries(LEVELS.map((name) => [name, list(text)]))),
  retention_days_max: whole(0, 36_500),
  no_training: boolean,
  metered: USE,
  owner_active: USE,
  hot: USE,
  at_cap: oneOf("local", "refuse"),
  energy_usd_per_kwh: usd,
  hysteresis: whole(0, 1_000_000),
  explore: whole(0, 1_000),
};

// --- bounds

const fold = (name) => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

export function matches(pattern, name) {
  const escaped = fold(pattern).split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  return new RegExp(`^${escaped.join("[^]*")}$`, "u").test(fold(name));
}

export function boundsOf(row, policy) {
  const found = Object.entries(policy.models).filter(([pattern]) => matches(pattern, row.model)).map(([, bound]) => bound);
  if (Object.hasOwn(policy.islands, row.island)) found.push(policy.islands[row.island]);
  if (row.provider && Object.hasOwn(policy.providers, row.island)) found.push(policy.providers[row.island]);
  return found;
}

const lowest = (levels) => levels.reduce((least, each) => (rank(each) < rank(least) ? each : least), "restricted");
const below = (level) => (level === "public" ? "none" : LEVELS[rank(level) - 1]);

// The clearance of one offer: the lowest of all that speaks of it.
export function clearanceOf(row, policy) {
  const closed = Object.entries(policy.models_for)
    .filter(([, patterns]) => !patterns.some((pattern) => matches(pattern, row.model))).map(([level]) => below(level));
  const of = (how) =>
    lowest([policy.clearance[row.tier][how], ...boundsOf(row, policy).map((bound) => bound[how] ?? "restricted"), ...closed]);
  return { as_is: of("as_is"), sanitised: of("sanitised") };
}


const SAME = [
  "islands", "providers", "models", "models_for", "retention_days_max", "no_training", "metered", "owner_active", "hot", "at_cap", "hysteresis", "explore",
];

export function parsePolicy(value, where) {
  if (typeof value === "string") return PRESETS[oneOf(...Object.keys(PRESETS))(value, where)];
  const file = map(FILE)(value, where);
  const { latency_s: latency, cost_usd: cost, energy_j: energy, quality, exposure } = file.ranges ?? {};
  const ranges = { latency, cost: cost === undefined ? cost : Number(cost), quality, exposure, energy };
  const base = PRESETS[file.preset ?? "balanced"];
  const cells = TIERS.map((tier) => [tier, { ...base.clearance[tier], ...file.clearance?.[tier] }]);
  return {
    ...base,
    clearance: Object.fromEntries(cells),
    weights: { ...base.weights, ...file.weights },
    ranges: Object.fromEntries(OBJECTIVES.map((name) => [name, ranges[name] ?? base.ranges[name]])),
    max_tier: file.max_tier ?? base.max_tier,
    jurisdictions: file.jurisdictions ?? base.jurisdictions,
    battery_floor: file.battery_floor ?? base.battery_floor,
    remaining: file.remaining_usd ?? base.remaining,
    energy_price: file.energy_usd_per_kwh ?? base.energy_price,
    ...Object.fromEntries(SAME.filter((name) => name in file).map((name) => [name, file[name]])),
  };
}
