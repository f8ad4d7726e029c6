"""Vectors of a server that speaks OpenAI's embeddings. A few texts a time, so that a slow one shows signs of life."""

from collections.abc import Mapping, Sequence

import httpx
import trio

from node.backends.http_backend import EmitDelta
from node.backends.http_client import ANSWER_BYTES_MAX, Endpoint, exchange, read_whole
from node.backends.openai_answer import broken
from node.ports import Call
from node.vectors import DIMENSIONS_MAX, delta_of, packed, texts_of
from protocol.answers import Finished
from protocol.errors import RequestError
from protocol.strict_json import Json, dump_json, parse_json

TEXTS_AT_ONCE = 64
TOKENS_MAX = 1 << 40
BYTES_PER_TOKEN_MIN = 2  # where a server counts nothing
VALUES_MAX = TEXTS_AT_ONCE * (DIMENSIONS_MAX + 8) + 64


class EmbeddingAttempt:
    """One request at one server."""

    done = False  # there is no word after which nothing matters: what breaks, breaks the answer

    def __init__(self, endpoint: Endpoint, headers: Mapping[str, str], call: Call) -> None:
        self._url = f"{endpoint.url}/embeddings"
        self._headers = headers
        self._texts = texts_of(call.request.body)
        self._body: dict[str, Json] = {"model": call.model, "encoding_format": "base64"}  # half the bytes, and exact
        if call.embed is not None and call.embed.dimensions is not None:
            self._body["dimensions"] = call.embed.dimensions
        self._tokens = 0

    async def run(self, client: httpx.AsyncClient, emit: EmitDelta) -> None:
        for start in range(0, len(self._texts), TEXTS_AT_ONCE):
            texts = self._texts[start : start + TEXTS_AT_ONCE]
            body = dump_json(self._body | {"input": list(texts)})
            async with exchange(client, "POST", self._url, self._headers, body) as response:
                answer = await read_whole(response)
            vectors, tokens = await trio.to_thread.run_sync(read_vectors, answer, texts)  # megabytes of numbers
            self._tokens += tokens
            for vector in vectors:
                await emit(delta_of(vector))

    def finish(self) -> Finished:
        return Finished("stop", self._tokens, 0)


def read_vectors(answer: bytes, texts: Sequence[str]) -> tuple[list[bytes], int]:
    """The vectors of a server's answer in the order of the texts, and the tokens that it counted.

    Raises BackendError (ambiguous, `broken_stream`) where it is not one vector for each text, all of one length.
    """
    try:
        document = parse_json(answer, bytes_max=ANSWER_BYTES_MAX, values_max=VALUES_MAX)
        listed = document.get("data") if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(listed, list):
            raise broken("data")
        by_index = {
            one["index"]: packed(one.get("embedding"))
            for one in listed
            if isinstance(one, dict) and type(one.get("index")) is int
        }
    except RequestError:
        raise broken("not a list of vectors") from None
    vectors = [by_index[index] for index in range(len(texts)) if index in by_index]
    if len(listed) != len(texts) or len(vectors) != len(texts) or len({len(one) for one in vectors}) != 1:
        raise broken("not one vector of one length for each text")
    usage = document.get("usage")
    counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if type(counted) is int and 0 <= counted < TOKENS_MAX:
        return vectors, counted
    return vectors, sum(-(-len(text.encode()) // BYTES_PER_TOKEN_MIN) for text in texts)
