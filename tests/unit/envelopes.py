"""Two ends of an envelope between two islands, made from fixed seeds."""

from dataclasses import dataclass, field

from protocol.envelope import AskerEnvelope, Credit, IslandEnvelope, Opened, Send
from protocol.handshake import Keyring, ReplayCache
from protocol.keys import SealingPair, SigningKey
from protocol.records import prekey_id
from protocol.terms import Now

NOW = Now(mono_ms=1_000_000, wall_s=1_800_000_000)
REQUEST_ID = bytes(range(16))


@dataclass
class Known:
    sealing: bytes


@dataclass
class Pair:
    """`asker` may ask `island`; `live` holds the members that the island knows."""

    asker_key: SigningKey = field(default_factory=lambda: SigningKey(b"a" * 32))
    asker_static: SealingPair = field(default_factory=lambda: SealingPair(b"b" * 32))
    island_key: SigningKey = field(default_factory=lambda: SigningKey(b"c" * 32))
    island_static: SealingPair = field(default_factory=lambda: SealingPair(b"d" * 32))
    prekey: SealingPair = field(default_factory=lambda: SealingPair(b"e" * 32))
    replays: ReplayCache = field(default_factory=ReplayCache)
    live: dict = field(default_factory=dict)

    def __post_init__(self):
        self.live[self.asker_key.island] = Known(self.asker_static.public)

    @property
    def keyring(self):
        return Keyring(
            public=self.island_key.public,
            static=self.island_static,
            prekeys={prekey_id(self.prekey.public): self.prekey},
            member=lambda island, now: self.live.get(island),
            replays=self.replays,
        )

    def asker(self, **changes):
        arguments = {
            "request_id": REQUEST_ID,
            "own_public": self.asker_key.public,
            "own_static": self.asker_static,
            "recipient": self.island_key.public,
            "recipient_sealing": self.island_static.public,
            "prekey": self.prekey.public,
            "entropy": bytes(range(100, 156)),
            "now": NOW,
        }
        return AskerEnvelope(**{**arguments, **changes})

    def island(self, peer=None, entropy=bytes(range(24))):
        return IslandEnvelope(self.keyring, peer or self.asker_key.island, entropy)


def joined(pair=None):
    """Both ends, after the header and the ask b"ask"."""
    pair = pair or Pair()
    asker, island = pair.asker(), pair.island()
    events = island.receive(asker.hello() + asker.send(b"ask"), NOW)
    back = b"".join(event.data for event in events if isinstance(event, Send))
    asker.receive(back, NOW)
    return asker, island


def frames(events):
    return [event.frame for event in events if isinstance(event, Opened)]


def pump(sender, receiver, data=b"", now=NOW):
    """Moves bytes until nobody has any; returns what the receiver opened. The receiver consumes at once."""
    opened = []
    while data:
        back = b""
        for event in receiver.receive(data, now):
            match event:
                case Opened(frame, cost):
                    opened.append(frame)
                    back += receiver.consumed(cost)
                case Send(more):
                    back += more
        data = b""
        if back:
            for event in sender.receive(back, now):
                if isinstance(event, Credit):
                    data += sender.flush()
    return opened
