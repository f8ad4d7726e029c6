// node emit.mjs: what this implementation makes itself, as JSON, for the first one to read. Keys are those of the envelope's vectors.
import { concat, hex, textBytes, u32be, unhex } from "./src/encoding.mjs";
import { frame, keyFor, seal as sealFrame, transcriptOf as enrolmentTranscript } from "./src/enrolment.mjs";
import { Sealer, header, keysOf, transcriptOf } from "./src/envelope.mjs";
import { exchange, exchangePublic, signer } from "./src/keys.mjs";
import { seal } from "./src/records.mjs";
import { Spake2 } from "./src/spake2.mjs";
import { load } from "./src/vectors.mjs";

const envelope = load("envelope");
const asker = { ...signer(unhex(envelope.asker_seed)), secret: unhex(envelope.asker_secret) };
const island = { ...signer(unhex(envelope.island_seed)), sealing: exchangePublic(unhex(envelope.island_secret)) };
const prekey = exchangePublic(unhex(envelope.prekey_secret));

const record = (kind, fields) => hex(seal(kind, new Map(Object.entries(fields)), asker));

function records() {
  const archipelago = new Uint8Array(32).fill(9);
  const link = { archipelago, issuer: asker.public, subject: island.public, sequence: 1, previous: archipelago };
  const state = { boot: 3, sequence: 7, lifetime_ms: 900_000 };
  return {
    genesis: record("genesis", { signers: [asker.public], recovery: island.public, created_s: envelope.now_s }),
    certificate: record("certificate", {
      ...link, sealing: island.sealing, name: "Büro 🏝", person: "ada", ceiling: "edge", signer: false, jurisdiction: "", grants: [],
      spend_share: null, not_before_s: envelope.now_s, expires_s: envelope.now_s + 1,
    }),
    revocation: record("revocation", { ...link, keep: 0, made_s: 0 }),
    statement: record("statement", {
      ...state, subject: asker.public, prekey, offers: [["small", 4096, 1, 62, 300, "embedded", true]], battery: null,
    }),
    observation: record("observation", {
      ...state, observer: asker.public, subject: island.public, finding: "reachable", subject_boot: 0, subject_sequence: 0,
    }),
  };
}

function ask() {
  const ephemeral = unhex(envelope.asker_entropy).slice(0, 32);
  const start = header({
    id: unhex(envelope.request_id), sender: asker.public, recipient: island.public, prekey, ephemeral: exchangePublic(ephemeral),
    now_s: envelope.now_s,
  });
  const exchanges = [exchange(ephemeral, prekey), exchange(ephemeral, island.sealing), exchange(asker.secret, prekey)];
  const transcript = transcriptOf(start, exchangePublic(asker.secret), island.sealing, prekey);
  const sealer = new Sealer(keysOf(exchanges, transcript).ask, transcript);
  const long = new Uint8Array(100_000).fill(0x6a);
  return hex(concat(u32be(start.length), start, sealer.start, sealer.frame(textBytes("what?")), sealer.frame(long), sealer.cancel()));
}

// The joiner's end: its hello, and the details that it would send after the window's reply of the vectors.
function joining() {
  const { enrolment } = load("enrolment");
  const hosts = [enrolment.joiner_host, enrolment.window_host];
  const window = new Spake2("B", enrolment.code.slice(3).replace("-", ""), hosts, unhex(enrolment.window_entropy));
  const joiner = new Spake2("A", enrolment.code.slice(3).replace("-", ""), hosts, new Uint8Array(64).fill(0x4a));
  const transcript = enrolmentTranscript(...hosts, joiner.said, window.said);
  const device = signer(unhex(enrolment.device_seed));
  const details = {
    name: "zweite", public: device.public, sealing: unhex(enrolment.device_sealing), proof: device.sign("enrolment", transcript),
  };
  const key = keyFor("details", joiner.key(window.said), transcript);
  return { hello: hex(frame("hello", { spake: joiner.said })), details: hex(frame("details", { sealed: sealFrame(key, details, transcript) })) };
}

console.log(JSON.stringify({ records: records(), ask: ask(), joining: joining() }));
