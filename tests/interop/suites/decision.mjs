import { explain } from "../src/decision.mjs";
import { InputError } from "../src/input.mjs";
import { Failover, patience } from "../src/failover.mjs";
import { need } from "../src/need.mjs";
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
  for (const each of file.hedging) {
    suite.case(each.name, "hedging", () => {
      const machine = new Failover(each.plan, each.patience_ms);
      for (const [event, at, told, number] of each.steps) {
        const found = machine.on(event, at, number);
        same("misuse" in found ? { misuse: true } : found, told, `${number} ${event} at ${at}`);
      }
    });
  }
  file.needs.forEach((each, place) => {
    suite.case(`${place}`, "needs", () => same(need(each.shape), each.need, "need"));
  });
  file.patience.forEach((each, place) => {
    suite.case(`${place}`, "patience", () => same(patience(each.offer, each.prompt_tokens, each.output_tokens_expected), each.patience_ms, "patience"));
  });
}
