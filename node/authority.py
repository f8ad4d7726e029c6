"""What a signer does for its archipelago: founds it, admits islands, renews and grants, revokes."""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from node.archipelago import Archipelago, IslandKeys
from node.store import records
from node.store.database import Store
from node.store.files import Entropy
from protocol.encoding import digest
from protocol.errors import MembershipError, RecordError
from protocol.keys import IslandId, PublicKey, SealingKey
from protocol.membership import Membership
from protocol.record_rules import TEXT_CHARS_MAX
from protocol.records import (
    CERTIFICATE_LIFETIME_S,
    Certificate,
    Genesis,
    Revocation,
    seal_genesis,
    seal_record,
)
from protocol.terms import NanoUsd, Now, Tier

RENEW_LEFT_S = CERTIFICATE_LIFETIME_S // 2
JURISDICTION_UNKNOWN = ""
NO_SHARE = NanoUsd(0)  # of the owner's cap: what is spent is leased (node/shares.py)


@dataclass(frozen=True, slots=True)
class Grantee:
    """What a certificate says of an island, beyond its keys and its times."""

    name: str
    person: str
    ceiling: Tier
    signer: bool
    spend_share: NanoUsd | None
    grants: tuple[bytes, ...] = ()


async def found(
    store: Store,
    keys: IslandKeys,
    founder: Grantee,
    recovery: PublicKey,
    clock: Callable[[], Now],
    entropy: Entropy,
) -> Archipelago:
    """A new archipelago of one, on disk whole or not at all. Raises StateError."""
    now = clock()
    genesis = seal_genesis(Genesis((keys.signing.island,), recovery, now.wall_s), (keys.signing,))
    membership = Membership(genesis)
    sealed = seal_record(
        _certificate(membership, keys, keys.signing.island, keys.sealing.public, founder, now), keys.signing
    )
    membership.accept(sealed.raw, now)

    def job(connection: sqlite3.Connection) -> None:
        records.keep_genesis(connection, genesis.raw)
        records.keep_entries(connection, [(digest(sealed.raw), sealed.raw)])

    await store.write(job)
    return Archipelago(store, keys, membership, clock, entropy)


class Authority:
    """The acts of this island as a signer. Each returns the entry's raw bytes, to be published.

    All raise MembershipError where this island is no signer, and StateError where the disk refuses.
    """

    def __init__(self, archipelago: Archipelago, clock: Callable[[], Now]) -> None:
        self._archipelago = archipelago
        self._clock = clock

    @property
    def is_signer(self) -> bool:
        return self._archipelago.membership.is_signer(self._archipelago.island)

    async def admit(self, island: IslandId, sealing: SealingKey, grantee: Grantee) -> bytes:
        """Certifies a new island. A name that is taken gets a number."""
        taken = {member.name for member in self._archipelago.members() if member.island != island}
        return await self._certify(island, sealing, replace(grantee, name=_free_name(grantee.name, taken)))

    async def renew(self, island: IslandId, *, grants: Iterable[bytes] | None = None) -> bytes:
        """A new certificate for a member, with other grants where they are given."""
        record = self._archipelago.certificate(island).record
        wanted = record.grants if grants is None else tuple(sorted(set(grants)))
        grantee = Grantee(record.name, record.person, record.ceiling, record.signer, record.spend_share, wanted)
        return await self._certify(island, record.sealing, grantee)

    async def bind_to_cap(self, *, capped: bool) -> tuple[bytes, ...]:
        """Tells every member, by its certificate, whether the owner has set a cap: it then spends what is leased to it.

        For the holder of the cap alone; on others, and where all is as it should be, no entries. A holder that took
        over from another leaves a cap of its predecessor's as it is, until it has one itself.
        """
        membership, island = self._archipelago.membership, self._archipelago.island
        if membership.cap_holder() != island or (not capped and membership.genesis.record.signers[0] != island):
            return ()
        wanted = NO_SHARE if capped else None
        wrong = [one.island for one in self._archipelago.members() if (one.spend_share is None) == capped]
        return tuple([await self._reshare(one, wanted) for one in wrong])

    async def _reshare(self, island: IslandId, share: NanoUsd | None) -> bytes:
        record = self._archipelago.certificate(island).record
        grantee = Grantee(record.name, record.person, record.ceiling, record.signer, share, record.grants)
        return await self._certify(island, record.sealing, grantee)

    async def grant(self, holder: IslandId, collection: bytes, person: str) -> tuple[bytes, ...]:
        """Lets a person's islands ask a collection of `holder`: a new certificate for each that may not yet."""
        self._link()
        if not await self._archipelago.is_holder(holder, collection):
            raise MembershipError("collection", "another island holds it, or another signer has granted it")
        members = [member for member in self._archipelago.members() if member.person == person]
        if not members:
            raise MembershipError("person", f"no island of {person!r}: `islandrun islands` lists whose they are")
        lacking = [member for member in members if collection not in member.grants]
        return tuple([await self.renew(member.island, grants={*member.grants, collection}) for member in lacking])

    async def revoke(self, island: IslandId) -> bytes:
        """For good: the key never comes back."""
        if island == self._archipelago.island:
            raise MembershipError("name", "a device is revoked from another device")
        membership = self._archipelago.membership
        sequence, previous = self._link()
        keep = membership.last_sequence(island)  # a lost signer does not take those with it whom it enrolled
        revocation = Revocation(
            membership.archipelago, self._archipelago.island, sequence, previous, island, keep, self._clock().wall_s
        )
        return await self._enter(revocation)

    def due(self) -> tuple[IslandId, ...]:
        """Whom this signer should certify anew, once half their time is over: those whom it certified, itself too, and
        those whose signer belongs no more."""
        soon = self._clock().wall_s + RENEW_LEFT_S
        old = [member.island for member in self._archipelago.members() if member.expires_s <= soon]
        return tuple(island for island in old if self.is_signer and self._is_mine(island))

    def _is_mine(self, island: IslandId) -> bool:
        issuer = self._archipelago.certificate(island).record.issuer
        return issuer == self._archipelago.island or self._archipelago.member(issuer) is None

    async def _certify(self, island: IslandId, sealing: SealingKey, grantee: Grantee) -> bytes:
        self._link()
        now = self._clock()
        membership, keys = self._archipelago.membership, self._archipelago.keys
        try:
            certificate = _certificate(membership, keys, island, sealing, grantee, now)
        except RecordError as error:  # too many grants, a name that none can have
            raise MembershipError(error.field, error.problem) from error
        return await self._enter(certificate)

    async def _enter(self, record: Certificate | Revocation) -> bytes:
        raw = seal_record(record, self._archipelago.keys.signing).raw
        await self._archipelago.enter(raw)
        return raw

    def _link(self) -> tuple[int, bytes]:
        if not self.is_signer:
            raise MembershipError("signer", "this device may not do that: use one that enrols others")
        return self._archipelago.membership.next_link(self._archipelago.island)


def _certificate(
    membership: Membership, keys: IslandKeys, island: IslandId, sealing: SealingKey, grantee: Grantee, now: Now
) -> Certificate:
    sequence, previous = membership.next_link(keys.signing.island)
    return Certificate(
        archipelago=membership.archipelago,
        issuer=keys.signing.island,
        sequence=sequence,
        previous=previous,
        subject=island,
        sealing=sealing,
        name=grantee.name,
        person=grantee.person,
        ceiling=grantee.ceiling,
        signer=grantee.signer,
        jurisdiction=JURISDICTION_UNKNOWN,
        grants=grantee.grants,
        spend_share=grantee.spend_share,
        not_before_s=now.wall_s,
        expires_s=now.wall_s + CERTIFICATE_LIFETIME_S,
    )


def _free_name(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        end = f"-{number}"
        free, number = name[: TEXT_CHARS_MAX - len(end)] + end, number + 1
    return free
