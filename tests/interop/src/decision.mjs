// specs/09-decision.md: the table, the five agents, the ranking. Prices and bills are BigInts of nano-USD.
import sodium from "./sodium.mjs";
import { textBytes, unhex } from "./encoding.mjs";
import { boolean, check, decimal, list, map, octets, oneOf, orNull, price, text, usd, whole } from "./input.mjs";
import { CLOCKS_DIFFER_S, farthest } from "./membership.mjs";
import { LEVELS, OBJECTIVES, TIERS, boundsOf, clearanceOf, parsePolicy, rank } from "./policy.mjs";

const MOMENT = whole(0, Number.MAX_SAFE_INTEGER);
const TOKENS = whole(0, 2 ** 27 - 1);
const COUNT = whole(0, 2 ** 31 - 1);
const ESTIMATE = orNull(decimal(-Infinity, Infinity));
const EXPECTED_TOKENS_MAX = 256;
const RETRY_S = 10;
const AVOIDED_J = 10_000;
const STATES = ["metered", "owner_active", "hot"];
const UNKNOWN_PRICE = 100n * 10n ** 9n;
const ANSWERS_MAX = 8;

// --- what is written down

const CERTIFICATE = map(
  { person: text, ceiling: oneOf("personal", "edge"), not_before_s: MOMENT, expires_s: MOMENT, revoked: boolean }, ["person", "expires_s"]);

const OFFER = map(
  {
    island: text, model: text, certificate: orNull(CERTIFICATE), statement: orNull(map({ received_ms: MOMENT, lifetime_ms: MOMENT })),
    provider: boolean, origin: oneOf("embedded", "loopback", "configured", "remote"), configured_tier: oneOf(...TIERS), alive: boolean,
    context_tokens: TOKENS, tools: boolean, embeds: boolean, slots: COUNT, free: COUNT, queue: COUNT, ttft_s: ESTIMATE, tokens_per_s: ESTIMATE,
    input_usd: orNull(price), output_usd: orNull(price), jurisdiction: text, collections: list(octets(16)), battery: orNull(decimal(-Infinity, Infinity)),
    quality: ESTIMATE, energy_j_per_token: ESTIMATE, island_id: text, backend: text,
    prefill_tokens_per_s: ESTIMATE, doubt: ESTIMATE, failure_rate: ESTIMATE, authentic: boolean, probation: boolean, charging: boolean,
    metered: boolean, owner_active: boolean, hot: boolean, retention_days: orNull(whole(0, 36_500)), trains: orNull(boolean), paid_remaining_usd: orNull(usd),
  },
  ["island", "model", "alive", "context_tokens", "ttft_s", "tokens_per_s", "input_usd", "output_usd"]);

const ISLANDS = map({ asker: map({ island: text, person: text, ceiling: oneOf("personal", "edge") }), offers: list(OFFER) }, ["asker", "offers"]);

const REQUEST = map(
  {
    sensitivity: oneOf(...LEVELS), sensitivity_after: orNull(oneOf(...LEVELS)), names_known: boolean, model: text, prompt_tokens: TOKENS,
    max_output_tokens: TOKENS, answers: whole(1, ANSWERS_MAX), needs_tools: boolean,
    collection: orNull(map({ id: orNull(octets(16)), label: orNull(oneOf(...LEVELS)) })), collection_beside: boolean, carried: boolean, max_tier: oneOf(...TIERS), max_cost_usd: usd,
    unpaid_only: boolean, excluded: list(text), previous_island: text, embeds: boolean, longest_input_tokens: TOKENS, policy: (value, where) => parsePolicy(value, where),
    need: decimal(0, 1), previous_model: text, previous_tokens: TOKENS, local_minute: orNull(whole(0, 7 * 24 * 60 - 1)),
    clock: map({ mono_ms: MOMENT, wall_s: MOMENT }, ["mono_ms", "wall_s"]), seed: octets(64),
  },
  ["sensitivity", "clock"]);

// --- the table

function tierOf(offer, asker) {
  const { certificate, origin = "remote" } = offer;
  if (origin === "remote" || offer.provider || !certificate) return "cloud";
  const base = farthest(
    certificate.person === asker.person ? "personal" : "edge", certificate.ceiling ?? "personal", asker.ceiling ?? "personal");
  return origin === "configured" ? farthest(base, offer.configured_tier ?? "cloud") : base;
}

function rowOf(offer, asker, clock) {
  const { certificate, statement, provider = false } = offer;
  const here = offer.island === asker.island;
  const tier = tierOf(offer, asker);
  const live = certificate && !certificate.revoked && (certificate.not_before_s ?? 0) <= clock.wall_s + CLOCKS_DIFFER_S && clock.wall_s < certificate.expires_s;
  const age = statement ? clock.mono_ms - statement.received_ms : -1;
  return {
    slots: 1, free: 1, queue: 0, tools: false, embeds: false, jurisdiction: "", collections: [], quality: 0.5, energy_j_per_token: 0,
    prefill_tokens_per_s: Infinity, doubt: 0, failure_rate: 0, authentic: true, probation: false, charging: false, metered: false,
    owner_active: false, hot: false, retention_days: null, trains: null, paid_remaining_usd: null, provider: false, ...offer,
    battery: offer.battery ?? 100,
    answerer: offer.island_id || offer.island,
    own: Boolean(certificate) && certificate.person === asker.person,
    name: `${offer.island}/${offer.model}`,
    tier,
    distance: tier === "cloud" ? 3 : here ? 0 : certificate.person === asker.person ? 1 : 2,
    live: provider || Boolean(live),
    fresh: provider || here || (age >= 0 && age < statement.lifetime_ms),
    paid: offer.input_usd !== 0n || offer.output_usd !== 0n,
  };
}

const byCodePoint = (one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)); // UTF-8 keeps their order

function tableOf(islands, clock) {
  const rows = islands.offers.map((offer) => rowOf(offer, islands.asker, clock));
  const names = rows.map((row) => row.name);
  check(new Set(names).size === names.length, "islands.offers", "each name once");
  return rows.sort((one, other) => byCodePoint(one.name, other.name));
}

// --- the agents: each gives the codes of the rules broken, and a cost

const higher = (one, other) => (rank(one) >= rank(other) ? one : other);
const unknown = (value) => value ?? NaN;
const million = 10n ** 6n;
const bill = (tokens, each) => (BigInt(tokens) * each + million - 1n) / million;

function privacy(row, request, policy) {
  const { as_is, sanitised } = clearanceOf(row, policy);
  const whole = rank(request.level) <= rank(as_is);
  const after = request.after !== null && rank(request.after) <= rank(sanitised);
  const seen = whole || request.after === null ? request.level : request.after;
  return {
    sanitize: !whole,
    codes: [!whole && !after && "clearance_below_sensitivity", !request.names_known && as_is !== "restricted" && "names_unread"],
    cost: TIERS.indexOf(row.tier) * rank(seen),
  };
}

function resources(row, request, policy) {
  const [fixed, reads, writes, doubts, fails] =
    [row.ttft_s, row.prefill_tokens_per_s, row.tokens_per_s, row.doubt, row.failure_rate].map(unknown);
  const known = request.lastly(row) && request.previous_model ? Math.min(request.previous_tokens, request.prompt_tokens) : 0;
  const waiting = row.free > 0 ? 1 : 1 + (row.queue + 1) / Math.max(row.slots, 1);
  const mean = (fixed + (request.prompt_tokens - known) / reads + request.expected / writes) * waiting;
  const sound = fixed >= 0 && reads > 0 && writes > 0 && doubts >= 0 && doubts <= 1 && fails >= 0 && fails < 1;
  const at = (part) => (sound ? mean * part + (fails / (1 - fails)) * RETRY_S : NaN);
  const doubt = row.probation ? 1 : doubts;
  return {
    codes: [
      !row.alive && "unreachable", !(row.slots > 0) && "no_slots", !(row.battery >= policy.battery_floor || (row.charging && row.battery >= 0)) && "battery_low",
      !request.asksFor(row) && "other_model", !(request.at_once <= row.context_tokens) && "context_too_small",
      request.needs_tools && !row.tools && "no_tools",
      ...STATES.map((state) => policy[state] === "forbid" && row[state] && state),
      request.embeds && !row.embeds && "no_embeddings", !request.embeds && row.embeds && "embeds_only",
    ],
    cost: at(1 + doubt),
    hoped: at(1 - doubt),
  };
}

function cost(row, request, policy) {
  const known = row.input_usd !== null && row.output_usd !== null;
  const of = (output) => bill(request.prompt_tokens, row.input_usd) + bill(output * request.answers, row.output_usd);
  const least = (...caps) => caps.filter((cap) => cap !== null).reduce((low, each) => (low === null || each < low ? each : low), null);
  const over = (cap) => cap !== null && known && of(request.max_output_tokens) > cap;
  const owner = least(policy.remaining, row.paid_remaining_usd);
  const cap = least(owner, request.max_cost);
  const guess = () => bill(request.prompt_tokens + request.expected * request.answers, UNKNOWN_PRICE);
  const energy = policy.energy_price > 0n && row.own ? (unknown(row.energy_j_per_token) * request.expected * Number(policy.energy_price)) / 3_600_000 : 0;
  return {
    codes: [
      request.unpaid_only && row.paid && "paid_after_ambiguity", cap !== null && !known && "price_unknown", over(cap) && "over_cap",
    ],
    capped: over(owner) && !over(request.max_cost), // nothing but the owner's caps says over_cap
    cost: Number(known ? of(request.expected) : guess()) + energy,
  };
}

function trust(row, request, policy) {
  const nearest = Math.min(TIERS.indexOf(policy.max_tier), TIERS.indexOf(request.max_tier));
  const [cloud, bounds, quality] = [row.tier === "cloud", boundsOf(row, policy), unknown(row.quality)];
  const listed = policy.jurisdictions === null || row.tier === "personal" || policy.jurisdictions.includes(row.jurisdiction);
  return {
    codes: [
      !row.live && "not_a_member", !row.fresh && "statement_stale", TIERS.indexOf(row.tier) > nearest && "tier_too_far",
      !listed && "jurisdiction", !row.authentic && "authenticity_failed",
      policy.retention_days_max !== null && cloud && !(row.retention_days !== null && row.retention_days <= policy.retention_days_max) && "retention",
      policy.no_training && cloud && row.trains !== false && "training",
      bounds.some((bound) => bound.allow === false) && "not_allowed",
      bounds.some((bound) => bound.hours && !bound.hours(request.local_minute)) && "outside_hours",
    ],
    cost: quality >= 0 && quality <= 1 ? Math.max(request.need - quality, 0) : NaN,
  };
}

function locality(row, request, policy) {
  const joules = unknown(row.energy_j_per_token);
  const avoided = STATES.filter((state) => policy[state] === "avoid" && row[state]).length;
  const held = request.collection !== null && row.collections.includes(request.collection);
  return {
    codes: [request.named && !request.carried && !held && "collection_not_held"],
    cost: joules >= 0 ? joules * request.expected + avoided * AVOIDED_J : NaN,
  };
}

const AGENTS = { privacy, resources, cost, trust, locality };
const OBJECTIVE = { privacy: "exposure", resources: "latency", cost: "cost", trust: "quality", locality: "energy" };

function judge(row, request, policy) {
  const reasons = request.excluded.includes(row.name) ? [{ agent: "router", code: "already_tried" }] : [];
  const costs = {};
  let [sanitize, hoped, capped] = [false, NaN, false];
  for (const [agent, judgement] of Object.entries(AGENTS)) {
    const verdict = judgement(row, request, policy);
    const sound = Number.isFinite(verdict.cost) && verdict.cost >= 0;
    for (const code of verdict.codes) if (code) reasons.push({ agent, code });
    if (!sound) reasons.push({ agent, code: "agent_failed" });
    costs[OBJECTIVE[agent]] = sound ? verdict.cost : null;
    sanitize ||= verdict.sanitize ?? false;
    hoped = verdict.hoped ?? hoped;
    capped ||= verdict.capped ?? false;
  }
  const feasible = reasons.length === 0;
  return { row, reasons, costs, sanitize, hoped, feasible, capped: capped && reasons.every(({ code }) => code === "over_cap") };
}

// --- the ranking

const score = (costs, { weights, ranges }) =>
  Math.floor(1000 * Math.max(...OBJECTIVES.map((name) => (weights[name] / ranges[name]) * costs[name])));

const dominates = (one, other) =>
  OBJECTIVES.every((name) => one.costs[name] <= other.costs[name]) && OBJECTIVES.some((name) => one.costs[name] < other.costs[name]);

const MASK = (1n << 64n) - 1n;
const word = (bytes) => BigInt(`0x${Buffer.from(sodium.crypto_generichash(8, bytes, null)).toString("hex")}`);

function mix(number) {
  let z = ((number ^ (number >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

function ties(request) {
  const seed = word(unhex(request.seed));
  const drawn = (row) => (request.seed ? mix(word(textBytes(row.name)) ^ seed) : 0n);
  const keys = (row) => [row.distance, request.lastly(row) ? 0 : 1, drawn(row)];
  return ({ row: one }, { row: other }) => {
    const [ours, theirs] = [keys(one), keys(other)];
    const at = ours.findIndex((key, place) => key !== theirs[place]);
    if (at >= 0) return ours[at] < theirs[at] ? -1 : 1;
    return byCodePoint(one.name, other.name);
  };
}

function ranked(judged, request, policy) {
  const tie = ties(request);
  const left = judged.map((each) => ({ ...each, score: score(each.costs, policy) }));
  const order = [];
  while (left.length > 0) {
    const least = Math.min(...left.map((each) => each.score));
    const equals = left.filter((each) => each.score === least);
    const best = equals.filter((each) => !equals.some((other) => dominates(other, each))).sort(tie)[0];
    order.push(best);
    left.splice(left.indexOf(best), 1);
  }
  return order;
}

const undominated = (order) => order.filter((each) => !order.some((other) => dominates(other, each)));

function stayed(order, request, policy) {
  const [best] = order;
  if (!best || request.lastly(best.row)) return best;
  return undominated(order).find((each) => request.lastly(each.row) && each.score <= best.score + policy.hysteresis) ?? best;
}

function triedOut(order, first, request, policy) {
  if (!first || !request.seed || request.unpaid_only || request.excluded.length > 0) return first;
  if (mix(word(textBytes("explore")) ^ word(unhex(request.seed))) % 1000n >= BigInt(policy.explore)) return first;
  const worth = undominated(order).filter((each) =>
    !each.row.probation && each.costs.cost <= first.costs.cost && score({ ...each.costs, latency: each.hoped }, policy) <= first.score);
  return worth.reduce((most, each) => (most === null || each.row.doubt > most.row.doubt ? each : most), null) ?? first;
}

// Whom the refusal of the whole request concerns; nobody where it is not refused for a cap.
function refusedAtCap(judged, request, policy) {
  if (policy.at_cap !== "refuse") return [];
  const order = ranked(judged.filter((each) => each.feasible || each.capped), request, policy);
  return stayed(order, request, policy)?.capped ? order.map((each) => each.row) : [];
}

function planned(judged, request, policy) {
  const order = ranked(judged.filter((each) => each.feasible), request, policy);
  const first = triedOut(order, stayed(order, request, policy), request, policy);
  return first ? [first, ...order.filter((each) => each !== first)] : [];
}

// --- the report

// Which offers a request's model names. Before the first slash stands an island, if one has that name; then it is a pin.
function namedBy(model, islands) {
  if (model === "auto" || model.startsWith("auto@")) return () => true;
  const slash = model.indexOf("/");
  const island = model.slice(0, Math.max(slash, 0));
  const pin = slash >= 0 && islands.offers.some((offer) => offer.island === island);
  return pin ? (row) => row.island === island && row.model === model.slice(slash + 1) : (row) => row.model === model;
}

function factsOf(given, islands) {
  const named = (given.model ?? "auto").startsWith("auto@") || Boolean(given.collection_beside);
  check(given.model !== "auto@", "model", "the name of a collection after auto@");
  const label = named ? (given.collection?.label ?? "restricted") : "public";
  const embeds = given.embeds ?? false;
  const after = embeds ? null : (given.sensitivity_after ?? null);
  const bound = given.max_output_tokens ?? 0;
  return {
    level: higher(given.sensitivity, label),
    after: after === null ? null : higher(after, label),
    names_known: given.names_known ?? true,
    asksFor: namedBy(given.model ?? "auto", islands),
    named,
    carried: given.carried ?? false,
    collection: given.collection?.id ?? null,
    prompt_tokens: given.prompt_tokens ?? 0,
    max_output_tokens: bound,
    answers: given.answers ?? 1,
    expected: Math.min(bound, EXPECTED_TOKENS_MAX),
    needs_tools: given.needs_tools ?? false,
    embeds,
    at_once: embeds ? (given.longest_input_tokens ?? 0) : (given.prompt_tokens ?? 0) + bound,
    max_tier: given.max_tier ?? "cloud",
    max_cost: given.max_cost_usd ?? null,
    unpaid_only: given.unpaid_only ?? false,
    excluded: given.excluded ?? [],
    lastly: (row) => Boolean(given.previous_island) && row.answerer === given.previous_island && (!given.previous_model || row.model === given.previous_model),
    previous_model: given.previous_model ?? "",
    previous_tokens: given.previous_tokens ?? 0,
    need: given.need ?? 1,
    local_minute: given.local_minute ?? null,
    seed: given.seed ?? "",
  };
}

export function explain(islandsGiven, requestGiven) {
  const islands = ISLANDS(islandsGiven, "input.islands");
  const given = REQUEST(requestGiven, "input.request");
  const policy = given.policy ?? parsePolicy("balanced");
  const request = factsOf(given, islands);
  const judged = tableOf(islands, given.clock).map((row) => judge(row, request, policy));
  const atCap = refusedAtCap(judged, request, policy);
  for (const each of judged) if (atCap.includes(each.row)) each.reasons.push({ agent: "router", code: "at_cap" });
  for (const each of judged) each.feasible &&= atCap.length === 0;
  const plan = planned(judged, request, policy);
  return {
    decision: plan.length > 0 ? "route" : "refuse",
    offer: plan[0]?.row.name ?? null,
    plan: plan.map((each) => each.row.name),
    sanitize: plan[0]?.sanitize ?? false,
    sensitivity: request.level,
    sensitivity_after: request.after,
    offers: judged.map(({ row, reasons, costs, sanitize, feasible }) => ({
      name: row.name,
      tier: row.tier,
      embeds: row.embeds,
      feasible,
      sanitize: feasible && sanitize,
      reasons,
      costs: {
        latency_s: costs.latency,
        cost_nano_usd: costs.cost,
        quality_shortfall: costs.quality,
        exposure: costs.exposure,
        energy_j: costs.energy,
      },
    })),
  };
}

