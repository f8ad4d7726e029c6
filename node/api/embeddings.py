"""POST /v1/embeddings: texts to vectors, in OpenAI's form.

Text goes to be embedded as it is or not at all: a vector of sanitised text cannot be restored, and a vector tells its
text to whoever has the model.
"""

from dataclasses import dataclass, replace

import trio

from node.api.exchange import Exchange
from node.api.orders import order_of, route_headers
from node.api.ports import Execution, Route
from node.ports import Embed
from node.vectors import DIMENSIONS_MAX, FLOAT_BYTES, INPUTS_MAX, base64_of, chat_of_texts, unpacked, vector_in
from protocol.answers import AnswerEvent, Finished
from protocol.chat import ChatRequest
from protocol.errors import CutAnswerError, RequestError
from protocol.strict_json import dump_json, parse_json

_KNOWN = ("input", "model", "encoding_format", "dimensions", "user")  # `user` is a hint, and sent nowhere


class Embeddings:
    """The route."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def create(self, exchange: Exchange) -> None:
        ask = EmbeddingAsk.parse(await exchange.body())
        order = order_of(exchange, ask.chat)
        if order.conversation is not None:
            raise RequestError("x-islandrun-conversation", "texts that are embedded belong to no conversation")
        sink = _Vectors(exchange)
        await self._execution.run(replace(order, embed=Embed(ask.dimensions)), sink)
        if sink.route is None or sink.finished is None or len(sink.vectors) != len(ask.chat.body["messages"]):
            raise CutAnswerError("answer_unfinished", "there are not as many vectors as texts", should_retry=False)
        if ask.dimensions is not None and any(len(one) != FLOAT_BYTES * ask.dimensions for one in sink.vectors):
            raise RequestError("dimensions", f"{sink.route.model} gives vectors of another length")
        # Millions of numbers: written beside the event loop.
        body = await trio.to_thread.run_sync(_written, ask, sink.route, sink.finished, sink.vectors)
        await exchange.respond(200, body, headers=route_headers(sink.route))


@dataclass(frozen=True, slots=True)
class EmbeddingAsk:
    """What a client asks for."""

    chat: ChatRequest  # one message for each text
    as_base64: bool
    dimensions: int | None

    @classmethod
    def parse(cls, data: bytes) -> "EmbeddingAsk":
        """Raises RequestError naming the member at fault."""
        body = parse_json(data)
        if not isinstance(body, dict):
            raise RequestError("body", "expected a JSON object")
        for name in body:
            if name not in _KNOWN:
                raise RequestError("body", f"a member that is not known; expected {', '.join(_KNOWN)}")
        model = body.get("model")
        if isinstance(model, str) and model.startswith("auto@"):
            raise RequestError("model", "a collection answers questions, and gives no vectors")
        wanted = body.get("encoding_format") or "float"
        if wanted not in ("float", "base64"):
            raise RequestError("encoding_format", "expected float or base64")
        dimensions = body.get("dimensions")
        if dimensions is not None and (type(dimensions) is not int or not 1 <= dimensions <= DIMENSIONS_MAX):
            raise RequestError("dimensions", f"expected 1 to {DIMENSIONS_MAX}")
        chat = chat_of_texts(model, _texts(body.get("input")))  # type: ignore[arg-type]  # it checks the model
        return cls(chat, wanted == "base64", dimensions)


def _texts(given: object) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 1 <= len(texts) <= INPUTS_MAX:
        raise RequestError("input", f"expected a text, or a list of 1 to {INPUTS_MAX} texts")
    if any(isinstance(text, int | list) for text in texts):
        raise RequestError("input", "expected texts: tokens cannot be read here, and mean another text to each model")
    if not all(isinstance(text, str) and text for text in texts):
        raise RequestError("input", "expected texts, none of them empty")
    return texts


class _Vectors:
    """A sink that keeps the vectors."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.route: Route | None = None
        self.finished: Finished | None = None
        self.vectors: list[bytes] = []

    def decided(self, decision_id: str) -> None:
        self._exchange.decision = decision_id

    async def started(self, route: Route) -> None:
        self.route = route

    async def event(self, event: AnswerEvent) -> None:
        if isinstance(event, Finished):
            self.finished = event
            return
        try:
            self.vectors.append(vector_in(event))
        except RequestError:
            raise CutAnswerError("answer_malformed", "a piece of the answer holds no vector") from None


def _written(ask: EmbeddingAsk, route: Route, finished: Finished, vectors: list[bytes]) -> bytes:
    form = base64_of if ask.as_base64 else unpacked
    answer = {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": form(one)} for i, one in enumerate(vectors)],
        "model": route.model,
        "usage": {"prompt_tokens": finished.prompt_tokens, "total_tokens": finished.prompt_tokens},
    }
    return dump_json(answer)
