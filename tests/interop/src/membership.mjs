// specs/03-membership.md, sections 1 to 5: who belongs. What is believed is computed anew from the set of entries held.
import { equal, hex } from "./encoding.mjs";
import { islandId } from "./keys.mjs";
import { RecordError, open } from "./records.mjs";

export const CLOCKS_DIFFER_S = 120;
const WAITING_MAX = 256;
const MEMBERS_MAX = 256;
const ENTRIES_MAX = 65_536;
const STRANGERS_REMOVED_MAX = 1024;

const name = (bytes) => islandId(bytes);
const groups = (items, key) => {
  const map = new Map();
  for (const item of items) map.set(key(item), [...(map.get(key(item)) ?? []), item]);
  return map;
};
const issuer = (entry) => name(entry.record.issuer);
const subject = (entry) => name(entry.record.subject);

// R: the founders and whoever one in R ever certified as signer.
function reached(founders, entries) {
  const all = new Set(founders);
  const admits = entries.filter((entry) => entry.kind === "certificate" && entry.record.signer);
  for (let size = 0; size !== all.size; ) {
    size = all.size;
    for (const entry of admits) if (all.has(issuer(entry))) all.add(subject(entry));
  }
  return all;
}

// The lowest number at which an issuer contradicts itself, or null.
function forkOf(entries) {
  const at = groups(entries, (entry) => entry.record.sequence);
  for (const number of [...at.keys()].sort((a, b) => a - b)) {
    const [entry, ...others] = at.get(number);
    if (others.length > 0) return number;
    const before = at.get(number - 1);
    if (before && !equal(entry.record.previous, before[0].hash)) return number;
  }
  return null;
}

const newer = (a, b) =>
  a.record.not_before_s - b.record.not_before_s || Buffer.compare(Buffer.from(a.hash), Buffer.from(b.hash));

// What the entries held say, whatever their order.
export function beliefs(founders, held) {
  const signers = reached(founders, held);
  const entries = held.filter((entry) => signers.has(issuer(entry)));
  const revocations = entries.filter((entry) => entry.kind === "revocation");
  const removed = new Set(revocations.map(subject));
  const chains = groups(entries, issuer);
  const forks = new Map();
  for (const [island, chain] of chains) {
    const fork = forkOf(chain);
    if (fork !== null) forks.set(island, fork);
  }
  const limit = (island) =>
    Math.min(
      forks.has(island) ? forks.get(island) - 1 : Infinity,
      ...revocations.filter((entry) => subject(entry) === island).map((entry) => entry.record.keep),
    );
  const counting = new Set(founders);
  const counted = [];
  const made = new Map(); // what made somebody a signer
  for (const island of counting) {
    const most = limit(island);
    for (const entry of [...(chains.get(island) ?? [])].sort((one, other) => one.record.sequence - other.record.sequence)) {
      if (entry.kind !== "certificate" || entry.record.sequence > most) continue;
      counted.push(entry);
      if (!entry.record.signer || counting.has(subject(entry))) continue;
      made.set(subject(entry), entry);
      counting.add(subject(entry)); // a Set's iterator also visits what is added meanwhile
    }
  }
  const current = new Map();
  for (const [island, certificates] of groups(counted, subject)) {
    if (removed.has(island)) continue;
    const last = [...groups(certificates, issuer).values()].map((of) =>
      of.reduce((best, entry) => (entry.record.sequence > best.record.sequence ? entry : best)));
    current.set(island, last.reduce((best, entry) => (newer(entry, best) > 0 ? entry : best)));
  }
  const writing = new Set([...counting].filter((island) => limit(island) === Infinity));
  return { signers, removed, forks, current, writing, made };
}

const liveAt = (entry, wall) => entry.record.not_before_s <= wall + CLOCKS_DIFFER_S && wall < entry.record.expires_s;

export class Membership {
  constructor(genesis) {
    const opened = open(genesis);
    if (opened.kind !== "genesis") throw new RecordError("record.kind", "not a genesis");
    this.archipelago = opened.hash;
    this.founders = opened.record.signers.map(name);
    this.held = new Map();
    this.beliefs = beliefs(this.founders, []);
  }

  // What the entry changed, told as of `now`; throws where it is refused.
  accept(raw, now) {
    const entry = open(raw);
    if (entry.kind !== "certificate" && entry.kind !== "revocation") throw new RecordError("record.kind", "no entry of a log");
    if (!equal(entry.record.archipelago, this.archipelago)) throw new RecordError(`${entry.kind}.archipelago`, "another archipelago");
    if (this.held.has(hex(entry.hash))) return ["known"];
    const after = beliefs(this.founders, [...this.held.values(), entry]);
    this.roomFor(entry, after);
    const before = this.beliefs;
    this.held.set(hex(entry.hash), entry);
    this.beliefs = after;
    if (!after.signers.has(issuer(entry))) {
      this.dropOldestWaiting();
      return [`waiting ${issuer(entry)}`];
    }
    const events = changes(before, after, now);
    return events.length ? events : [`recorded ${issuer(entry)}`];
  }

  roomFor(entry, after) {
    const belongs = (island) => this.beliefs.current.has(island);
    if (entry.kind === "revocation") {
      const strangers = [...after.removed].filter((island) => !this.everAdmitted(island));
      if (strangers.length > STRANGERS_REMOVED_MAX) throw new RecordError("log", "too many strangers removed");
      if (belongs(subject(entry))) return;
    }
    if (after.current.size > MEMBERS_MAX) throw new RecordError("log", "too many members");
    if (this.held.size >= ENTRIES_MAX) throw new RecordError("log", "too many entries");
  }

  everAdmitted(island) {
    return [...this.held.values()].some((entry) => entry.kind === "certificate" && subject(entry) === island);
  }

  dropOldestWaiting() {
    const waiting = [...this.held].filter(([, entry]) => !this.beliefs.signers.has(issuer(entry)));
    if (waiting.length > WAITING_MAX) this.held.delete(waiting[0][0]);
  }

  member(island, now) {
    const entry = this.beliefs.current.get(island);
    return entry && liveAt(entry, now.wall_s) ? this.shown(island, entry) : null;
  }

  members(now) {
    return [...this.beliefs.current.keys()].sort().map((island) => this.member(island, now)).filter((member) => member !== null);
  }

  shown(island, { record }) {
    const namesakes = [...this.beliefs.current.values()].filter((other) => other.record.name === record.name);
    const shown = namesakes.length > 1 ? `${record.name}~${island.slice(-4)}` : record.name;
    return { island, name: shown, person: record.person, ceiling: record.ceiling, signer: this.beliefs.writing.has(island) };
  }

  isRemoved(island) {
    return this.beliefs.removed.has(island);
  }

  // What whoever has these heads lacks: each issuer's chain after its head, and what has no place in a chain.
  entriesAfter(heads) {
    const order = [...this.beliefs.signers];
    const sent = this.revocations();
    for (const island of order) {
      const [number, hash] = heads[island] ?? [0, null];
      const chain = this.entriesOf(island).sort((one, other) => one.record.sequence - other.record.sequence);
      const known = number > 0 && chain.some((entry) => entry.record.sequence === number && equal(entry.hash, hash));
      sent.push(...chain.filter((entry) => !known || entry.record.sequence > number).map((entry) => entry.raw));
    }
    const seen = new Set();
    return sent.filter((raw) => !seen.has(hex(raw)) && seen.add(hex(raw)));
  }

  // For each removed key a revocation, by island id.
  revocations() {
    const counted = [...this.held.values()].filter((entry) => entry.kind === "revocation" && this.beliefs.signers.has(issuer(entry)));
    const least = counted.sort((one, other) => one.record.keep - other.record.keep);
    return this.removed.map((island) => least.find((entry) => subject(entry) === island).raw);
  }

  // The certificates from a founder down to the island.
  chain(island) {
    const entry = this.beliefs.current.get(island);
    if (!entry) return [];
    const chain = [entry.raw];
    for (let at = issuer(entry); !this.founders.includes(at); ) {
      const made = this.beliefs.made.get(at);
      chain.unshift(made.raw);
      at = issuer(made);
    }
    return chain;
  }

  get removed() {
    return [...this.beliefs.removed].sort();
  }

  get forks() {
    return [...this.beliefs.forks].sort();
  }

  entriesOf(island) {
    return [...this.held.values()].filter((entry) => issuer(entry) === island);
  }

  // Section 3: number and hash of each issuer's last entry before its first gap.
  heads() {
    const heads = {};
    for (const island of this.beliefs.signers) {
      const chain = groups(this.entriesOf(island), (entry) => entry.record.sequence);
      const fork = this.beliefs.forks.get(island);
      let number = 0;
      while (chain.has(number + 1) && number + 1 !== fork) number++;
      if (fork === number + 1) heads[island] = [fork, new Uint8Array(32)];
      else if (number > 0) heads[island] = [number, chain.get(number)[0].hash];
    }
    return heads;
  }
}

// Section 2: what an entry changes.
function changes(before, after, now) {
  const events = [];
  for (const [island, number] of after.forks) {
    if (before.forks.get(island) !== number) events.push(`forked ${island}`);
  }
  for (const island of new Set([...before.current.keys(), ...after.current.keys(), ...after.removed])) {
    const [was, is] = [before.current.get(island), after.current.get(island)];
    if (was && is && was !== is) events.push(`renewed ${island}`);
    else if (!was && is && liveAt(is, now.wall_s)) events.push(`admitted ${island}`);
    else if ((was && !is) || (after.removed.has(island) && !before.removed.has(island))) events.push(`removed ${island}`);
  }
  return events.sort();
}

// Section 5.
const TIERS = ["personal", "edge", "cloud"];
export const farthest = (...tiers) => TIERS[Math.max(...tiers.map((tier) => TIERS.indexOf(tier)))];
export const tierFor = (asker, holder) =>
  farthest(asker.person === holder.person ? "personal" : "edge", holder.ceiling, asker.ceiling);
