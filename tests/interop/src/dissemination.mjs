// specs/07-dissemination.md: how an island reacts to sessions and frames. When it pings and gossips of itself is its own
// affair and not in here: two implementations that differ in it understand each other.
import { EncodingError, equal } from "./encoding.mjs";
import { islandId, islandKey } from "./keys.mjs";
import { RecordError, openUnverified } from "./records.mjs";
import { Registry } from "./registry.mjs";
import { readFrame, summary, wireStates, write } from "./sync.mjs";

const LOG_KINDS = ["certificate", "revocation"];

export class Reactions {
  constructor(membership, me) {
    Object.assign(this, { membership, me, registry: new Registry(membership), sessions: new Map() });
  }

  // --- what the caller says

  session(peer, heads) {
    this.sessions.set(peer, heads);
    const missing = this.membership.entriesAfter(heads);
    const records = missing.length > 0 ? [this.send(peer, { t: "records", raws: missing })] : [];
    return [{ action: "alive", peer }, ...records, this.send(peer, this.stateDigest())];
  }

  // A record of our own, or one that came by greeting. Gossip of it is due at once or with the next frame.
  publish(raw, now) {
    return this.take(raw, null, now);
  }

  gossip(peer, data, now) {
    if (!this.membership.member(peer, now)) return [];
    return this.framed(peer, data, (frame) => {
      if (frame.t !== "records") throw new RecordError("gossip.t", "not records");
      return frame.raws.flatMap((raw) => this.take(raw, peer, now));
    });
  }

  sync(peer, data, now) {
    if (!this.sessions.has(peer) || !this.membership.member(peer, now)) return [];
    return this.framed(peer, data, (frame) => this.react(peer, frame, now));
  }

  // --- reactions

  react(peer, frame, now) {
    switch (frame.t) {
      case "ping": return [this.send(peer, { t: "ack", nonce: frame.nonce })];
      case "question": return [{ action: "questioned", peer, id: frame.id, data: frame.content }];
      case "records": return frame.raws.flatMap((raw) => this.take(raw, peer, now));
      case "state_digest": return this.lacking(peer, frame, now);
      case "log_digest": {
        const raws = this.membership.entriesAfter(Object.fromEntries(frame.heads.map(([island, ...head]) => [islandId(island), head])));
        return raws.length > 0 ? [this.send(peer, { t: "records", raws })] : [];
      }
      case "summary": {
        if (equal(write(frame), this.summary())) return [];
        return [this.send(peer, { ...this.logDigest(), reply: true }), this.send(peer, { ...this.stateDigest(), reply: true })];
      }
      default: return [];
    }
  }

  lacking(peer, { states, low, high, reply }, now) {
    const theirs = new Map(states.map(([island, ...order]) => [islandId(island), order]));
    const covered = (island) => Buffer.compare(islandKey(island), low) >= 0 && (high.length === 0 || Buffer.compare(islandKey(island), high) < 0);
    const newer = ([boot, sequence], order) => !order || boot > order[0] || (boot === order[0] && sequence > order[1]);
    const mine = this.registry.states();
    const raws = this.registry.believed("statement", now)
      .filter(({ author }) => covered(author) && newer(mine[author], theirs.get(author)))
      .sort((one, other) => (one.author < other.author ? -1 : 1)).map(({ raw }) => raw);
    const behind = [...theirs].some(([island, order]) => newer(order, mine[island]));
    return [
      ...(raws.length > 0 ? [this.send(peer, { t: "records", raws })] : []),
      ...(reply && behind ? [this.send(peer, this.stateDigest())] : []),
    ];
  }

  take(raw, from, now) {
    const { kind, record } = openUnverified(raw);
    if (!LOG_KINDS.includes(kind)) {
      const believed = this.registry.accept(raw, now) === "new";
      const own = from === null && islandId(record.subject) === this.me;
      return believed && !own ? [{ action: "believed", data: raw }] : [];
    }
    if (this.membership.accept(raw, now)[0] === "known") return [];
    const gone = [...this.sessions.keys()].filter((peer) => !this.membership.member(peer, now));
    for (const peer of gone) this.sessions.delete(peer);
    const closed = gone.flatMap((peer) => [{ action: "dead", peer }, { action: "close", peer, reason: "not_a_member" }]);
    const told = kind === "revocation" ? [...this.sessions.keys()].filter((peer) => peer !== from) : [];
    return [{ action: "believed", data: raw }, ...closed, ...told.map((peer) => this.send(peer, { t: "records", raws: [raw] }))];
  }

  // A malformed frame or record ends the session of who sent it.
  framed(peer, data, act) {
    try {
      return act(readFrame(data));
    } catch (error) {
      if (!(error instanceof RecordError || error instanceof EncodingError)) throw error;
      this.sessions.delete(peer);
      return [{ action: "alarm", kind: "malformed", peer }, { action: "dead", peer }, { action: "close", peer, reason: "malformed" }];
    }
  }

  silent(peer) {
    this.sessions.delete(peer);
  }

  // --- frames

  send(peer, frame) {
    return { action: "send", peer, data: write(frame) };
  }

  summary() {
    return summary(this.membership.heads(), this.registry.states());
  }

  stateDigest() {
    return { t: "state_digest", states: wireStates(this.registry.states()), low: new Uint8Array(0), high: new Uint8Array(0), reply: false };
  }

  logDigest() {
    const heads = Object.entries(this.membership.heads()).map(([island, head]) => [islandKey(island), ...head]);
    return { t: "log_digest", heads, reply: false };
  }
}

