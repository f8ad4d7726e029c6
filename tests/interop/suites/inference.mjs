import { hex, unhex } from "../src/encoding.mjs";
import { Answer, Passages, readAnswer, readAsk, readPassages } from "../src/inference.mjs";
import { RecordError } from "../src/records.mjs";
import { refused, same } from "../src/vectors.mjs";

export default function run(suite, file) {
  const check = (each, read) =>
    suite.case(each.field ?? "valid", each.why ?? "valid", () => {
      if (!each.valid) return same(refused(() => read(unhex(each.data)), RecordError).field, each.field, "field");
      return read(unhex(each.data));
    });
  for (const each of file.asks) {
    check(each, (data) => {
      const ask = readAsk(data, unhex(file.request_id));
      const found = [Buffer.from(ask.chat).toString(), ask.model, ask.collection && hex(ask.collection)];
      if (each.valid) same(found, [each.chat, each.model, each.collection]);
    });
  }
  for (const each of file.answers) check(each, readAnswer);
  for (const each of file.passages_asks) {
    check(each, (data) => {
      const ask = readAsk(data, unhex(file.request_id));
      if (each.valid) same([ask.question, hex(ask.collection), ask.most], [each.question, each.collection, each.most]);
    });
  }
  for (const each of file.passages) check(each, readPassages);
  const order = (each, answer, read) =>
    suite.case(each.why, "order", () => {
      const events = [...each.frames.map((data) => read(unhex(data))), null];
      const at = events.findIndex((event) => {
        try {
          answer.on(event);
        } catch (error) {
          if (error instanceof RecordError) return true;
          throw error;
        }
        return false;
      });
      same(at < 0 ? null : at, each.refused_at, "refused at");
    });
  for (const each of file.orders) order(each, new Answer(), readAnswer);
  for (const each of file.passages_orders) order(each, new Passages(each.most), readPassages);
}
