// specs/12-shares.md: signed shares of the owner's cap, and what a holder grants.
import { decode, equal, hex } from "./encoding.mjs";
import { verify } from "./keys.mjs";
import { RecordError, hash, key, members, number, sized, upTo, word, words } from "./records.mjs";

const LIMITS = { bytes: 512, depth: 1, items: 16 };
const DAY_MAX = 2 ** 31 - 1;
const BODY = { amount: number(), archipelago: hash, day: number(0, DAY_MAX), holder: key, provider: words(64), subject: key };

export function openShare(raw) {
  const share = members(decode(raw, LIMITS), "share", { kind: word("lease", "return"), body: upTo(512), signature: sized(64) });
  const body = members(decode(share.body, LIMITS), share.kind, BODY);
  if (equal(body.holder, body.subject)) throw new RecordError("purse.subject", "the holder leases nothing to itself");
  if (body.provider === "") throw new RecordError("purse.provider", "empty");
  const author = share.kind === "lease" ? body.holder : body.subject;
  if (!verify(author, share.kind, share.body, share.signature)) throw new RecordError(`${share.kind}.signature`, "not its author's");
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, value instanceof Uint8Array ? hex(value) : value]));
}

export const left = (caps) => Math.max(0, Math.min(...caps.map(([cap, used]) => cap - used)));

export function granted(rest, before, known, need, wish) {
  const unheard = Math.max(0, before - known);
  const missing = Math.max(0, need - unheard);
  if (missing > rest) return before;
  return before + Math.min(rest, Math.max(missing, Math.min(wish - unheard, Math.floor(rest / 8))));
}

export const mayLease = (day, wall_s) => Math.floor((wall_s - 120) / 86_400) <= day && day <= Math.floor((wall_s + 120) / 86_400);
