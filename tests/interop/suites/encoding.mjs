import { EncodingError, decode, encode, hex, unhex } from "../src/encoding.mjs";
import { refused, same, toJson, toValue } from "../src/vectors.mjs";

export default function run(suite, file) {
  const { bytes_max: bytes, depth_max: depth, items_max: items } = file.limits;
  for (const each of file.cases) {
    suite.case(each.name, each.rule ?? "valid", () => {
      const data = unhex(each.data);
      if (!each.valid) return refused(() => decode(data, { bytes, depth, items }), EncodingError);
      same(toJson(decode(data, { bytes, depth, items })), each.value);
      same(hex(encode(toValue(each.value))), each.data, "encoding");
    });
  }
}
