"""What is believed now of other islands: accept, refuse, expire. Source: specs/03-membership.md, section 6.

Cheap questions come first and the signature last, since a signature costs several times all the rest. A statement lives
from its first receipt, on this machine's monotonic clock; hearing it again adds nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, cast

from protocol.encoding import digest
from protocol.errors import EncodingError, RecordError
from protocol.keys import IslandId, verify
from protocol.membership import Membership
from protocol.records import (
    STATEMENT_BYTES_MAX,
    CapabilityStatement,
    Observation,
    Unverified,
    Verifier,
    read_record,
)
from protocol.terms import Now

ISLANDS_MAX: Final = 256
OBSERVATIONS_PER_ISLAND_MAX: Final = 32  # of one observer: more is noise or an attack
JUDGED_MAX: Final = 4_096  # verdicts remembered: most of what gossip brings comes again, and then costs a hash


class RefusalReason(StrEnum):
    """Why a record is not believed; stable, for counting."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    OTHER_KIND = "other_kind"
    NOT_A_MEMBER = "not_a_member"
    QUARANTINED = "quarantined"
    FULL = "full"
    BAD_SIGNATURE = "bad_signature"
    EQUIVOCATION = "equivocation"


@dataclass(frozen=True, slots=True)
class New:
    """Believed from now on; worth passing on."""

    record: CapabilityStatement | Observation


@dataclass(frozen=True, slots=True)
class Stale:
    """Known already, or older than what is known."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Not believed. `author` is None where the record did not say, or did not prove, who wrote it."""

    reason: RefusalReason
    author: IslandId | None = None


Verdict: TypeAlias = New | Stale | Refused


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest record of an author, which outlives its lifetime so that it is never taken again."""

    boot: int
    sequence: int
    hash: bytes

    @property
    def order(self) -> tuple[int, int]:
        return self.boot, self.sequence


@dataclass(frozen=True, slots=True)
class _Held:
    record: CapabilityStatement | Observation
    raw: bytes
    until_ms: int


class Registry:
    """Statements and observations of live members, newest of each author, in a bounded space."""

    def __init__(self, membership: Membership, *, islands_max: int = ISLANDS_MAX, verifier: Verifier = verify) -> None:
        self._membership = membership
        self._islands_max = islands_max
        self._verifier = verifier
        self._newest: dict[IslandId, _Newest] = {}
        self._statements: dict[IslandId, _Held] = {}
        self._observations: dict[IslandId, dict[IslandId, tuple[_Newest, _Held]]] = {}  # by observer, then subject
        self._quarantine: dict[IslandId, int] = {}  # the boot in which an island contradicted itself
        self._forgotten: dict[IslandId, tuple[int, int]] = {}  # by observer, its newest observation that has ended
        self._judged: dict[bytes, bool] = {}  # by hash, whether the signature held

    def accept(self, raw: bytes, now: Now) -> Verdict:
        """Judges one record. Never raises for anything that a peer can send."""
        if len(raw) > STATEMENT_BYTES_MAX:
            return Refused(RefusalReason.TOO_LARGE)
        raw_hash = digest(raw)
        judged = self._judged.get(raw_hash)
        if judged is not None:
            return Stale() if judged else Refused(RefusalReason.BAD_SIGNATURE)
        try:
            unverified = read_record(raw)
        except (EncodingError, RecordError):
            return Refused(RefusalReason.MALFORMED)
        record = unverified.record
        if isinstance(record, CapabilityStatement):
            return self._accept_statement(cast("Unverified[CapabilityStatement]", unverified), raw_hash, now)
        if isinstance(record, Observation):
            return self._accept_observation(cast("Unverified[Observation]", unverified), raw_hash, now)
        return Refused(RefusalReason.OTHER_KIND)

    def statement(self, island: IslandId, now: Now) -> CapabilityStatement | None:
        """What the island says of itself, while that lives and the island is a live member."""
        held = self._statements.get(island)
        if held is None or held.until_ms <= now.mono_ms or not self._membership.is_live(island, now):
            return None
        return cast(CapabilityStatement, held.record)

    def statements(self, now: Now) -> tuple[CapabilityStatement, ...]:
        """Every statement believed now, by island id."""
        found = (self.statement(island, now) for island in sorted(self._statements))
        return tuple(statement for statement in found if statement is not None)

    def observations(self, subject: IslandId, now: Now) -> tuple[Observation, ...]:
        """What others saw of the island and it has not refuted by a newer statement, by observer's id."""
        newest = self._newest.get(subject)
        found = []
        for observer in sorted(self._observations):
            _, held = self._observations[observer].get(subject, (None, None))
            if held is None or held.until_ms <= now.mono_ms or not self._membership.is_live(observer, now):
                continue
            seen = cast(Observation, held.record)
            if newest is None or newest.order <= (seen.subject_boot, seen.subject_sequence):
                found.append(seen)
        return tuple(found)

    def is_quarantined(self, island: IslandId) -> bool:
        """Whether the island signed two records with one number, and no statement of a later boot has come since."""
        boot, newest = self._quarantine.get(island), self._newest.get(island)
        return boot is not None and (newest is None or newest.boot <= boot)

    def expire(self, now: Now) -> tuple[IslandId, ...]:
        """Forgets what has ended; returns the islands whose statement did, by id.

        A member whose certificate ran out is hidden, not forgotten: once renewed, what it said is believed again.
        """
        ended = sorted(
            island
            for island, held in self._statements.items()
            if held.until_ms <= now.mono_ms or not self._belongs(island)
        )
        for island in ended:
            del self._statements[island]
        for observer in list(self._observations):
            self._expire_observations(observer, now)
        for known in (self._newest, self._quarantine, self._forgotten):
            for island in [island for island in known if not self._belongs(island)]:
                del known[island]
        return tuple(ended)

    def digest(self) -> dict[IslandId, tuple[int, int]]:
        """Boot and sequence of the newest statement known of each island, expired ones too: nobody need send those."""
        return {island: newest.order for island, newest in self._newest.items()}

    def newer_than(self, digest: Mapping[IslandId, tuple[int, int]]) -> tuple[bytes, ...]:
        """The statements held that whoever has `digest` lacks, by island id. Call `expire` first."""
        return tuple(
            self._statements[island].raw
            for island in sorted(self._statements)
            if island not in digest or digest[island] < self._newest[island].order
        )

    def _accept_statement(
        self, unverified: Unverified[CapabilityStatement], raw_hash: bytes, now: Now
    ) -> New | Stale | Refused:
        record = unverified.record
        author, order = record.subject, (record.boot, record.sequence)
        newest = self._newest.get(author)
        if newest is not None and (order < newest.order or raw_hash == newest.hash):
            return Stale()
        if refusal := self._refusal(author, record.boot, now):
            return refusal
        if newest is None and len(self._newest) >= self._islands_max:
            return Refused(RefusalReason.FULL, author)
        if not self._verified(unverified, raw_hash):
            return Refused(RefusalReason.BAD_SIGNATURE)
        if newest is not None and order == newest.order:
            return self._contradicted(author, record.boot)
        self._newest[author] = _Newest(record.boot, record.sequence, raw_hash)
        self._statements[author] = _Held(record, unverified.raw, now.mono_ms + record.lifetime_ms)
        return New(record)

    def _accept_observation(
        self, unverified: Unverified[Observation], raw_hash: bytes, now: Now
    ) -> New | Stale | Refused:
        record = unverified.record
        author, order = record.observer, (record.boot, record.sequence)
        held = self._observations.get(author, {})
        newest = held[record.subject][0] if record.subject in held else None
        if order <= self._forgotten.get(author, (-1, -1)) or (newest is not None and order < newest.order):
            return Stale()
        if refusal := self._refusal(author, record.boot, now):
            return refusal
        if not self._membership.is_live(record.subject, now):
            return Refused(RefusalReason.NOT_A_MEMBER, author)
        if newest is None and len(held) >= OBSERVATIONS_PER_ISLAND_MAX:
            return Refused(RefusalReason.FULL, author)
        if not self._verified(unverified, raw_hash):
            return Refused(RefusalReason.BAD_SIGNATURE)
        if newest is not None and order == newest.order:
            return self._contradicted(author, record.boot)
        self._observations.setdefault(author, {})[record.subject] = (
            _Newest(record.boot, record.sequence, raw_hash),
            _Held(record, unverified.raw, now.mono_ms + record.lifetime_ms),
        )
        return New(record)

    def _expire_observations(self, observer: IslandId, now: Now) -> None:
        held = self._observations[observer]
        belongs = self._belongs(observer)
        for subject, (newest, observation) in list(held.items()):
            if belongs and observation.until_ms > now.mono_ms:
                continue
            del held[subject]
            self._forgotten[observer] = max(self._forgotten.get(observer, (-1, -1)), newest.order)
        if not held:
            del self._observations[observer]

    def _belongs(self, island: IslandId) -> bool:
        return self._membership.certificate(island) is not None

    def _refusal(self, author: IslandId, boot: int, now: Now) -> Refused | None:
        if not self._membership.is_live(author, now):
            return Refused(RefusalReason.NOT_A_MEMBER, author)
        if boot <= self._quarantine.get(author, -1):
            return Refused(RefusalReason.QUARANTINED, author)
        return None

    def _contradicted(self, author: IslandId, boot: int) -> Refused:
        """Two records with one number: nothing that the author said in this boot is believed."""
        self._quarantine[author] = boot
        self._statements.pop(author, None)
        self._observations.pop(author, None)
        return Refused(RefusalReason.EQUIVOCATION, author)

    def _verified(self, unverified: Unverified[CapabilityStatement] | Unverified[Observation], raw_hash: bytes) -> bool:
        try:
            unverified.verified(self._verifier)
            holds = True
        except RecordError:
            holds = False
        while len(self._judged) >= JUDGED_MAX:
            del self._judged[next(iter(self._judged))]
        self._judged[raw_hash] = holds
        return holds
