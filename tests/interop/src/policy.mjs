// specs/09-decision.md, "The policy": presets, clearance, weights, and the policy in a file.
import { decimal, list, map, oneOf, text, usd, whole } from "./input.mjs";

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
  ({ clearance, weights: of, ranges: RANGES, max_tier: "cloud", jurisdictions: null, battery_floor: 20, remaining: null });

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
const FILE = {
  preset: oneOf(...Object.keys(PRESETS)),
  clearance: map(Object.fromEntries(TIERS.map((tier) => [tier, map(CELL)]))),
  weights: map(Object.fromEntries(OBJECTIVES.map((name) => [name, amount]))),
  ranges: map({ latency_s: amount, cost_usd: usd, quality: amount, exposure: amount, energy_j: amount }),
  max_tier: oneOf(...TIERS),
  jurisdictions: list(text),
  battery_floor: whole(0, 100),
  remaining_usd: usd,
};

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
  };
}
