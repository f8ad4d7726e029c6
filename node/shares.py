"""This island's part in the owner's cap: it holds it and leases from it, or asks the holder and gives back.

What may be granted is decided in protocol/shares.py, and on disk (node/store/money.py) before anything is said.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

import trio

from node.archipelago import Archipelago
from node.configuration.values import CapsConfig
from node.store import budget
from node.store.budget import Account, Caps, ProviderCaps
from node.store.money import Money
from protocol.errors import EncodingError, LinkError, PeerError, RecordError
from protocol.keys import IslandId
from protocol.members import Member
from protocol.questions import (
    AnswerContent,
    LeaseAnswer,
    LeaseQuestion,
    QuestionContent,
    RecallAnswer,
    RecallQuestion,
    ReturnAnswer,
    ReturnQuestion,
    decode_answer,
    encode_question,
)
from protocol.shares import Lease, Purse, Return, may_lease, open_share, seal_share
from protocol.terms import NanoUsd, Now

ASK_S = 1.0  # a request waits for it
RECALL_S = 0.5  # so that who asks the holder still hears its answer
RECALLS_MAX = 32  # purses that are recalled for one need
FRESH_MS = 5_000  # a lease that came this lately is about to be used: it is not given back
SHORT_MS = 5_000  # who got too little does not ask again for so long
LOW = NanoUsd(10_000_000)  # a cent: with less, more is asked for before it is needed
WISH = NanoUsd(50_000_000)
NOTHING = NanoUsd(0)
assert RECALL_S < ASK_S

log = logging.getLogger("islandrun.shares")


class Asking(Protocol):
    """Of the mesh's port."""

    @property
    def peers(self) -> Collection[IslandId]: ...

    async def ask(self, island: IslandId, question: bytes, deadline_s: float) -> bytes: ...


class Shares:
    """One a node."""

    def __init__(
        self,
        archipelago: Archipelago,
        money: Money,
        mesh: Asking,
        config: Callable[[], CapsConfig],
        clock: Callable[[], Now],
    ) -> None:
        self._archipelago = archipelago
        self._money = money
        self._mesh = mesh
        self._config = config
        self._clock = clock
        self._since: dict[bytes, int] = {}  # by archipelago: the day on which this island succeeded to the cap
        self._leased_ms: dict[Purse, int] = {}
        self._short_ms: dict[str, int] = {}  # by provider: when there was too little
        self._noted: dict[Purse, NanoUsd] = {}  # what the holder knows to be returned

    def caps(self) -> Caps:
        """What binds a payment at this moment."""
        config, membership, me = self._config(), self._archipelago.membership, self._archipelago.island
        own = caps_of(config)
        holder = membership.cap_holder()
        member = self._archipelago.member(me)
        bound = member is not None and member.spend_share is not None
        if holder is None:
            return Caps(NOTHING) if bound else own
        account = Account(membership.archipelago, holder, me)
        if not account.held:
            return replace(own, account=account) if bound else own
        if self._is_founder(account) or (not bound and not config.any):
            return replace(own, account=account)
        if not config.any or not self._knows_what_is_out(account):
            return Caps(NOTHING, account=account)
        return replace(own, account=account)

    def problem(self) -> str | None:
        """Why no more of the cap is to be had now, where that is so for the holder's silence."""
        account = self.caps().account
        if account is None or account.held or account.holder in self._mesh.peers:
            return None
        member = self._archipelago.member(account.holder)
        name = "the device that holds the cap" if member is None else f"{member.name}, which holds the cap,"
        return f"{name} cannot be reached: paid models are used only as far as it has leased already"

    async def supply(self, needs: Mapping[str, NanoUsd]) -> bool:
        """Gets what a paid request needs, by provider, from the holder, or back from those it was leased to.

        Returns whether any of the needs can be met now. Bounded by ASK_S for each provider.
        """
        met = False
        for provider, need in needs.items():
            account, now = self.caps().account, self._clock()
            if account is None or now.mono_ms - self._short_ms.get(provider, -SHORT_MS) < SHORT_MS:
                continue
            if account.held:
                await self._recall(account, provider, budget.day_of(now.wall_s), but=account.me)
            else:
                await self._ask(account, provider, need, WISH)
            rest = self._money.remaining_for(self.caps(), provider, self._clock())
            if rest is None or rest >= need:
                met = True
            else:
                self._short_ms[provider] = self._clock().mono_ms
        return met

    async def tend(self, providers: Collection[str]) -> None:
        """From time to time: asks for a little where little is left, and gives back what days that are over left."""
        now, account = self._clock(), self.caps().account
        if account is None:
            return
        if account.held:
            if not self._is_founder(account) and account.archipelago not in self._since:
                self._since[account.archipelago] = await self._money.holder_since(account, now)
            return
        if account.holder not in self._mesh.peers:
            return
        today = budget.day_of(now.wall_s)
        for provider in providers:
            _, usable = self._money.held(account.purse(provider, today))
            if usable < LOW:
                await self._ask(account, provider, NOTHING, WISH)
        for purse, held in self._money.purses_held(account, today - 1):
            if purse.holder == account.holder and self._noted.get(purse) != held.returned:
                await self._return(purse)

    async def answer(self, asker: Member, question: QuestionContent) -> AnswerContent | None:
        """What a member is told; None: no question of shares. Raises RecordError, EncodingError, StateError."""
        match question:
            case LeaseQuestion():
                return LeaseAnswer(await self._lease(asker, question))
            case RecallQuestion(provider, day):
                return RecallAnswer(await self._give_back(asker, provider, day))
            case ReturnQuestion(raw):
                return ReturnAnswer(await self._hear_return(asker, raw))
        return None

    # --- as the holder

    async def _lease(self, asker: Member, question: LeaseQuestion) -> bytes | None:
        caps, now = self.caps(), self._clock()
        account = caps.account
        if account is None or not account.held or not may_lease(question.day, now.wall_s):
            return None
        purse = Purse(account.archipelago, account.holder, asker.island, question.provider, question.day)
        amounts = (question.known, question.need, question.wish)
        given, _ = await self._money.lease(caps, purse, *amounts)
        if given.granted - question.known < question.need:
            await self._recall(account, question.provider, question.day, but=asker.island)
            given, _ = await self._money.lease(self.caps(), purse, *amounts)
        if not given.granted:
            return None
        return seal_share(Lease(purse, given.granted), self._archipelago.keys.signing)

    async def _recall(self, account: Account, provider: str, day: int, *, but: IslandId) -> None:
        """From whoever can be reached. That day's purses at the provider come first."""
        out = [purse for purse, _ in self._money.purses_out(account, day)]
        wanted = [one for one in out if one.subject != but and one.subject in self._mesh.peers]
        wanted.sort(key=lambda one: (one.day != day, one.provider != provider))
        with trio.move_on_after(RECALL_S):
            async with trio.open_nursery() as nursery:
                for purse in wanted[:RECALLS_MAX]:
                    nursery.start_soon(self._recall_one, purse)

    async def _recall_one(self, purse: Purse) -> None:
        said = await self._said(purse.subject, RecallQuestion(purse.provider, purse.day), RECALL_S)
        if not isinstance(said, RecallAnswer) or said.returned is None:
            return
        try:
            share = open_share(said.returned)
            if isinstance(share, Return) and share.purse == purse:
                await self._money.came_back(purse, share.returned)
        except (EncodingError, RecordError) as error:
            log.warning("return_refused", extra={"peer": purse.subject, "why": str(error)})

    async def _hear_return(self, asker: Member, raw: bytes) -> NanoUsd:
        share, account = open_share(raw), self.caps().account
        if not isinstance(share, Return) or account is None or not account.held:
            raise RecordError("return", "not for this island")
        purse = share.purse
        if (purse.archipelago, purse.holder, purse.subject) != (account.archipelago, account.me, asker.island):
            raise RecordError("return.purse", "another's")
        return (await self._money.came_back(purse, share.returned)).returned

    # --- as the subject

    async def _ask(self, account: Account, provider: str, need: NanoUsd, wish: NanoUsd) -> None:
        purse = account.purse(provider, budget.day_of(self._clock().wall_s))
        held, usable = self._money.held(purse)
        question = LeaseQuestion(provider, purse.day, held.granted, NanoUsd(max(0, need - usable)), wish)
        said = await self._said(account.holder, question, ASK_S)
        if not isinstance(said, LeaseAnswer) or said.lease is None:
            return
        try:
            share = open_share(said.lease)
        except (EncodingError, RecordError) as error:
            log.warning("lease_refused", extra={"peer": account.holder, "why": str(error)})
            return
        if isinstance(share, Lease) and share.purse == purse:
            self._leased_ms[purse] = self._clock().mono_ms
            await self._money.leased(purse, share.granted)

    async def _give_back(self, asker: Member, provider: str, day: int) -> bytes | None:
        account = self.caps().account
        if account is None or account.held or asker.island != account.holder:
            return None
        purse, now = account.purse(provider, day), self._clock()
        if now.mono_ms - self._leased_ms.get(purse, -FRESH_MS) < FRESH_MS:
            held, _ = self._money.held(purse)
        else:
            held = await self._money.give_back(purse)
        if not held.granted:
            return None
        return seal_share(Return(purse, held.returned), self._archipelago.keys.signing)

    async def _return(self, purse: Purse) -> None:
        held = await self._money.give_back(purse)
        raw = seal_share(Return(purse, held.returned), self._archipelago.keys.signing)
        said = await self._said(purse.holder, ReturnQuestion(raw), ASK_S)
        if isinstance(said, ReturnAnswer):
            self._noted[purse] = said.noted
            self._leased_ms.pop(purse, None)

    # --- both

    async def _said(self, island: IslandId, question: QuestionContent, deadline_s: float) -> AnswerContent | None:
        if island not in self._mesh.peers:
            return None
        try:
            return decode_answer(await self._mesh.ask(island, encode_question(question), deadline_s))
        except (LinkError, PeerError) as error:
            log.info("share_not_answered", extra={"peer": island, "why": str(error)})
            return None

    def _is_founder(self, account: Account) -> bool:
        """The first holder knows of every lease there ever was."""
        return self._archipelago.membership.genesis.record.signers[0] == account.me

    def _knows_what_is_out(self, account: Account) -> bool:
        """Leases are of one month: what a predecessor leased ends with the month in which it was succeeded."""
        since = self._since.get(account.archipelago)
        today = budget.day_of(self._clock().wall_s)
        return since is not None and budget.month_of(today)[0] > since


def caps_of(config: CapsConfig) -> Caps:
    """As this device's own configuration says."""
    providers = {name: ProviderCaps(one.day, one.month) for name, one in config.providers.items()}
    return Caps(config.day, config.month, MappingProxyType(providers))
