import { EncodingError, encode, hex, unhex } from "../src/encoding.mjs";
import { RecordError, open } from "../src/records.mjs";
import { refused, same, toJson } from "../src/vectors.mjs";

export default function run(suite, file) {
  for (const each of file.cases) {
    suite.case(each.name, each.why ?? "valid", () => {
      const raw = unhex(each.data);
      if (!each.valid) {
        const error = refused(() => open(raw), RecordError, EncodingError);
        return same(error.field ?? null, each.field, "field");
      }
      const opened = open(raw);
      same(hex(opened.hash), each.hash, "hash");
      same(toJson(opened.fields), each.body, "body");
      same(hex(encode(opened.fields)), hex(opened.body), "encoding of the body");
    });
  }
}
