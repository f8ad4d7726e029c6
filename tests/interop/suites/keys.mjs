import { hex, signingBytes, textBytes, unhex } from "../src/encoding.mjs";
import { KeyError, exchange, fingerprint, islandId, islandKey, parseFingerprint, verify, verifyMessage } from "../src/keys.mjs";
import { load, refused, same } from "../src/vectors.mjs";

// Vectors of others, kept beside the generators of ours.
const EXTERNAL = new URL("../../vectors/external/", import.meta.url);
const TAKEN = ["low_order_component_A", "low_order_component_R"];

const canonical = (text) => text === text.toUpperCase() && text.includes("-");

export default function run(suite, file) {
  for (const each of file.island_ids) {
    suite.case(each.island, each.rule ?? "valid", () => {
      if (!each.valid) return refused(() => islandKey(each.island), KeyError);
      same(hex(islandKey(each.island)), each.public);
      same(islandId(unhex(each.public)), each.island);
    });
  }
  for (const each of file.fingerprints) {
    suite.case(each.text, each.rule ?? "valid", () => {
      if (!each.valid) {
        const { group } = refused(() => parseFingerprint(each.text), KeyError);
        return "group" in each && same(group, each.group, "group");
      }
      same(hex(parseFingerprint(each.text)), each.public);
      if (canonical(each.text)) same(fingerprint(unhex(each.public)), each.text);
    });
  }
  for (const each of file.signing_bytes) {
    suite.case(`signing bytes of ${each.domain}`, "signed bytes", () => same(hex(signingBytes(each.domain, unhex(each.body))), each.bytes));
  }
  for (const each of file.signatures) {
    suite.case(each.why, "signatures", () =>
      same(verify(unhex(each.public), each.domain, unhex(each.body), unhex(each.signature)), each.valid, "verdict"));
  }
  suite.case("C2SP/CCTV", "section 4", () => {
    for (const { number, key, sig, msg, flags } of load("cctv_ed25519vectors", EXTERNAL)) {
      const expected = (flags ?? []).every((flag) => TAKEN.includes(flag));
      same(verifyMessage(unhex(key), textBytes(msg), unhex(sig)), expected, `number ${number}`);
    }
  });
  suite.case("C2SP/Wycheproof", "section 4", () => {
    for (const { publicKey, tests } of load("wycheproof_ed25519_test", EXTERNAL).testGroups) {
      for (const { tcId, msg, sig, result } of tests) {
        same(verifyMessage(unhex(publicKey.pk), unhex(msg), unhex(sig)), result === "valid", `tcId ${tcId}`);
      }
    }
  });
  for (const each of file.exchanges) {
    suite.case(each.why ?? each.public, "exchanges", () => {
      const act = () => hex(exchange(unhex(each.secret), unhex(each.public)));
      if (!each.valid) return refused(act, KeyError);
      same(act(), each.shared);
    });
  }
}
