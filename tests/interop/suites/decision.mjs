import { explain } from "../src/decision.mjs";
import { InputError } from "../src/input.mjs";
import { Failover } from "../src/failover.mjs";
import { refused, same } from "../src/vectors.mjs";

// The reasons of an offer are a set, and `detail` is prose for people.
const comparable = (report) => ({
  ...report,
  offers: report.offers.map((offer) => ({ ...offer, reasons: offer.reasons.map(({ agent, code }) => `${agent} ${code}`).sort() })),
});


export default function run(suite, file) {
  for (const each of file.cases) {
    suite.case(each.name, "cases", () => same(comparable(explain(each.islands, each.request)), comparable(each.report), "report"));
  }
  for (const each of file.refused) {
    suite.case(each.name, "refused", () => refused(() => explain(each.islands, each.request), InputError));
  }
  for (const each of file.failover) {
    suite.case(each.name, "failover", () => {
      const machine = new Failover(each.plan);
      for (const [event, at, told] of each.steps) same(machine.on(event, at), told, `${event} at ${at}`);
    });
  }
}
