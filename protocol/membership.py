"""Who belongs to an archipelago: its signed log as a state machine. Source: specs/03-membership.md.

The state is a function of the *set* of entries taken in, never of their order, so that everybody who holds the same
entries believes the same. Removing beats adding, a signer that contradicts itself admits nobody any more, and what
cannot be led back to the genesis has no effect.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from protocol.encoding import digest
from protocol.errors import MembershipError
from protocol.keys import IslandId, public_key, verify
from protocol.log_entries import LogEntries
from protocol.members import (
    Admitted,
    Forked,
    Known,
    Member,
    MembershipEvent,
    Recorded,
    Removed,
    Renewed,
    Waiting,
    is_current,
)
from protocol.records import Certificate, Genesis, LogEntry, Revocation, Signed, Verifier, read_record
from protocol.terms import Now

MEMBERS_MAX: Final = 256
WAITING_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a log makes one believe, for comparing two of them."""

    certificates: tuple[tuple[IslandId, bytes], ...]  # of every member, the hash of its certificate
    signers: tuple[IslandId, ...]
    removed: tuple[tuple[IslandId, int], ...]  # and how many of its own entries stay good
    forks: tuple[tuple[IslandId, int], ...]


class Membership:
    """One archipelago, as far as the entries taken in tell. Keeping the entries on disk is the store's business."""

    def __init__(
        self,
        genesis: Signed[Genesis],
        *,
        members_max: int = MEMBERS_MAX,
        waiting_max: int = WAITING_MAX,
        verifier: Verifier = verify,
    ) -> None:
        self.genesis = genesis
        self.archipelago = genesis.hash
        self._members_max = members_max
        self._waiting_max = waiting_max
        self._verifier = verifier
        self._log = LogEntries(genesis.hash, genesis.record.signers)
        self._waiting: dict[bytes, Signed[LogEntry]] = {}
        self._authority: dict[IslandId, Signed[Certificate] | None] = {}  # each signer, and what made it one
        self._newest: dict[IslandId, dict[IslandId, Signed[Certificate]]] = {}  # by subject, then issuer
        self._current: dict[IslandId, Signed[Certificate]] = {}
        self._names: dict[str, set[IslandId]] = {}
        self._derive()

    def accept(self, raw: bytes, now: Now) -> tuple[MembershipEvent, ...]:
        """Takes one entry and says what it changed.

        Raises EncodingError or RecordError for what is no entry, MembershipError for one of another archipelago or one
        for which there is no room. Nothing has changed then.
        """
        raw_hash = digest(raw)
        if raw_hash in self._log or raw_hash in self._waiting or raw_hash == self.archipelago:
            return (Known(),)
        unverified = read_record(raw)
        record = unverified.record
        if not isinstance(record, Certificate | Revocation):
            raise MembershipError(record.KIND, "not an entry of this log")
        if record.archipelago != self.archipelago:
            raise MembershipError(f"{record.KIND}.archipelago", "another archipelago's")
        self._check_room(record)
        unverified.verified(self._verifier)
        return self._take(Signed(record, raw, raw_hash), now)

    def is_live(self, island: IslandId, now: Now) -> bool:
        """Whether the island belongs at this moment: certified from the genesis down, in time, never removed."""
        signed = self._current.get(island)
        return signed is not None and is_current(signed.record, now)

    def member(self, island: IslandId, now: Now) -> Member | None:
        """The island as a member, while it is live."""
        return self._member(island) if self.is_live(island, now) else None

    def members(self, now: Now) -> tuple[Member, ...]:
        """All live members, by island id."""
        return tuple(self._member(island) for island in sorted(self._current) if self.is_live(island, now))

    def names(self) -> frozenset[str]:
        """Of all that hold a certificate that counts, lapsed ones too."""
        return frozenset(self._member(island).name for island in self._current)

    def is_revoked(self, island: IslandId) -> bool:
        return island in self._log.revocations

    def is_signer(self, island: IslandId) -> bool:
        """Whether what the island signs next counts."""
        return island in self._authority and self._log.limit(island) is None

    def cap_holder(self) -> IslandId | None:
        """Who holds the owner's cap (specs/12-shares.md): the first signer that still is one. New ones come last."""
        return next(filter(self.is_signer, self._authority), None)

    def certificate(self, island: IslandId) -> bytes | None:
        """The member's newest certificate, whatever its time."""
        signed = self._current.get(island)
        return signed.raw if signed else None

    def chain(self, island: IslandId) -> tuple[bytes, ...]:
        """The certificates that lead from a signer of the genesis to the island; empty when it does not belong."""
        chain: list[bytes] = []
        signed = self._current.get(island)
        while signed is not None:
            chain.append(signed.raw)
            signed = self._authority[signed.record.issuer]
        return tuple(reversed(chain))

    def revocations(self) -> tuple[bytes, ...]:
        """For each removed key a revocation; they count without the entries before them."""
        revocations = self._log.revocations
        return tuple(revocations[island].raw for island in sorted(revocations))

    def heads(self) -> dict[IslandId, tuple[int, bytes]]:
        """For each signer the number and hash of its last entry before the first gap."""
        return self._log.heads()

    def entries_after(self, heads: Mapping[IslandId, tuple[int, bytes]]) -> tuple[bytes, ...]:
        """The entries that whoever has `heads` lacks, in an order that needs no waiting."""
        return self._log.raws(heads)

    def entries(self) -> tuple[bytes, ...]:
        """Every entry taken in. A new Membership that accepts them is in this state."""
        return self._log.raws()

    def next_link(self, issuer: IslandId) -> tuple[int, bytes]:
        """`sequence` and `previous` of the issuer's next entry. Raises MembershipError for a signer that is frozen."""
        return self._log.next_link(issuer)

    def last_sequence(self, island: IslandId) -> int:
        """`keep` of a revocation that lets stand what the island signed so far; 0 where it signed nothing."""
        return self._log.last_sequence(island)

    def snapshot(self) -> Snapshot:
        return Snapshot(
            certificates=tuple((island, self._current[island].hash) for island in sorted(self._current)),
            signers=tuple(sorted(filter(self.is_signer, self._authority))),
            removed=tuple(sorted((island, entry.record.keep) for island, entry in self._log.revocations.items())),
            forks=tuple(sorted(self._log.forks.items())),
        )

    def _check_room(self, record: LogEntry) -> None:
        if isinstance(record, Revocation) or record.subject in self._current or self.is_revoked(record.subject):
            return
        if len(self._current) >= self._members_max:
            raise MembershipError("members", f"{self._members_max} islands belong, the most there may be")

    def _take(self, entry: Signed[LogEntry], now: Now) -> tuple[MembershipEvent, ...]:
        record = entry.record
        if not self._log.may_write(record.issuer):
            while len(self._waiting) >= self._waiting_max:
                del self._waiting[next(iter(self._waiting))]  # the oldest; it is offered again at the next exchange
            self._waiting[entry.hash] = entry
            return (Waiting(record.issuer, record.sequence),)
        events = self._write(entry, now)
        for other in self._freed():
            try:
                self._check_room(other.record)
                events += self._write(other, now)
            except MembershipError:
                continue  # no room for it: dropped, as if it had come now
        return tuple(events)

    def _freed(self) -> Iterator[Signed[LogEntry]]:
        """The waiting entries whose issuer may write by now, including those that the last one freed."""
        while True:
            freed = next((one for one in self._waiting.values() if self._log.may_write(one.record.issuer)), None)
            if freed is None:
                return
            del self._waiting[freed.hash]
            yield freed

    def _write(self, entry: Signed[LogEntry], now: Now) -> list[MembershipEvent]:
        """Adds an entry and tells what changed, by comparing what was believed before and after."""
        record = entry.record
        was_revoked, fork = self.is_revoked(record.subject), self._log.forks.get(record.issuer)
        self._log.add(entry, is_member=record.subject in self._newest)
        forked = self._log.forks.get(record.issuer)
        new_signer = isinstance(record, Certificate) and record.signer and record.subject not in self._authority
        if isinstance(record, Revocation) or forked != fork or new_signer:
            before = self._current
            self._derive()
            changed = sorted(before.keys() | self._current.keys())
        else:
            before = {record.subject: self._current[record.subject]} if record.subject in self._current else {}
            self._certify(entry)
            changed = [record.subject]
        events: list[MembershipEvent] = []
        if forked is not None and forked != fork:
            events.append(Forked(record.issuer, forked))
        if self.is_revoked(record.subject) and not was_revoked and record.subject not in before:
            events.append(Removed(record.subject))
        events += filter(None, (self._change(island, before.get(island), now) for island in changed))
        if not events:
            events.append(Recorded(record.issuer, record.sequence) if entry.hash in self._log else Known())
        return events

    def _change(self, island: IslandId, before: Signed[Certificate] | None, now: Now) -> MembershipEvent | None:
        after = self._current.get(island)
        if after is None:
            return Removed(island) if before is not None else None
        if before is None:
            return Admitted(self._member(island)) if is_current(after.record, now) else None
        return Renewed(self._member(island)) if before.hash != after.hash else None

    def _derive(self) -> None:
        """Who belongs, from the entries alone: breadth first from the genesis, each signer as far as it counts."""
        self._authority = dict.fromkeys(self.genesis.record.signers)
        self._newest, self._current, self._names = {}, {}, {}
        queue = list(self._authority)
        for issuer in queue:
            for entry in self._log.of(issuer):
                certificate = self._certify(entry)
                if certificate is None or not certificate.record.signer:
                    continue
                if certificate.record.subject not in self._authority:
                    self._authority[certificate.record.subject] = certificate
                    queue.append(certificate.record.subject)

    def _certify(self, entry: Signed[LogEntry]) -> Signed[Certificate] | None:
        """Lets an entry count, if it is a certificate that does; returns it then."""
        record = entry.record
        if not isinstance(record, Certificate) or record.issuer not in self._authority:
            return None
        limit = self._log.limit(record.issuer)
        if limit is not None and record.sequence > limit:
            return None
        certificate = cast("Signed[Certificate]", entry)
        by_issuer = self._newest.setdefault(record.subject, {})
        held = by_issuer.get(record.issuer)
        if held is None or held.record.sequence < record.sequence:
            by_issuer[record.issuer] = certificate
        if not self.is_revoked(record.subject):
            # One signer's word is in its own order, so that a clock set back cannot keep an older one alive.
            self._set_current(max(by_issuer.values(), key=lambda one: (one.record.not_before_s, one.hash)))
        return certificate

    def _set_current(self, signed: Signed[Certificate]) -> None:
        island = signed.record.subject
        before = self._current.get(island)
        if before is not None:
            self._names[before.record.name].discard(island)
        self._current[island] = signed
        self._names.setdefault(signed.record.name, set()).add(island)

    def _member(self, island: IslandId) -> Member:
        certificate = self._current[island].record
        name = certificate.name
        if len(self._names[name]) > 1:
            name = f"{name}~{island[-4:]}"  # nobody's by that name alone, so that a newcomer cannot take it over
        return Member(
            island=island,
            public=public_key(island),
            sealing=certificate.sealing,
            name=name,
            person=certificate.person,
            ceiling=certificate.ceiling,
            signer=self.is_signer(island),
            jurisdiction=certificate.jurisdiction,
            grants=certificate.grants,
            spend_share=certificate.spend_share,
            not_before_s=certificate.not_before_s,
            expires_s=certificate.expires_s,
        )
