"""specs/vectors/envelope.json: one handshake, streams in both directions, and each with one fault."""

import nacl.bindings as sodium

from protocol.encoding import Wire, decode, encode
from protocol.envelope import ASKER_ENTROPY_BYTES, ISLAND_ENTROPY_BYTES
from protocol.handshake import Header, asker_keys
from protocol.keys import SealingPair, SigningKey
from protocol.sealed_stream import PAYLOAD_BYTES_MAX, ChunkKind, ChunkSealer
from tests.unit.envelopes import NOW, REQUEST_ID, Pair

ASKER_ENTROPY, ISLAND_ENTROPY = bytes(range(100, 156)), bytes(range(24))
assert (len(ASKER_ENTROPY), len(ISLAND_ENTROPY)) == (ASKER_ENTROPY_BYTES, ISLAND_ENTROPY_BYTES)
PAIR = Pair()
EPHEMERAL = SealingPair(ASKER_ENTROPY[:32])
HELLO = PAIR.asker().hello()
HEADER = HELLO[4:-24]
KEYS = asker_keys(
    Header.from_bytes(HEADER), PAIR.asker_static, EPHEMERAL, PAIR.island_static.public, PAIR.prekey.public
)


def vectors() -> dict[str, object]:
    exchanges = (
        EPHEMERAL.exchange(PAIR.prekey.public),
        EPHEMERAL.exchange(PAIR.island_static.public),
        PAIR.asker_static.exchange(PAIR.prekey.public),
    )
    return {
        "spec": "specs/05-envelope.md",
        "about": "All bytes are hex; `*_seed` and `*_secret` are private keys. `asks` are what the island receives, "
        "`answers` what the asker of `asker_entropy` receives (its first 32 bytes are the ephemeral secret, the rest "
        "is the stream header), who has sent 64 bytes of data chunks. After the bytes the stream ends. Where `valid` "
        "is false it is refused, at `field`.",
        "asker_seed": (b"a" * 32).hex(),
        "asker_secret": PAIR.asker_static.secret.hex(),
        "island_seed": (b"c" * 32).hex(),
        "island_secret": PAIR.island_static.secret.hex(),
        "prekey_secret": PAIR.prekey.secret.hex(),
        "request_id": REQUEST_ID.hex(),
        "now_s": NOW.wall_s,
        "asker_entropy": ASKER_ENTROPY.hex(),
        "island_entropy": ISLAND_ENTROPY.hex(),
        "handshake": {
            "header": HEADER.hex(),
            "transcript": KEYS.transcript.hex(),
            "exchanges": [exchange.hex() for exchange in exchanges],
            "ask_key": KEYS.ask.hex(),
            "answer_key": KEYS.answer.hex(),
        },
        "asks": [*good_asks(), *bad_headers(), *bad_asks()],
        "answers": [*good_answers(), *bad_answers()],
    }


def case(name: str, data: bytes, why: str, *, frames: list[bytes] | None = None, field: str = "") -> dict[str, object]:
    outcome: dict[str, object] = (
        {"frames": [frame.hex() for frame in frames]} if frames is not None else {"field": field}
    )
    return {"name": name, "valid": frames is not None, "why": why, "data": data.hex(), **outcome}


class Stream:
    """Seals one direction, and what no honest end would seal."""

    def __init__(self, key: bytes, header: bytes, opening: bytes) -> None:
        self.sealer = ChunkSealer(key, header, KEYS.transcript)
        self.data = opening

    def chunk(self, kind: ChunkKind, payload: bytes, *, final: bool = False) -> "Stream":
        self.data += self.sealer.seal(kind, payload, final=final)
        self.sealer.ended = False
        return self

    def raw(self, plain: bytes, tag: int = 0) -> "Stream":
        sealed = sodium.crypto_secretstream_xchacha20poly1305_push(
            self.sealer._state, plain.ljust(-(-len(plain) // 64) * 64, b"\0"), KEYS.transcript, tag
        )
        self.data += len(sealed).to_bytes(4, "big") + sealed
        return self


def ask(opening: bytes = HELLO) -> Stream:
    return Stream(KEYS.ask, ASKER_ENTROPY[32:], opening)


def answer() -> Stream:
    return Stream(KEYS.answer, ISLAND_ENTROPY, ISLAND_ENTROPY)


def good_asks() -> list[dict[str, object]]:
    last, part = ChunkKind.LAST, ChunkKind.PART
    two = ask().chunk(part, b"p" * PAYLOAD_BYTES_MAX).chunk(last, b"rest").chunk(ChunkKind.CANCEL, b"", final=True)
    return [
        case(
            "one frame, then a cancel",
            ask().chunk(last, b"what?").chunk(ChunkKind.CANCEL, b"", final=True).data,
            "the valid case",
            frames=[b"what?"],
        ),
        case("a frame of two chunks", two.data, "frames may be longer", frames=[b"p" * PAYLOAD_BYTES_MAX + b"rest"]),
    ]


def bad_headers() -> list[dict[str, object]]:
    members = decode(HEADER)
    assert isinstance(members, dict)
    stranger = SigningKey(b"z" * 32)
    faults: list[tuple[str, dict[str, Wire], str, str]] = [
        ("another version", {"v": 2}, "envelope.header.v", "what is not known cannot be judged"),
        ("an unknown member", {"route": 1}, "envelope.header.route", "two readers must read the same"),
        ("a short request id", {"id": bytes(15)}, "envelope.header.id", "16 bytes"),
        ("another recipient", {"recipient": stranger.public}, "envelope.header.recipient", "it is not for this island"),
        ("another sender", {"sender": stranger.public}, "envelope.header.sender", "Noise has shown who is there"),
        ("an unknown prekey", {"prekey_id": bytes(8)}, "envelope.header.prekey_id", "a deleted prekey opens nothing"),
        ("expired", {"expiry_s": NOW.wall_s - 121}, "envelope.header.expiry_s", "two minutes of clock skew, no more"),
        ("too far ahead", {"expiry_s": NOW.wall_s + 241}, "envelope.header.expiry_s", "the replay cache forgets"),
        ("ephemeral key of small order", {"ephemeral": bytes(32)}, "envelope.key", "the secret would be guessable"),
        ("ephemeral key changed", {"ephemeral": stranger.public}, "envelope.chunk", "the keys come from it"),
        ("expiry changed", {"expiry_s": NOW.wall_s + 119}, "envelope.chunk", "every chunk is bound to the header"),
    ]
    made = []
    for name, change, field, why in faults:
        header = encode({**members, **change})
        opening = len(header).to_bytes(4, "big") + header + ASKER_ENTROPY[32:]
        made.append(case(name, ask(opening).chunk(ChunkKind.LAST, b"what?").data, why, field=field))
    made.append(case("a header of 513 bytes", (513).to_bytes(4, "big"), "a bound", field="envelope.header"))
    made.append(case("a header in another encoding", b"\0\0\0\x01\xc0", "one form", field="envelope.header"))
    return made


def bad_asks() -> list[dict[str, object]]:
    whole = ask().chunk(ChunkKind.LAST, b"what?")
    forged = Stream(KEYS.answer, ASKER_ENTROPY[32:], HELLO).chunk(ChunkKind.LAST, b"what?")
    return [
        case("cut after its frame", whole.data, "an asker that vanishes has asked nothing", field="envelope.end"),
        case("cut in its header", HELLO[:50], "nothing came", field="envelope.end"),
        case("the other direction's key", forged.data, "reflected", field="envelope.chunk"),
    ]


def good_answers() -> list[dict[str, object]]:
    last = ChunkKind.LAST
    credit = (64).to_bytes(4, "big")
    return [
        case(
            "three frames",
            answer().chunk(last, b"one").chunk(last, b"").chunk(last, b"three", final=True).data,
            "the valid case",
            frames=[b"one", b"", b"three"],
        ),
        case(
            "a payload that fills its padding",
            answer().chunk(last, b"x" * 59).chunk(last, b"x" * 60, final=True).data,
            "59 bytes fit a step of 64, 60 do not",
            frames=[b"x" * 59, b"x" * 60],
        ),
        case(
            "a credit among frames",
            answer().chunk(ChunkKind.CREDIT, credit).chunk(last, b"one", final=True).data,
            "the asker had sent 64 bytes",
            frames=[b"one"],
        ),
    ]


def bad_answers() -> list[dict[str, object]]:
    last, part = ChunkKind.LAST, ChunkKind.PART
    one = answer().chunk(last, b"one")
    cut = one.data
    both = one.chunk(last, b"two", final=True).data
    second = both[len(cut) :]
    changed = cut[:-1] + bytes([cut[-1] ^ 1])
    unfinished = answer().chunk(part, b"x" * PAYLOAD_BYTES_MAX, final=True)
    after = answer().chunk(last, b"one", final=True).chunk(last, b"more")
    part_short = answer().chunk(part, b"x")
    cancel = answer().chunk(ChunkKind.CANCEL, b"", final=True)
    return [
        case("cut before its final chunk", cut, "a cut answer is no answer", field="envelope.end"),
        case("cut inside a chunk", both[:-1], "a cut answer is no answer", field="envelope.end"),
        case("no bytes at all", b"", "a cut answer is no answer", field="envelope.end"),
        case("a changed byte", changed, "not what was sealed", field="envelope.chunk"),
        case("chunks in another order", ISLAND_ENTROPY + second + cut[24:], "reordered", field="envelope.chunk"),
        case("a chunk twice", cut + cut[24:], "repeated", field="envelope.chunk"),
        case("a chunk left out", ISLAND_ENTROPY + second, "something is missing", field="envelope.chunk"),
        case("a chunk after the final one", after.data, "libsodium would open it", field="envelope.end"),
        case("a byte after the final chunk", both + b"\0", "nothing may follow", field="envelope.end"),
        case("a final chunk inside a frame", unfinished.data, "the frame is cut", field="envelope.end"),
        case("a part that does not fill its chunk", part_short.data, "one way to cut a frame", field="envelope.frame"),
        *(case(name, answer().raw(plain, tag).data, why, field=field) for name, plain, tag, why, field in PLAIN_FAULTS),
        *(
            case(name, answer().chunk(ChunkKind.CREDIT, amount.to_bytes(4, "big")).data, why, field="envelope.credit")
            for name, amount, why in [
                ("a credit that was not earned", 65, "64 were sent"),
                ("a credit of nothing", 0, "it says nothing"),
            ]
        ),
        *(
            case(name, ISLAND_ENTROPY + length.to_bytes(4, "big"), why, field="envelope.chunk.length")
            for name, length, why in [
                ("a length no padded chunk has", 82, "64 n + 17"),
                ("a length over the bound", 65_617, "65,553 is the longest"),
            ]
        ),
        case("a cancel by the island", cancel.data, "only the asker may", field="envelope.cancel"),
    ]


PLAIN_FAULTS = [
    ("padding that is not zero", b"\x01\0\0\0\x01x".ljust(63, b"\0") + b"!", 0, "one form", "envelope.chunk.padding"),
    ("more padding than needed", b"\x01\0\0\0\x01x".ljust(65, b"\0"), 0, "one form", "envelope.chunk.padding"),
    ("a payload longer than its chunk", b"\x01\xff\xff\xff\xff", 0, "no room", "envelope.chunk.padding"),
    ("an unknown kind", b"\x09\0\0\0\0", 0, "it cannot be judged", "envelope.chunk.kind"),
    ("the tag PUSH", b"\x01\0\0\0\0", 1, "two ways to end a frame", "envelope.chunk.tag"),
    ("the tag REKEY", b"\x01\0\0\0\0", 2, "unused", "envelope.chunk.tag"),
]
