import { hex, unhex } from "../src/encoding.mjs";
import { frame, hint, keyFor, makeCode, openFrame, parseCode, readFrame, seal, transcriptOf, windowNumber } from "../src/enrolment.mjs";
import { signer } from "../src/keys.mjs";
import { RecordError } from "../src/records.mjs";
import { Spake2 } from "../src/spake2.mjs";
import { refused, same } from "../src/vectors.mjs";

// One enrolment with both ends played here, up to each end's keys.
function enrolled(given) {
  const hosts = [given.joiner_host, given.window_host];
  const secret = given.code.slice(3).replace("-", "");
  const joiner = new Spake2("A", secret, hosts, unhex(given.joiner_entropy));
  const window = new Spake2("B", secret, hosts, unhex(given.window_entropy));
  const transcript = transcriptOf(...hosts, joiner.said, window.said);
  const [ours, theirs] = [joiner.key(window.said), window.key(joiner.said)];
  const keys = { details: keyFor("details", ours, transcript), welcome: keyFor("welcome", theirs, transcript) };
  return { joiner, window, ours, theirs, transcript, keys };
}

export default function run(suite, file) {
  for (const each of file.codes) suite.case(each.text, "code", () => same(makeCode(each.host, unhex(each.entropy)), each.text));
  for (const each of file.numbers) suite.case(each.host, "number", () => same(windowNumber(each.host), each.number));
  for (const each of file.typed) {
    suite.case(each.text, each.why ?? "refused", () => {
      if (!each.valid) return refused(() => parseCode(each.text), RecordError);
      same(parseCode(each.text), each.code);
    });
  }
  for (const each of file.hints) {
    suite.case(each.island, "hint", () => same(hex(hint(unhex(each.salt), unhex(each.archipelago), each.island)), each.hint));
  }
  const given = file.enrolment;
  suite.case("enrolment", "section 3", () => {
    const { joiner, window, ours, theirs, transcript, keys } = enrolled(given);
    same([hex(frame("hello", { spake: joiner.said })), hex(frame("reply", { spake: window.said }))], [given.hello, given.reply], "spake");
    same(hex(ours), hex(theirs), "SPAKE2's key at both ends");
    same(hex(transcript), given.transcript, "transcript");
    same([hex(keys.details), hex(keys.welcome)], [given.details_key, given.welcome_key], "keys");
    const device = signer(unhex(given.device_seed));
    const proof = device.sign("enrolment", transcript);
    const details = { name: given.name, public: device.public, sealing: unhex(given.device_sealing), proof };
    same(hex(frame("details", { sealed: seal(keys.details, details, transcript) })), given.details, "details");
    same(openFrame(unhex(given.details), "details", keys.details, transcript).name, given.name, "name");
    const welcome = openFrame(unhex(given.welcome), "welcome", keys.welcome, transcript);
    same([hex(welcome.genesis), welcome.entries.map(hex)], [given.genesis, given.entries], "welcome");
  });
  for (const each of file.faults) {
    suite.case(`${each.kind}: ${each.field}`, each.why, () => {
      const { window, transcript, keys } = enrolled(given);
      const act = () => {
        if (each.kind === "hello") return window.key(readFrame(unhex(each.data), "hello").spake);
        return openFrame(unhex(each.data), each.kind, keys[each.kind], transcript);
      };
      same(refused(act, RecordError).field, each.field, "field");
    });
  }
}
