"""The entries of a membership log as a set: what is held, where signers contradict themselves, who may remove.

Nothing here depends on the order in which entries came. Source: specs/03-membership.md, sections 2 and 3.
"""

from collections.abc import Iterator, Mapping
from typing import Final, cast

from protocol.encoding import DIGEST_BYTES
from protocol.errors import MembershipError
from protocol.keys import IslandId
from protocol.records import Certificate, LogEntry, Revocation, Signed

ENTRIES_MAX: Final = 65_536  # 256 members renewed twice a month for ten years
REVOKED_MAX: Final = 1_024  # keys removed that this log never admitted
FORKED_HEAD: Final = bytes(DIGEST_BYTES)  # the hash that a head gives for a signer that contradicted itself


class LogEntries:
    """Entries by issuer and sequence, with the evidence of forks and every removal, in a bounded space.

    Removing outlives its remover: a revocation counts once anybody who was ever made a signer wrote it, whatever became
    of that signer's other entries. Were it otherwise, a stolen signer could undo its own removal by forking its log.
    """

    def __init__(self, archipelago: bytes, founders: tuple[IslandId, ...]) -> None:
        self._archipelago = archipelago
        self._slots: dict[IslandId, dict[int, Signed[LogEntry]]] = {founder: {} for founder in founders}
        self._heads: dict[IslandId, int] = {}
        self._grants: dict[IslandId, Signed[Certificate]] = {}
        self._revocations: dict[IslandId, Signed[Revocation]] = {}
        self._forks: dict[IslandId, int] = {}
        self._rivals: dict[IslandId, Signed[LogEntry]] = {}
        self._hashes: set[bytes] = set()
        self._foreign_revocations = 0

    def __contains__(self, entry_hash: bytes) -> bool:
        return entry_hash in self._hashes

    @property
    def forks(self) -> Mapping[IslandId, int]:
        """Each signer that contradicted itself, with the lowest number at which it did."""
        return self._forks

    @property
    def revocations(self) -> Mapping[IslandId, Signed[Revocation]]:
        """Each removed key, with the revocation that keeps least of what it signed."""
        return self._revocations

    def may_write(self, issuer: IslandId) -> bool:
        """Whether anybody who might ever made it a signer."""
        return issuer in self._slots

    def limit(self, issuer: IslandId) -> int | None:
        """The last number of the issuer's certificates that counts; None: all count."""
        bounds = []
        if issuer in self._forks:
            bounds.append(self._forks[issuer] - 1)
        if issuer in self._revocations:
            bounds.append(self._revocations[issuer].record.keep)
        return min(bounds, default=None)

    def of(self, issuer: IslandId) -> Iterator[Signed[LogEntry]]:
        """The issuer's entries by number. A contradicting entry is not among them."""
        slots = self._slots.get(issuer, {})
        for sequence in sorted(slots):
            yield slots[sequence]

    def add(self, entry: Signed[LogEntry], is_member: bool) -> None:
        """Takes an entry whose issuer may write. Raises MembershipError, with nothing changed, when there is no room.

        `is_member`: whether the entry's subject was admitted here; the room for removing others is bounded.
        """
        record = entry.record
        if len(self._hashes) >= ENTRIES_MAX:
            raise MembershipError("log", f"holds {ENTRIES_MAX} entries, its most")
        if isinstance(record, Revocation):
            self._add_revocation(entry, record, is_member)
        self._place(entry)
        if isinstance(record, Certificate) and record.signer and record.subject not in self._slots:
            self._slots[record.subject] = {}
            self._grants[record.subject] = cast("Signed[Certificate]", entry)
            self._hashes.add(entry.hash)

    def head(self, issuer: IslandId) -> tuple[int, bytes] | None:
        """The last entry before the issuer's first gap; where no gap comes before its contradiction, that."""
        sequence = self._heads.get(issuer, 0)
        fork = self._forks.get(issuer)
        if fork is not None and sequence >= fork - 1:
            return fork, FORKED_HEAD
        return (sequence, self._slots[issuer][sequence].hash) if sequence else None

    def heads(self) -> dict[IslandId, tuple[int, bytes]]:
        heads = ((issuer, self.head(issuer)) for issuer in self._slots)
        return {issuer: head for issuer, head in heads if head is not None}

    def next_link(self, issuer: IslandId) -> tuple[int, bytes]:
        """Number and previous hash of the issuer's next entry. Raises MembershipError once it contradicted itself."""
        if issuer in self._forks:
            raise MembershipError("issuer", f"{issuer} wrote two entries with number {self._forks[issuer]}: frozen")
        slots = self._slots.get(issuer)
        if not slots:
            return 1, self._archipelago
        last = max(slots)
        return last + 1, slots[last].hash

    def last_sequence(self, issuer: IslandId) -> int:
        """The highest number held of the issuer's entries; 0 where there are none."""
        return max(self._slots.get(issuer, ()), default=0)

    def raws(self, heads: Mapping[IslandId, tuple[int, bytes]] | None = None) -> tuple[bytes, ...]:
        """Every entry that whoever has `heads` lacks, in an order in which each issuer is made before it writes."""
        heads = heads or {}
        return tuple(raw for issuer in self._slots for raw in self._raws_of(issuer, heads.get(issuer)))

    def _raws_of(self, issuer: IslandId, head: tuple[int, bytes] | None) -> Iterator[bytes]:
        after, slots = 0, self._slots[issuer]
        fork = self._forks.get(issuer)
        if fork is not None and head == (fork, FORKED_HEAD):
            yield from sorted(entry.raw for entry in self._loose(issuer) if _outlives_fork(entry.record, fork))
            return
        if head is not None and (head[0] not in slots or slots[head[0]].hash == head[1]):
            after = head[0] if fork is None else min(head[0], fork - 1)
        for sequence in sorted(slots):
            if sequence > after:
                yield slots[sequence].raw
        placed = {entry.hash for entry in slots.values()}
        yield from sorted(entry.raw for entry in self._loose(issuer) if entry.hash not in placed)

    def _loose(self, issuer: IslandId) -> list[Signed[LogEntry]]:
        """The issuer's entries that are kept for what they do, whether or not they have their number's place."""
        kept: list[Signed[LogEntry]] = [*self._grants.values(), *self._revocations.values(), *self._rivals.values()]
        return list({entry.hash: entry for entry in kept if entry.record.issuer == issuer}.values())

    def _add_revocation(self, entry: Signed[LogEntry], record: Revocation, is_member: bool) -> None:
        held = self._revocations.get(record.subject)
        if held is None and not is_member:
            if self._foreign_revocations >= REVOKED_MAX:
                raise MembershipError("log", f"removes {REVOKED_MAX} strangers, its most")
            self._foreign_revocations += 1
        if held is None or (record.keep, entry.hash) < (held.record.keep, held.hash):
            self._revocations[record.subject] = cast("Signed[Revocation]", entry)
            self._hashes.add(entry.hash)

    def _place(self, entry: Signed[LogEntry]) -> None:
        """Puts an entry at its number, or finds that its issuer contradicts itself there."""
        issuer, sequence = entry.record.issuer, entry.record.sequence
        slots = self._slots[issuer]
        held = slots.setdefault(sequence, entry)
        if held.hash != entry.hash:
            if self._fork(issuer, sequence):
                self._rivals[issuer] = entry
                self._hashes.add(entry.hash)
            return
        self._hashes.add(entry.hash)
        before, after = slots.get(sequence - 1), slots.get(sequence + 1)
        if after is not None and after.record.previous != entry.hash:
            self._fork(issuer, sequence + 1)
        if before is not None and entry.record.previous != before.hash:
            self._fork(issuer, sequence)
        head = self._heads.get(issuer, 0)
        while head + 1 in slots:
            head += 1
        self._heads[issuer] = head

    def _fork(self, issuer: IslandId, sequence: int) -> bool:
        """Notes the lowest contradiction; says whether this is one."""
        if sequence < self._forks.get(issuer, sequence + 1):
            self._forks[issuer] = sequence
            return True
        return False


def _outlives_fork(record: LogEntry, fork: int) -> bool:
    """Whether an entry past its issuer's contradiction still does something: it removes, or made somebody a remover."""
    return record.sequence >= fork and (isinstance(record, Revocation) or record.signer)
