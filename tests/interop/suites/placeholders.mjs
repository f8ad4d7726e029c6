import { escape, find, parse, points, unescape } from "../src/placeholders.mjs";
import { same } from "../src/vectors.mjs";

export default function run(suite, file) {
  for (const { valid, rule, why, ...expected } of file.tokens) {
    suite.case(expected.token, rule ?? "valid", () => same(parse(expected.token), valid ? expected : null, `token (${why})`));
  }
  for (const each of file.texts) suite.case(each.text, "found", () => same(points(each.text, find(each.text)), each.found));
  for (const each of file.escapes) {
    suite.case(each.text, "lookalikes", () => {
      same(escape(each.text), { escaped: each.escaped, literals: each.literals });
      same(unescape(each.escaped, each.literals), each.text);
    });
  }
}
