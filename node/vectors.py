"""Vectors of texts on their way from a backend to the edge: one Delta for each text, in the order of the texts.

A request for vectors is a chat of one message for each text, so that it is read and judged like any other; its answer's
pieces hold a vector each in `extra`, as OpenAI's base64: 32-bit floats, little-endian.
"""

import base64
import binascii
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from protocol.answers import Delta
from protocol.chat import ChatRequest
from protocol.errors import RequestError
from protocol.strict_json import dump_json, parse_json

INPUTS_MAX = 2_048  # OpenAI's own bound
DIMENSIONS_MAX = 16_384
FLOAT_BYTES = 4

_MEMBER = "embedding"


def chat_of_texts(model: str, texts: Sequence[str]) -> ChatRequest:
    """Raises RequestError. `encoding_format` belongs to no chat: the same text asked of a chat is another request."""
    messages = [{"role": "user", "content": text} for text in texts]
    return ChatRequest.parse({"model": model, "encoding_format": "float", "messages": messages})


def texts_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts of such a chat's body. Raises RequestError for another chat's."""
    contents = [message["content"] for message in body["messages"]]
    if not all(isinstance(content, str) for content in contents):
        raise RequestError("messages", "expected a text in each")
    return tuple(contents)


def packed(vector: object) -> bytes:
    """A vector as a server writes it, a list of numbers or base64. Raises RequestError for what is none."""
    if isinstance(vector, str):
        data = _decoded(vector)
    elif isinstance(vector, list) and all(type(value) in (int, float) for value in vector):
        try:
            data = struct.pack(f"<{len(vector)}f", *vector)
        except (OverflowError, struct.error):
            raise RequestError(_MEMBER, "a number beyond 32 bits") from None
    else:
        raise RequestError(_MEMBER, "expected a list of numbers, or base64")
    count, rest = divmod(len(data), FLOAT_BYTES)
    if rest or not 0 < count <= DIMENSIONS_MAX or not all(map(math.isfinite, unpacked(data))):
        raise RequestError(_MEMBER, f"expected 1 to {DIMENSIONS_MAX} finite numbers of 32 bits")
    return data


def unpacked(data: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(data) // FLOAT_BYTES}f", data)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def delta_of(data: bytes) -> Delta:
    return Delta("", dump_json({_MEMBER: base64_of(data)}))


def vector_in(delta: Delta) -> bytes:
    """Raises RequestError where the piece holds no vector."""
    members = parse_json(delta.extra)
    return packed(members.get(_MEMBER) if isinstance(members, dict) else None)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError(_MEMBER, "not base64") from None
