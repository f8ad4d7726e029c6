import { equal, hex, unhex, u32be, concat } from "../src/encoding.mjs";
import { FRAME_BYTES_MAX, Sealer, header, keysOf, openAnswer, openAsk, transcriptOf } from "../src/envelope.mjs";
import { exchange, exchangePublic, signer } from "../src/keys.mjs";
import { RecordError } from "../src/records.mjs";
import { refused, same } from "../src/vectors.mjs";

const SENT = 64; // what the asker had sent when the answers came

export default function run(suite, file) {
  const asker = { ...signer(unhex(file.asker_seed)), secret: unhex(file.asker_secret) };
  const island = { ...signer(unhex(file.island_seed)), secret: unhex(file.island_secret) };
  const prekeySecret = unhex(file.prekey_secret);
  const [senderSealing, recipientSealing, prekey] = [asker.secret, island.secret, prekeySecret].map(exchangePublic);
  const ephemeral = unhex(file.asker_entropy).slice(0, 32);
  const start = header({
    id: unhex(file.request_id), sender: asker.public, recipient: island.public, prekey, ephemeral: exchangePublic(ephemeral), now_s: file.now_s,
  });
  const exchanges = [exchange(ephemeral, prekey), exchange(ephemeral, recipientSealing), exchange(asker.secret, prekey)];
  const transcript = transcriptOf(start, senderSealing, recipientSealing, prekey);
  const keys = keysOf(exchanges, transcript);

  const received = (bytes, seen = new Set()) =>
    openAsk({
      bytes, island: island.public, sealing: island.secret, prekeys: [prekeySecret], peer: asker.island,
      sealingOf: (peer) => (peer === asker.island ? senderSealing : null), now_s: file.now_s, seen,
    });

  suite.case("handshake", "section 2", () => {
    same(hex(start), file.handshake.header, "header");
    same(exchanges.map(hex), file.handshake.exchanges, "exchanges");
    same(hex(transcript), file.handshake.transcript, "transcript");
    same([hex(keys.ask), hex(keys.answer)], [file.handshake.ask_key, file.handshake.answer_key], "keys");
  });
  const check = (each, open) =>
    suite.case(each.name, each.why, () => {
      if (!each.valid) return same(refused(() => open(unhex(each.data)), RecordError).field, each.field, "field");
      same(open(unhex(each.data)).frames.map(hex), each.frames, "frames");
    });
  for (const each of file.asks) check(each, (bytes) => received(bytes));
  for (const each of file.answers) check(each, (bytes) => openAnswer(bytes, keys, transcript, SENT));

  const sealed = (...chunks) => (use) => {
    const sealer = new Sealer(keys[use], transcript);
    return concat(use === "ask" ? concat(u32be(start.length), start) : [], sealer.start, ...chunks.map((chunk) => chunk(sealer)));
  };
  suite.case("what this end seals, it opens", "section 3", () => {
    const long = new Uint8Array(200_000).fill(7);
    const ask = sealed((to) => to.frame(long), (to) => to.cancel())("ask");
    const opened = received(ask);
    same([opened.cancelled, opened.frames.length, equal(opened.frames[0], long)], [true, 1, true]);
    const answer = sealed((to) => to.frame(new Uint8Array(0)), (to) => to.frame(long, true))("answer");
    same(openAnswer(answer, keys, transcript, SENT).frames.map((frame) => frame.length), [0, 200_000]);
  });
  suite.case("an envelope a second time", "id with ephemeral seen before", () => {
    const seen = new Set();
    const ask = sealed((to) => to.cancel())("ask");
    received(ask, seen);
    same(refused(() => received(ask, seen), RecordError).field, "envelope.header.id");
  });
  suite.case("a frame over its bound", "1 MiB to the asker", () => {
    const answer = sealed((to) => to.frame(new Uint8Array(FRAME_BYTES_MAX.answer + 1), true))("answer");
    same(refused(() => openAnswer(answer, keys, transcript, SENT), RecordError).field, "envelope.frame");
  });
}
