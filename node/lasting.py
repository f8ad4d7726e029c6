"""Vaults and histories that outlive their request: of a conversation that a client names, and of stored responses.

What is in them is read from disk when a request asks for it and written back, encrypted, before the client hears of the
answer's end. While requests of one conversation run at once, they share one vault, so that each value has one token.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from node.api.ports import Order, StoredResponse, response_id
from node.privacy.findings import FindingType
from node.privacy.vault import Entry, Vault
from node.store.conversations import Column, Conversations, Kept, Kind, Ref
from protocol.errors import CutAnswerError, PlaceholderError, StateError
from protocol.placeholders import Placeholder
from protocol.terms import Sensitivity

VERSION = 1


class Lasting:
    """What one request has of a lasting conversation. `vault` is None where it belongs to none."""

    def __init__(self, vaults: "LastingVaults", vault: Vault | None, ref: Ref | None) -> None:
        self.vault = vault
        self._vaults = vaults
        self._ref = ref

    async def keep(self) -> None:
        """Puts on disk what the vault has become. Raises CutAnswerError: whoever cannot go on is told so."""
        if self.vault and self._ref is not None:
            try:
                await self._vaults.keep(self._ref, self.vault)
            except StateError as error:
                raise not_kept(error) from error


class LastingVaults:
    """The vaults of this node that last, and the ways to be rid of them. One a node."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._live: WeakValueDictionary[Ref, Vault] = WeakValueDictionary()

    def of(self, order: Order, request_id: bytes) -> Lasting:
        """Raises StateError where what is kept cannot be read."""
        if order.conversation is not None:
            ref = Ref(Kind.NAMED, order.key_name, order.conversation)
            vault = self._live.get(ref)
            if vault is None:
                vault = self._live[ref] = self._read(ref)
            return Lasting(self, vault, ref)
        if order.previous is None and not order.stored:
            return Lasting(self, None, None)
        vault = Vault() if order.previous is None else self._read(Ref(Kind.RESPONSE, order.key_name, order.previous))
        if not order.stored:
            return Lasting(self, vault, None)
        ref = Ref(Kind.RESPONSE, order.key_name, response_id(request_id.hex()))
        self._live[ref] = vault
        return Lasting(self, vault, ref)

    def seen_by(self, order: Order) -> Vault | None:
        """A copy of what the order would go on from: whatever is done with it, nothing is kept."""
        vault = self.of(replace(order, stored=False), b"").vault
        return None if vault is None else Vault.continued(tuple(vault))

    async def keep(self, ref: Ref, vault: Vault) -> None:
        """Nothing where the conversation was removed meanwhile. Raises StateError."""
        if self._live.get(ref) is vault:
            await self._conversations.keep(ref, Column.VAULT, _written(vault))

    async def kept(self) -> Sequence[Kept]:
        return await self._conversations.kept()

    async def remove(self, name: str, key_name: str | None) -> int:
        """Every row of that name, of that key or of any; how many there were."""
        alike = {
            Ref(one.kind, one.key_name, one.name)
            for one in await self.kept()
            if one.name is not None and one.name == name and key_name in (None, one.key_name)
        }
        for ref in [ref for ref in self._live if ref.name == name and key_name in (None, ref.key_name)]:
            self._live.pop(ref, None)
        return sum([await self._conversations.remove(ref) for ref in alike])

    async def remove_all(self) -> int:
        self._live.clear()
        return await self._conversations.remove_all()

    def response(self, key_name: str, id: str) -> StoredResponse | None:
        """See `node.api.ports.StoredResponses`."""
        data = self._conversations.value(Ref(Kind.RESPONSE, key_name, id), Column.RESPONSE)
        return None if data is None else _response(data)

    async def keep_response(self, key_name: str, id: str, response: StoredResponse) -> None:
        members = {
            "version": VERSION,
            "told": response.told,
            "history": response.history,
            "at_least": response.at_least.label,
            "conversation": response.conversation,
        }
        name = response.conversation
        of = None if name is None else Ref(Kind.NAMED, key_name, name)
        try:
            await self._conversations.keep(Ref(Kind.RESPONSE, key_name, id), Column.RESPONSE, _json(members), of)
        except StateError as error:
            raise not_kept(error) from error

    async def remove_response(self, key_name: str, id: str) -> bool:
        return await self._conversations.remove(Ref(Kind.RESPONSE, key_name, id))

    def _read(self, ref: Ref) -> Vault:
        data = self._conversations.value(ref, Column.VAULT)
        return Vault() if data is None else _vault(data)


def not_kept(error: StateError) -> CutAnswerError:
    """The answer is there and may have been paid for, but nobody could go on from it: said, and not asked again."""
    return CutAnswerError("conversation_not_kept", str(error), should_retry=False)


def _written(vault: Vault) -> bytes:
    entries = [[entry.placeholder.token(), entry.type.value, entry.value] for entry in vault]
    return _json({"version": VERSION, "entries": entries})


def _vault(data: bytes) -> Vault:
    try:
        return Vault.continued(_entries(_members(data)["entries"]))
    except (ValueError, TypeError, LookupError, PlaceholderError):
        raise _of_another_version() from None


def _entries(rows: Any) -> Iterator[Entry]:
    for token, type_, value in rows:
        yield Entry(Placeholder.parse(token), str(value), FindingType(type_))


def _response(data: bytes) -> StoredResponse:
    try:
        members = _members(data)
        return StoredResponse(
            told=members["told"],
            history=tuple(members["history"]),
            at_least=Sensitivity.parse(members["at_least"]),
            conversation=members["conversation"],
        )
    except (ValueError, TypeError, LookupError):
        raise _of_another_version() from None


def _json(members: Any) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode("ascii")


def _members(data: bytes) -> dict[str, Any]:
    """What was sealed here and opened again is ours: only another version of this program can have written it so."""
    members: dict[str, Any] = json.loads(data)
    if members["version"] != VERSION:
        raise ValueError(members["version"])
    return members


def _of_another_version() -> StateError:
    return StateError("what is kept of a conversation is of another version: remove it, and begin it anew")
