"""Answers from this node's own backends, for its owner and for its peers, and from the collections that it holds."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import trio

from node.collections.augment import augment, question
from node.collections.holder import PASSAGES_DEFAULT, Collections
from node.collections.terms import CollectionId, Notice, Passage
from node.ports import Backend, BackendModel, Call, Emit
from node.services import OwnBackend, Services
from protocol.errors import BackendError, BackendFailure, MembershipError, RefusedError, RequestError, StateError
from protocol.members import Member, tier_for
from protocol.passages import PassagesAsk, QuotedPassage
from protocol.terms import Sensitivity

PASSAGES_CONTEXT_SHARE = 2  # half the context at most is for retrieved passages; the rest is prompt and answer


class LocalBackend:
    """One of this node's backends, asked by its owner: a call that names a collection is answered from it."""

    def __init__(self, backend: OwnBackend, collections: Collections) -> None:
        self.name = backend.name
        self._backend = backend
        self._collections = collections

    async def answer(self, call: Call, emit: Emit) -> None:
        if call.collection is not None:
            collection, asked = CollectionId(call.collection), question(call.request)
            try:
                passages = await trio.to_thread.run_sync(lambda: self._collections.search(collection, asked))
            except StateError as error:
                raise BackendError(BackendFailure.REFUSED, "unknown_collection", str(error)) from error
            call = with_passages(call, passages, await context_tokens(self._backend, call.model))
        await self._backend.answer(call, emit)

    async def models(self) -> Sequence[BackendModel]:
        return await self._backend.models()


class PeerAnswers:
    """What peers get: this node's own models, never its clouds, and the collections that are granted to them."""

    def __init__(self, services: Services, collections: Collections, me: Callable[[], Member]) -> None:
        self._services = services
        self._collections = collections
        self._me = me

    async def answer(self, call: Call, asker: Member, emit: Emit) -> None:
        """Raises BackendError, in the same words for what is not served and for what is not here."""
        own = next((one for one in await self._services.servable() if one.model.name == call.model), None)
        if own is None:
            raise BackendError(BackendFailure.REFUSED, "unknown_model", "no such model is served here", 404)
        if call.collection is not None:
            _, passages = await self._retrieve(asker, CollectionId(call.collection), question(call.request))
            call = with_passages(call, passages, own.model.context_tokens)
        request = call.request
        if asker.person != self._me().person:
            # An answer's speed must not tell one person how another's prompt began.
            request = request.with_body(cache_prompt=False)
        await own.backend.answer(replace(call, collection=None, request=request), emit)

    async def passages(self, ask: PassagesAsk, asker: Member) -> tuple[Sensitivity, tuple[QuotedPassage, ...]]:
        """Of a collection, for a model that runs elsewhere. Raises BackendError, as for an answer from it."""
        notice, found = await self._retrieve(asker, CollectionId(ask.collection), ask.question, ask.most)
        return notice.label, tuple(QuotedPassage.fit(one.file, one.place, one.text) for one in found)

    async def _retrieve(
        self, asker: Member, collection: CollectionId, asked: str, limit: int = PASSAGES_DEFAULT
    ) -> tuple[Notice, Sequence[Passage]]:
        try:
            tier = tier_for(self._me(), asker)
            return await trio.to_thread.run_sync(
                lambda: self._collections.answer(asker, tier, collection, asked, limit)
            )
        except RefusedError as error:
            raise BackendError(BackendFailure.REFUSED, error.code, str(error), 404) from error
        except (MembershipError, StateError) as error:
            raise BackendError(BackendFailure.REFUSED, "collection_failed", "the collection cannot be read") from error


def with_passages(call: Call, passages: Sequence[Passage], context: int) -> Call:
    """The call with what was retrieved in its prompt. Raises BackendError where nothing is asked in it."""
    try:
        return replace(call, request=augment(call.request, passages, context // PASSAGES_CONTEXT_SHARE))
    except RequestError as error:
        raise BackendError(BackendFailure.REFUSED, "no_question", str(error), 400) from error


async def context_tokens(backend: Backend, model: str) -> int:
    """Raises BackendError where the model went away."""
    for known in await backend.models():
        if known.name == model:
            return known.context_tokens
    raise BackendError(BackendFailure.NOT_CONNECTED, "unreachable", "the model is not there any more")
