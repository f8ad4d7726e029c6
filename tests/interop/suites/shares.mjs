import { EncodingError, unhex } from "../src/encoding.mjs";
import { RecordError } from "../src/records.mjs";
import { granted, left, mayLease, openShare } from "../src/shares.mjs";
import { refused, same } from "../src/vectors.mjs";

export default function run(suite, file) {
  for (const each of file.shares) {
    suite.case(each.name, each.why ?? "valid", () => {
      const raw = unhex(each.data);
      if (!each.valid) return same(refused(() => openShare(raw), RecordError, EncodingError).field ?? null, each.field, "field");
      same(openShare(raw), each.body, "body");
    });
  }
  for (const each of file.grants) {
    suite.case(each.name, "grant", () => {
      same(left(each.caps), each.left, "left");
      same(granted(each.left, each.before, each.known, each.need, each.wish), each.granted, "granted");
    });
  }
  for (const { day, second, leased } of file.days) {
    suite.case(`second ${second} of a day`, "day", () => same(mayLease(day, day * 86_400 + second), leased));
  }
}
