// specs/04-session.md: the greeting, and what a connection may do, at the end that was dialled.
import { EncodingError, decode, encode } from "./encoding.mjs";
import { KeyError, islandKey } from "./keys.mjs";
import { RecordError, hash, key, members, number, upTo, listOf, tuple } from "./records.mjs";

const GREETING_BYTES_MAX = 16_384;
const GREETING_MS_MAX = 2_000;
const CHAIN_MAX = 4;
const HEADS_MAX = 32;

export const once = (entries, field) => {
  if (new Set(entries.map(([island]) => Buffer.from(island).toString("hex"))).size !== entries.length) {
    throw new RecordError(field, "an island twice");
  }
  return entries;
};

export const headsOf = (max) => (value, field) => once(listOf(0, max, tuple(key, number(), hash))(value, field), field);

export function readGreeting(data) {
  return members(decode(data, { bytes: GREETING_BYTES_MAX, depth: 3, items: 512 }), "greeting", {
    v: number(1, 1), chain: listOf(0, CHAIN_MAX, upTo(3072)), revocations: listOf(0, 512, upTo(512)), heads: headsOf(HEADS_MAX),
  });
}

export const wireHeads = (heads) =>
  Object.entries(heads).map(([island, [sequence, head]]) => [islandKey(island), sequence, head])
    .sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));

export const greeting = (membership, me) =>
  encode(new Map(Object.entries({
    v: 1,
    chain: membership.chain(me).slice(-CHAIN_MAX),
    revocations: membership.revocations(),
    heads: wireHeads(membership.heads()).slice(0, HEADS_MAX),
  })));

export class Session {
  constructor(membership, me, peer) {
    Object.assign(this, { membership, me, peer, state: "stranger", until_ms: null });
  }

  start(now) {
    try {
      islandKey(this.peer);
    } catch (error) {
      if (error instanceof KeyError) return this.close("not_ed25519");
      throw error;
    }
    if (this.peer === this.me) return this.close("self");
    if (!this.membership.member(this.me, now)) return this.close("own_certificate");
    if (this.membership.isRemoved(this.peer)) return this.close("not_a_member");
    this.state = "greeting";
    this.until_ms = now.mono_ms + GREETING_MS_MAX;
    return [];
  }

  tick(now) {
    return this.state === "greeting" && now.mono_ms >= this.until_ms ? this.close("timeout") : [];
  }

  receive(data, now) {
    if (this.state === "closed") return [];
    if (this.state !== "greeting") return this.close("out_of_turn");
    if (data.length > GREETING_BYTES_MAX) return this.close("too_large");
    const learned = [];
    try {
      const said = readGreeting(data);
      for (const raw of [...said.revocations, ...said.chain]) {
        if (this.membership.accept(raw, now)[0] !== "known") learned.push({ action: "learned", data: raw });
      }
    } catch (error) {
      if (error instanceof EncodingError || error instanceof RecordError) return [...learned, ...this.close("malformed")];
      throw error;
    }
    const fault = this.fault(now);
    if (fault) return [...learned, ...this.close(fault)];
    this.state = "member";
    return [...learned, { action: "greet", data: greeting(this.membership, this.me) }, { action: "admit", island: this.peer }];
  }

  // The log changed, or a minute went by.
  recheck(now) {
    if (this.state === "greeting" && this.membership.isRemoved(this.peer)) return this.close("not_a_member");
    const fault = this.state === "member" && this.fault(now);
    return fault ? this.close(fault) : [];
  }

  fault(now) {
    if (!this.membership.member(this.me, now)) return "own_certificate";
    return this.membership.member(this.peer, now) ? null : "not_a_member";
  }

  close(reason) {
    this.state = "closed";
    return [{ action: "close", reason }];
  }
}
