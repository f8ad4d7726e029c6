"""specs/vectors/session.json: greetings, and scripts of one connection as the end that was dialled sees it."""

from protocol.encoding import Wire, decode, encode
from protocol.greeting import GREETING_BYTES_MAX, Greeting
from protocol.session import Admit, Close, Learned, SendGreeting, Session
from tests.attested import DAY_S, NOW, Log, later, signing_key
from tests.unit.islands import Archipelago

ISLANDS = Archipelago()
ME, PEER = ISLANDS.ids[1], ISLANDS.ids[2]
STRANGER = signing_key(77)
GREETING = Greeting((ISLANDS.certificates[2].raw,), (), {}).to_bytes()
REVOKED = Archipelago().revoke(2).raw


class Script:
    def __init__(self, name: str, why: str, peer: str = PEER) -> None:
        self.name, self.why, self.peer = name, why, peer
        self.membership = ISLANDS.membership(0, 1)
        self.session = Session(self.membership, ME, peer, dialler=False)
        self.steps: list[dict[str, object]] = []
        self._note("start", 0, b"", self.session.start(NOW))

    def receive(self, data: bytes, ms: int = 0) -> "Script":
        return self._note("receive", ms, data, self.session.receive(data, later(ms=ms)))

    def tick(self, ms: int) -> "Script":
        return self._note("tick", ms, b"", self.session.tick(later(ms=ms)))

    def log(self, raw: bytes, s: int = 0) -> "Script":
        """The log tells something, by another way."""
        self.membership.accept(raw, later(s=s))
        return self._note("recheck", s * 1000, raw, self.session.recheck(later(s=s)))

    def recheck(self, s: int) -> "Script":
        return self._note("recheck", s * 1000, b"", self.session.recheck(later(s=s)))

    def _note(self, kind: str, ms: int, data: bytes, actions: object) -> "Script":
        assert isinstance(actions, tuple)
        step: dict[str, object] = {"step": kind, "after_ms": ms}
        if data:
            step["data"] = data.hex()
        self.steps.append({**step, "actions": [told(action) for action in actions]})
        return self

    def plain(self) -> dict[str, object]:
        return {"name": self.name, "why": self.why, "peer": self.peer, "steps": self.steps}


def told(action: object) -> dict[str, object]:
    match action:
        case SendGreeting(data):
            return {"action": "greet", "data": data.hex()}
        case Admit(member):
            return {"action": "admit", "island": member.island}
        case Learned(raw):
            return {"action": "learned", "data": raw.hex()}
        case Close(reason):
            return {"action": "close", "reason": reason.value}
    raise AssertionError(action)


def vectors() -> dict[str, object]:
    members = decode(GREETING)
    assert isinstance(members, dict)
    malformed: list[tuple[dict[str, Wire], str]] = [
        ({"v": 2}, "another version cannot be judged"),
        ({"more": 1}, "two readers must read the same"),
        ({"chain": [ISLANDS.certificates[2].raw] * 5}, "four certificates at most"),
        ({"chain": [b"rubbish"]}, "no entry of a log"),
        ({"heads": [[bytes(31), 1, bytes(32)]]}, "a key has 32 bytes"),
        ({"revocations": [bytes(513)]}, "a revocation has 512 bytes at most"),
    ]
    forged = ISLANDS.certificates[2].raw[:-1] + bytes([ISLANDS.certificates[2].raw[-1] ^ 1])
    self_made = Log(STRANGER, ISLANDS.genesis.hash).certificate(STRANGER, signer=True).raw
    told_on_itself = Greeting((ISLANDS.certificates[2].raw,), (REVOKED,), {}).to_bytes()
    scripts = [
        Script("a member greets", "the valid case").receive(GREETING),
        Script("a greeting at the last moment", "two seconds").tick(1_999).receive(GREETING, 1_999),
        Script("no greeting in time", "two seconds").tick(2_000).receive(GREETING, 2_000),
        Script("a greeting over the bound", "16 KiB").receive(bytes(GREETING_BYTES_MAX + 1)),
        Script("a second greeting", "one greeting each").receive(GREETING).receive(GREETING),
        Script("the sender's own revocation in its greeting", "revocations come first").receive(told_on_itself),
        Script("revoked while connected", "live connections drop").receive(GREETING).log(REVOKED),
        Script("revoked before it greeted", "it is not even heard").log(REVOKED).receive(GREETING),
        Script("the certificate ends", "a member for its time").receive(GREETING).recheck(30 * DAY_S),
        Script("a forged certificate", "not signed").receive(Greeting((forged,), (), {}).to_bytes()),
        Script("a certificate of its own making", "no signer", STRANGER.island).receive(
            Greeting((self_made,), (), {}).to_bytes()
        ),
        Script("another member's greeting", "Noise has shown who is there", STRANGER.island).receive(GREETING),
        Script("an RSA peer id", "Ed25519 alone", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"),
        Script("oneself", "an island is no peer of its own", ME),
        *(Script(f"malformed: {why}", why).receive(encode({**members, **change})) for change, why in malformed),
    ]
    return {
        "spec": "specs/04-session.md",
        "about": "Each script is one connection that `peer` dialled; the island `me` knows genesis and `log`. "
        "`recheck` with data: that entry was taken in first. Times count from the start, at `now_s`.",
        "genesis": ISLANDS.genesis.raw.hex(),
        "log": [certificate.raw.hex() for certificate in ISLANDS.certificates[:2]],
        "me": ME,
        "now_s": NOW.wall_s,
        "scripts": [script.plain() for script in scripts],
    }
