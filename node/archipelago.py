"""What this island believes of its archipelago. The core's own copy: the mesh process has another.

Everything kept was verified here; what comes from disk or from the mesh process is verified again.
"""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

from node.prekeys import Prekeys
from node.store import records
from node.store.database import Store
from node.store.files import Entropy
from node.store.identity import Identity
from protocol.encoding import digest
from protocol.errors import EncodingError, MembershipError, RecordError, StateError
from protocol.handshake import Keyring, ReplayCache
from protocol.keys import IslandId, SealingPair, SigningKey
from protocol.members import Member, MembershipEvent, tier_for
from protocol.membership import Membership
from protocol.records import (
    LIFETIME_MS_MAX,
    OFFERS_MAX,
    CapabilityStatement,
    Certificate,
    Genesis,
    ModelOffer,
    Revocation,
    Signed,
    open_record,
    read_record,
    seal_record,
)
from protocol.registry import Registry
from protocol.terms import Now, Tier

log = logging.getLogger("islandrun.archipelago")


@dataclass(frozen=True, slots=True)
class IslandKeys:
    """This island's own secrets, and what keeps its statements and envelopes fresh."""

    signing: SigningKey
    sealing: SealingPair
    boot: int

    @classmethod
    def of(cls, identity: Identity, boot: int) -> "IslandKeys":
        return cls(SigningKey(identity.seed), SealingPair(identity.sealing_secret), boot)


class Archipelago:
    """The belief of one node. `restore` or `found` (node/authority.py) makes it."""

    def __init__(
        self, store: Store, keys: IslandKeys, membership: Membership, clock: Callable[[], Now], entropy: Entropy
    ) -> None:
        self.keys = keys
        self.membership = membership
        self.registry = Registry(membership)
        self.on_event: Callable[[MembershipEvent], None] = lambda event: None  # told of every change, whoever made it
        self._store = store
        self._clock = clock
        self._sequence = 0
        self._on_disk: set[bytes] = set()
        self._prekeys = Prekeys(entropy)
        self._replays = ReplayCache()

    @classmethod
    async def restore(
        cls, store: Store, keys: IslandKeys, clock: Callable[[], Now], entropy: Entropy
    ) -> "Archipelago | None":
        """What this island belongs to, None before it founded or joined anything. Raises StateError."""
        genesis, entries = await store.read(lambda c: (records.genesis(c), records.entries(c)))
        if genesis is None:
            return None
        try:
            membership = membership_of(genesis, entries, clock())
        except (EncodingError, RecordError, MembershipError) as error:
            raise StateError(f"{store.path}: the membership log is corrupt: {error}") from error
        return cls(store, keys, membership, clock, entropy)

    @property
    def island(self) -> IslandId:
        return self.keys.signing.island

    def me(self) -> Member:
        """This island as a member. Raises MembershipError where its certificate has run out or was revoked."""
        member = self.member(self.island)
        if member is None:
            raise MembershipError("certificate", "this island's certificate is not valid now: enrol it again")
        return member

    def member(self, island: IslandId) -> Member | None:
        """A live member."""
        return self.membership.member(island, self._clock())

    def members(self) -> tuple[Member, ...]:
        return self.membership.members(self._clock())

    def names(self) -> frozenset[str]:
        """Of every island with a certificate, live or lapsed: nobody else answers to it."""
        return self.membership.names()

    def named(self, name: str) -> Member:
        """Raises MembershipError."""
        for member in self.members():
            if member.name == name:
                return member
        raise MembershipError("name", f"no island {name!r}: `islandrun islands` lists them")

    def is_alone(self) -> bool:
        return not any(member.island != self.island for member in self.members())

    async def believe(self, raw: bytes) -> tuple[MembershipEvent, ...]:
        """A record that the mesh found good, verified again and kept. What is not good is logged and changes nothing.

        Raises StateError.
        """
        try:
            if isinstance(read_record(raw).record, Certificate | Revocation):
                return await self.enter(raw)
            self.registry.accept(raw, self._clock())
        except (EncodingError, RecordError, MembershipError) as error:
            log.warning("record_not_believed", extra={"why": str(error)})
        return ()

    async def enter(self, raw: bytes) -> tuple[MembershipEvent, ...]:
        """An entry of the log: believed and on disk. Raises EncodingError, RecordError, MembershipError, StateError."""
        events = self.membership.accept(raw, self._clock())
        # Not this entry alone: it may have let others count that waited, and one before it may have missed the disk.
        new = [entry for entry in self.membership.entries() if entry not in self._on_disk]
        if new:
            await self._store.write(lambda c: records.keep_entries(c, [(digest(entry), entry) for entry in new]))
            self._on_disk.update(new)
        for event in events:
            self.on_event(event)
        return events

    def certificate(self, island: IslandId) -> Signed[Certificate]:
        """Its newest certificate. Raises MembershipError."""
        raw = self.membership.certificate(island)
        signed = None if raw is None else open_record(raw)
        if signed is None or not isinstance(signed.record, Certificate):
            raise MembershipError("island", "not a member")
        return Signed(signed.record, signed.raw, signed.hash)

    def state(self, offers: tuple[ModelOffer, ...], battery: int | None) -> bytes:
        """A new statement of this island, signed and believed: of as many of the offers, first ones first, as fit."""
        now = self._clock()
        self._sequence += 1
        statement = CapabilityStatement(
            subject=self.island,
            boot=self.keys.boot,
            sequence=self._sequence,
            lifetime_ms=LIFETIME_MS_MAX,
            prekey=self._prekeys.newest(now.mono_ms).public,
            offers=offers[:OFFERS_MAX],
            battery=battery,
        )
        raw = _sealed(statement, self.keys.signing)
        self.registry.accept(raw, now)
        return raw

    def keyring(self) -> Keyring:
        """What opens the envelopes that peers send here."""
        return Keyring(
            public=self.keys.signing.public,
            static=self.keys.sealing,
            prekeys=self._prekeys.by_id(),
            member=self.membership.member,
            replays=self._replays,
        )

    async def join(self, genesis: bytes, entries: tuple[bytes, ...]) -> None:
        """Leaves the archipelago of one for another. Raises MembershipError where this one has other members."""
        if not self.is_alone():
            raise MembershipError("members", "this device's archipelago has other members: it joins no second one")
        membership = membership_of(genesis, entries, self._clock())
        if membership.member(self.island, self._clock()) is None:
            raise MembershipError("certificate", "the other side enrolled another device")
        rows = [(digest(raw), raw) for raw in membership.entries()]

        def job(connection: sqlite3.Connection) -> None:
            records.forget_archipelago(connection)
            records.keep_genesis(connection, genesis)
            records.keep_entries(connection, rows)

        await self._store.write(job)
        self.membership, self.registry = membership, Registry(membership)
        self._on_disk = set(membership.entries())

    async def is_holder(self, island: IslandId, collection: bytes) -> bool:
        """Whether a signer may take `island` for the holder of a collection, of which it knows the random id alone.

        The first that asks for a grant is: nobody else knows the id before a certificate shows it. Raises StateError.
        """
        name, claim = f"holder_{collection.hex()}", island.encode("ascii")
        shown = any(collection in member.grants for member in self.members())

        def job(connection: sqlite3.Connection) -> bool:
            known = records.fact(connection, name)
            if known is None and (island == self.island or not shown):
                records.set_fact(connection, name, claim)
                return True
            return known == claim

        return await self._store.write(job)

    def tier_of(self, holder: Member) -> Tier:
        """The nearest that an offer of `holder` can be for this island's person. Raises MembershipError."""
        return tier_for(self.me(), holder)


def _sealed(statement: CapabilityStatement, key: SigningKey) -> bytes:
    while True:
        try:
            return seal_record(statement, key).raw
        except RecordError:  # too long
            if not statement.offers:
                raise
            statement = replace(statement, offers=statement.offers[:-1])


def membership_of(genesis: bytes, entries: tuple[bytes, ...], now: Now) -> Membership:
    """Raises EncodingError, RecordError, MembershipError."""
    signed = open_record(genesis)
    if not isinstance(signed.record, Genesis):
        raise MembershipError("genesis", "another kind of record")
    membership = Membership(Signed(signed.record, signed.raw, signed.hash))
    for raw in entries:
        membership.accept(raw, now)
    return membership
