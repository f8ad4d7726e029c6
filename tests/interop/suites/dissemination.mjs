import { equal, hex, unhex } from "../src/encoding.mjs";
import { Membership } from "../src/membership.mjs";
import { Reactions } from "../src/dissemination.mjs";
import { RecordError } from "../src/records.mjs";
import { Chance, readAnswer, readFrame, readQuestion, write } from "../src/sync.mjs";
import { refused, same } from "../src/vectors.mjs";

const plain = (actions) => actions.map((each) => (each.data ? { ...each, data: hex(each.data) } : each));

// What an island does of itself: compared for form alone.
const OWN_INITIATIVE = ["gossip", "need_statement", "suspect"];

export default function run(suite, file) {
  for (const each of file.frames) {
    suite.case(each.name, each.why ?? "valid", () => {
      if (!each.valid) return same(refused(() => readFrame(unhex(each.data)), RecordError).field, each.field, "field");
      same(hex(write(readFrame(unhex(each.data)))), each.data, "encoding");
    });
  }
  for (const data of file.questions) suite.case(data, "question", () => same(hex(write(readQuestion(unhex(data)))), data));
  for (const data of file.answers) suite.case(data, "answer", () => same(hex(write(readAnswer(unhex(data)))), data));
  suite.case("chance", "splitmix64", () => {
    const chance = new Chance(file.chance.seed);
    same(file.chance.below_1000.map(() => chance.below(1000)), file.chance.below_1000);
  });

  const membership = new Membership(unhex(file.genesis));
  const at = (after_ms) => ({ mono_ms: after_ms, wall_s: file.now_s + Math.floor(after_ms / 1000) });
  for (const entry of file.log) membership.accept(unhex(entry), at(0));
  const island = new Reactions(membership, file.me);
  for (const step of file.script) {
    suite.case(`${step.step} after ${step.after_ms} ms`, "script", () => {
      if (step.step === "tick") return tick(island, step);
      const now = at(step.after_ms);
      const act = {
        session: () => island.session(step.peer, {}),
        publish: () => island.publish(unhex(step.data), now),
        gossip: () => island.gossip(step.peer, unhex(step.data), now),
        sync: () => island.sync(step.peer, unhex(step.data), now),
      };
      same(plain(act[step.step]()), step.actions.filter((each) => !OWN_INITIATIVE.includes(each.action)), "actions");
    });
  }
}

function tick(island, step) {
  for (const { action, peer, data } of step.actions) {
    if (action === "close") island.silent(peer);
    if (!data) continue;
    const frame = readFrame(unhex(data));
    if (frame.t === "summary") same(equal(unhex(data), island.summary()), true, "the summary is of what is known");
  }
}
