import { EncodingError, hex, unhex } from "../src/encoding.mjs";
import { Membership } from "../src/membership.mjs";
import { RecordError } from "../src/records.mjs";
import { Registry } from "../src/registry.mjs";
import { same } from "../src/vectors.mjs";

function events(membership, step) {
  try {
    return membership.accept(unhex(step.data), step);
  } catch (error) {
    if (error instanceof RecordError || error instanceof EncodingError) return "refused";
    throw error;
  }
}

const after = (membership, registry, now) => ({
  members: membership.members(now),
  removed: membership.removed,
  forks: membership.forks,
  statements: registry.statements(now),
});

export default function run(suite, file) {
  for (const script of file.scripts) {
    suite.case(script.name, script.why, () => {
      const membership = new Membership(unhex(file.genesis));
      same(hex(membership.archipelago), file.archipelago);
      const registry = new Registry(membership);
      script.steps.forEach((step, at) => {
        if (step.step === "entry") same(events(membership, step), step.events, `step ${at + 1}: events`);
        if (step.step === "record") same(registry.accept(unhex(step.data), step), step.verdict, `step ${at + 1}: verdict`);
        same(after(membership, registry, step), step.after, `step ${at + 1}: beliefs`);
      });
    });
    suite.case(script.name, "any order of the entries gives one state", () => {
      const [forward, backward] = [script.steps, [...script.steps].reverse()].map((steps) => {
        const membership = new Membership(unhex(file.genesis));
        for (const step of steps) if (step.step === "entry") events(membership, step);
        const end = script.steps.at(-1);
        return [membership.members(end), membership.removed, membership.forks, membership.heads()];
      });
      same(backward, forward);
    });
  }
}
