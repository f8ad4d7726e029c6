"""specs/vectors/dissemination.json: sync frames, and a script of one island among its peers."""

from protocol.chance import Chance
from protocol.dissemination import Dissemination
from protocol.encoding import Wire, decode, encode
from protocol.failure import Alive, Dead, Suspect
from protocol.mesh_actions import Alarm, Answered, Believed, CloseSession, Gossip, NeedStatement, Questioned, SendSync
from protocol.questions import (
    CollectionName,
    CollectionsAnswer,
    CollectionsQuestion,
    LeaseAnswer,
    LeaseQuestion,
    LoadAnswer,
    LoadQuestion,
    ModelLoad,
    RecallAnswer,
    RecallQuestion,
    ReturnAnswer,
    ReturnQuestion,
    encode_answer,
    encode_question,
)
from protocol.registry import Registry
from protocol.sync import (
    Ack,
    Answer,
    LogDigest,
    Ping,
    PingRequest,
    Question,
    Records,
    StateDigest,
    Summary,
    encode_frame,
)
from protocol.terms import NanoUsd, Sensitivity
from tests.attested import NOW, later, signing_key, statement
from tests.unit.islands import Archipelago
from tests.vectors import generate_shares

ISLANDS = Archipelago(4)
ME, PEER, OTHER = ISLANDS.ids[0], ISLANDS.ids[1], ISLANDS.ids[2]
MINE, THEIRS = statement(ISLANDS.keys[0]).raw, statement(ISLANDS.keys[1]).raw
HEADS = ISLANDS.membership().heads()
FRAMES = {
    "summary": Summary.of(HEADS, {ME: (1, 1)}),
    "log digest": LogDigest(HEADS, True),
    "state digest": StateDigest({ME: (1, 2)}, b"", bytes(32), False),
    "records": Records((MINE, THEIRS)),
    "ping": Ping(7),
    "ping request": PingRequest(8, OTHER),
    "ack": Ack(9),
    "question": Question(1, encode_question(LoadQuestion())),
    "answer": Answer(1, encode_answer(LoadAnswer((ModelLoad("smollm2", 1, 0),)))),
}
FAULTS: list[tuple[str, dict[str, Wire], str, str]] = [
    ("ping", {"t": "pong"}, "sync.t", "unknown"),
    ("ping", {"nonce": 2**32}, "sync.nonce", "32 bits"),
    ("ping", {"more": 1}, "sync.more", "what is not known cannot be judged"),
    ("ping request", {"target": bytes(31)}, "sync.target", "a key has 32 bytes"),
    ("records", {"raws": [bytes(4_097)]}, "sync.raws[0]", "no record is longer"),
    ("records", {"raws": [b""] * 129}, "sync.raws", "128 records"),
    ("state digest", {"states": [[bytes(32), 1]]}, "sync.states[0]", "island, boot, sequence"),
    ("state digest", {"states": [[bytes(32), -1, 0]]}, "sync.states[0].1", "boots are counted"),
    ("log digest", {"heads": [[bytes(32), 1, bytes(31)]]}, "sync.heads[0].2", "a digest has 32 bytes"),
    ("log digest", {"heads": [[bytes(32), 1, bytes(32)]] * 2}, "sync.heads", "two readers must read the same"),
    ("state digest", {"states": [[bytes(32), 1, 0]] * 2}, "sync.states", "two readers must read the same"),
    ("log digest", {"reply": 1}, "sync.reply", "1 is not true"),
    ("summary", {"hash": bytes(31)}, "sync.hash", "a digest has 32 bytes"),
]

LEASE, RETURN = generate_shares.LEASE, generate_shares.RETURN
QUESTIONS = (
    LoadQuestion(),
    CollectionsQuestion(),
    LeaseQuestion("cloud", generate_shares.DAY, NanoUsd(5), NanoUsd(7), NanoUsd(50_000_000)),
    RecallQuestion("cloud", generate_shares.DAY),
    ReturnQuestion(RETURN),
)
LOADS = LoadAnswer((ModelLoad("smollm2", 1, 0),))
SHARES = (
    LeaseAnswer(LEASE),
    LeaseAnswer(None),
    RecallAnswer(RETURN),
    RecallAnswer(None),
    ReturnAnswer(NanoUsd(1)),
)


class Script:
    """One island with two peers, until one of them dies and the other is revoked."""

    def __init__(self) -> None:
        membership = ISLANDS.membership()
        self.machine = Dissemination(ME, membership, Registry(membership), seed=1, now=NOW)
        self.steps: list[dict[str, object]] = []

    def note(self, kind: str, ms: int, actions: tuple[object, ...], peer: str = "", data: bytes = b"") -> None:
        step: dict[str, object] = {"step": kind, "after_ms": ms}
        if peer:
            step["peer"] = peer
        if data:
            step["data"] = data.hex()
        self.steps.append({**step, "actions": [told(action) for action in actions]})

    def tick(self, ms: int) -> None:
        self.note("tick", ms, self.machine.tick(later(ms=ms)))

    def tick_until(self, ms: int) -> None:
        while (due := self.machine.next_wake_ms() - NOW.mono_ms) <= ms:
            self.tick(due)

    def session(self, peer: str, ms: int) -> None:
        self.note("session", ms, self.machine.on_session(peer, {}, later(ms=ms)), peer)

    def sync(self, peer: str, frame: bytes, ms: int) -> None:
        self.note("sync", ms, self.machine.on_sync(peer, frame, later(ms=ms)), peer, frame)

    def gossip(self, peer: str, frame: bytes, ms: int) -> None:
        self.note("gossip", ms, self.machine.on_gossip(peer, frame, later(ms=ms)), peer, frame)

    def publish(self, raw: bytes, ms: int) -> None:
        self.note("publish", ms, self.machine.publish(raw, later(ms=ms)), data=raw)

    def run(self) -> list[dict[str, object]]:
        self.tick(0)
        self.publish(MINE, 1)
        self.session(PEER, 10)
        self.session(OTHER, 11)
        self.gossip(PEER, encode_frame(Records((THEIRS,))), 300)
        self.gossip(signing_key(99).island, encode_frame(Records((THEIRS,))), 301)
        self.sync(PEER, encode_frame(Ping(7)), 400)
        self.sync(PEER, encode_frame(StateDigest({}, reply=True)), 500)
        self.sync(OTHER, encode_frame(Question(3, encode_question(LoadQuestion()))), 600)
        self.publish(ISLANDS.log.revocation(OTHER).raw, 700)
        self.sync(OTHER, encode_frame(Question(4, encode_question(LoadQuestion()))), 800)
        self.tick_until(6_000)
        self.session(PEER, 6_100)
        self.sync(PEER, b"rubbish", 6_200)
        return self.steps


def told(action: object) -> dict[str, object]:
    match action:
        case SendSync(peer, data):
            return {"action": "send", "peer": peer, "data": data.hex()}
        case Gossip(data):
            return {"action": "gossip", "data": data.hex()}
        case Believed(raw):
            return {"action": "believed", "data": raw.hex()}
        case Alive(peer) | Suspect(peer) | Dead(peer):
            return {"action": type(action).__name__.lower(), "peer": peer}
        case CloseSession(peer, reason):
            return {"action": "close", "peer": peer, "reason": reason.value}
        case Questioned(peer, number, content) | Answered(peer, number, content):
            kind = type(action).__name__.lower()
            return {"action": kind, "peer": peer, "id": number, "data": content.hex()}
        case Alarm(kind, island):
            return {"action": "alarm", "kind": kind.value, "peer": island}
        case NeedStatement():
            return {"action": "need_statement"}
    raise AssertionError(action)


def vectors() -> dict[str, object]:
    names = CollectionsAnswer((CollectionName(b"c" * 16, "cases", Sensitivity.CONFIDENTIAL, b"d" * 32),))
    chance = Chance(1)
    return {
        "spec": "specs/07-dissemination.md",
        "about": "Bytes are hex. `script`: what the island `me`, which knows `genesis` and `log`, is told and does.",
        "genesis": ISLANDS.genesis.raw.hex(),
        "log": [certificate.raw.hex() for certificate in ISLANDS.certificates],
        "me": ME,
        "now_s": NOW.wall_s,
        "frames": [
            *({"name": name, "valid": True, "data": encode_frame(frame).hex()} for name, frame in FRAMES.items()),
            *(
                {"name": name, "valid": False, "data": changed(name, change).hex(), "field": field, "why": why}
                for name, change, field, why in FAULTS
            ),
        ],
        "questions": [encode_question(question).hex() for question in QUESTIONS],
        "answers": [encode_answer(answer).hex() for answer in (LOADS, names, *SHARES)],
        "chance": {"seed": 1, "below_1000": [chance.below(1000) for _ in range(8)]},
        "script": Script().run(),
    }


def changed(name: str, change: dict[str, Wire]) -> bytes:
    members = decode(encode_frame(FRAMES[name]))
    assert isinstance(members, dict)
    return encode({**members, **change})
