"""Makes archipelagos and records for tests: fixed keys, fixed times, every member changeable."""

from protocol.keys import IslandId, PublicKey, SealingKey, SealingPair, SigningKey
from protocol.records import (
    CapabilityStatement,
    Certificate,
    Finding,
    Genesis,
    ModelOffer,
    ModelOrigin,
    Observation,
    Revocation,
    Signed,
    seal_genesis,
    seal_record,
)
from protocol.terms import Now, Tier

START_S = 1_800_000_000
DAY_S = 86_400
NOW = Now(mono_ms=1_000_000, wall_s=START_S)


def signing_key(number: int) -> SigningKey:
    return SigningKey(number.to_bytes(32, "big"))


def sealing_key(number: int) -> SealingKey:
    return SealingPair(number.to_bytes(32, "big")).public


def later(*, s: int = 0, ms: int = 0) -> Now:
    return Now(mono_ms=NOW.mono_ms + s * 1_000 + ms, wall_s=NOW.wall_s + s)


class Log:
    """One signer's pen: writes entries that continue each other, without a Membership."""

    def __init__(self, key: SigningKey, archipelago: bytes) -> None:
        self.key = key
        self.archipelago = archipelago
        self.sequence = 0
        self.previous = archipelago

    def certificate(self, subject: SigningKey, **changes: object) -> Signed[Certificate]:
        return self.write(
            certificate(self.key.island, self.archipelago, self.sequence + 1, self.previous, subject, **changes)
        )

    def revocation(self, subject: IslandId, keep: int = 0) -> Signed[Revocation]:
        return self.write(
            Revocation(
                archipelago=self.archipelago,
                issuer=self.key.island,
                sequence=self.sequence + 1,
                previous=self.previous,
                subject=subject,
                keep=keep,
                made_s=START_S,
            )
        )

    def write(self, record):
        signed = seal_record(record, self.key)
        self.sequence = record.sequence
        self.previous = signed.hash
        return signed

    def fork(self) -> "Log":
        """A second pen that continues from the same entry: what an honest signer never has."""
        other = Log(self.key, self.archipelago)
        other.sequence, other.previous = self.sequence, self.previous
        return other


def certificate(
    issuer: IslandId, archipelago: bytes, sequence: int, previous: bytes, subject: SigningKey, **changes: object
) -> Certificate:
    members = {
        "archipelago": archipelago,
        "issuer": issuer,
        "sequence": sequence,
        "previous": previous,
        "subject": subject.island,
        "sealing": SealingKey(subject.public[::-1]),
        "name": f"island {subject.island[-6:]}",
        "person": "ada",
        "ceiling": Tier.PERSONAL,
        "signer": False,
        "jurisdiction": "",
        "grants": (),
        "spend_share": None,
        "not_before_s": START_S,
        "expires_s": START_S + 30 * DAY_S,
    }
    return Certificate(**(members | changes))


def genesis(*keys: SigningKey) -> Signed[Genesis]:
    recovery = PublicKey(signing_key(999_999).public)
    return seal_genesis(Genesis(tuple(key.island for key in keys), recovery, START_S), keys)


OFFER = ModelOffer(
    model="SmolLM2-135M",
    context_tokens=8_192,
    slots=1,
    tokens_per_s=62,
    ttft_ms=300,
    origin=ModelOrigin.EMBEDDED,
    tools=False,
)


def statement(key: SigningKey, boot: int = 1, sequence: int = 1, **changes: object) -> Signed[CapabilityStatement]:
    members = {
        "subject": key.island,
        "boot": boot,
        "sequence": sequence,
        "lifetime_ms": 900_000,
        "prekey": sealing_key(7),
        "offers": (OFFER,),
        "battery": None,
    }
    return seal_record(CapabilityStatement(**(members | changes)), key)


def observation(
    key: SigningKey, subject: IslandId, boot: int = 1, sequence: int = 1, **changes: object
) -> Signed[Observation]:
    members = {
        "observer": key.island,
        "subject": subject,
        "boot": boot,
        "sequence": sequence,
        "lifetime_ms": 60_000,
        "finding": Finding.UNREACHABLE,
        "subject_boot": 1,
        "subject_sequence": 1,
    }
    return seal_record(Observation(**(members | changes)), key)
