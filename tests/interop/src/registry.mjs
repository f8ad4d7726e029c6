// specs/03-membership.md, section 6: what is believed now.
import { EncodingError, digest, equal, hex } from "./encoding.mjs";
import { islandId } from "./keys.mjs";
import { RECORD_BYTES_MAX, RecordError, openUnverified, signed } from "./records.mjs";

const AUTHORS_MAX = 256;
const OBSERVATIONS_MAX = 32;
const JUDGED_MAX = 4096;

const older = (a, b) => a.boot - b.boot || a.sequence - b.sequence;

export class Registry {
  constructor(membership) {
    this.membership = membership;
    this.newest = new Map(); // slot: the newest record of an author's statements, or of its observations of one subject
    this.judged = new Map(); // hash: whether its signature held
    this.quarantined = new Map(); // author: the last boot in which nothing is believed
  }

  accept(raw, now) {
    if (raw.length > RECORD_BYTES_MAX) return "too_large";
    const judged = this.judged.get(hex(digest(raw)));
    if (judged !== undefined) return judged ? "stale" : "bad_signature";
    let opened;
    try {
      opened = openUnverified(raw);
    } catch (error) {
      if (error instanceof EncodingError || error instanceof RecordError) return "malformed";
      throw error;
    }
    if (opened.kind !== "statement" && opened.kind !== "observation") return "other_kind";
    this.forgetRemoved();
    const { record } = opened;
    const author = islandId(opened.authors[0]);
    const slot = opened.kind === "statement" ? author : `${author} ${islandId(record.subject)}`;
    const known = this.newest.get(slot);
    const order = known ? older(record, known.record) : 1;
    if (order < 0 || (order === 0 && equal(known.raw, raw))) return "stale";
    if (!this.membership.member(author, now)) return "not_a_member";
    if (opened.kind === "observation" && !this.membership.member(islandId(record.subject), now)) return "not_a_member";
    if (this.quarantined.has(author) && record.boot <= this.quarantined.get(author)) return "quarantined";
    if (order !== 0 && !known && !this.roomFor(author, opened.kind)) return "full";
    if (!this.verified(opened)) return "bad_signature";
    if (order === 0) {
      this.drop(author);
      this.quarantined.set(author, record.boot);
      return "equivocation";
    }
    this.newest.set(slot, { author, kind: opened.kind, record, raw, ends_ms: now.mono_ms + record.lifetime_ms });
    return "new";
  }

  verified(opened) {
    const holds = signed(opened);
    this.judged.set(hex(opened.hash), holds);
    if (this.judged.size > JUDGED_MAX) this.judged.delete(this.judged.keys().next().value);
    return holds;
  }

  roomFor(author, kind) {
    const held = [...this.newest.values()].filter((each) => each.kind === kind);
    return kind === "statement" ? held.length < AUTHORS_MAX : held.filter((each) => each.author === author).length < OBSERVATIONS_MAX;
  }

  drop(author) {
    for (const [slot, each] of this.newest) if (each.author === author) this.newest.delete(slot);
  }

  forgetRemoved() {
    for (const each of this.newest.values()) if (this.membership.isRemoved(each.author)) this.drop(each.author);
  }

  believed(kind, now) {
    return [...this.newest.values()].filter(
      (each) => each.kind === kind && now.mono_ms < each.ends_ms && this.membership.member(each.author, now));
  }

  // The digest: also of statements that have ended.
  states() {
    const known = [...this.newest.values()].filter((each) => each.kind === "statement");
    return Object.fromEntries(known.map(({ author, record }) => [author, [record.boot, record.sequence]]));
  }

  statements(now) {
    return this.believed("statement", now).map((each) => each.author).sort();
  }
}
