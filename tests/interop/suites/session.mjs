import { hex, unhex } from "../src/encoding.mjs";
import { Membership } from "../src/membership.mjs";
import { Session } from "../src/session.mjs";
import { same } from "../src/vectors.mjs";

const plain = (actions) => actions.map((each) => (each.data ? { ...each, data: hex(each.data) } : each));

export default function run(suite, file) {
  for (const script of file.scripts) {
    suite.case(script.name, script.why, () => {
      const membership = new Membership(unhex(file.genesis));
      const session = new Session(membership, file.me, script.peer);
      const at = (after_ms) => ({ mono_ms: after_ms, wall_s: file.now_s + Math.floor(after_ms / 1000) });
      for (const entry of file.log) membership.accept(unhex(entry), at(0));
      for (const [number, step] of script.steps.entries()) {
        const now = at(step.after_ms);
        if (step.step === "recheck" && step.data) membership.accept(unhex(step.data), now);
        const actions = step.step === "receive" ? session.receive(unhex(step.data), now) : session[step.step](now);
        same(plain(actions), step.actions, `step ${number + 1}: actions`);
      }
    });
  }
}
