"""Who answered which conversation last, so that the next turn goes where its beginning was read already.

A conversation is known by a keyed hash of its messages; the key is drawn at each start. No text is kept, and nothing on
disk. What is remembered binds nobody: the router judges every turn anew.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.agents.table import Offer
from node.api.ports import Order, Route, Sink, response_id
from node.lengths import TOKENS_PER_MESSAGE, about_tokens
from protocol.answers import AnswerEvent, Delta
from protocol.chat import ChatRequest
from protocol.terms import Now

KEY_BYTES = 32
CONVERSATIONS_MAX = 4_096  # of about 200 bytes; a turn takes two to four
FORGOTTEN_AFTER_MS = 30 * 60_000  # prompt caches of servers and providers last for minutes
_HASH_BYTES = 16
_NO_CALLS = b""

Hash = bytes


@dataclass(frozen=True, slots=True)
class Previous:
    """Who answered the conversation's last turn. `tokens`: so many of the prompt's first ones were read there."""

    island: str = ""  # an island's id, or the name of what has none: a provider
    model: str = ""
    tokens: int = 0

    def answers(self, offer: Offer) -> bool:
        return (answerer_of(offer), offer.model) == (self.island, self.model)


NOBODY = Previous()


class Affinity:
    """One a node. Bounded: the oldest goes first."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._last: OrderedDict[Hash, tuple[int, str, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def previous(self, order: Order, now: Now) -> Previous:
        """By the longest beginning of its messages that ends in, or before, a turn of the assistant.

        Else by the name of its conversation: then how much was read is not known.
        """
        messages: Sequence[Mapping[str, Any]] = order.request.body["messages"]
        chain = list(self._chain(order.key_name, messages))
        for count in range(len(messages), 0, -1):
            if not any(message["role"] == "assistant" for message in messages[count - 1 : count + 1]):
                continue
            found = self._found(chain[count - 1], now)
            if found is not None:
                return Previous(*found, _tokens(order.request, count))
        for name in self._names(order.key_name, order.previous, order.conversation):
            found = self._found(name, now)
            if found is not None:
                return Previous(*found)
        return NOBODY

    def hear(self, order: Order) -> "Hearing":
        """What is made of the answer to `order`, while it passes."""
        messages = order.request.body["messages"]
        *_, prompt = self._chain(order.key_name, messages)
        return Hearing(prompt, None if order.request.choices > 1 else _Message(self._key, prompt, "assistant"))

    def remember(self, order: Order, request_id: bytes, hearing: "Hearing", offer: Offer, now: Now) -> None:
        """The whole answer came from `offer`."""
        stored = response_id(request_id.hex()) if order.stored else None
        for known in (*hearing.hashes(), *self._names(order.key_name, stored, order.conversation)):
            self._last.pop(known, None)
            self._last[known] = now.mono_ms, answerer_of(offer), offer.model
        while len(self._last) > CONVERSATIONS_MAX or self._is_old(next(iter(self._last.values()))[0], now):
            self._last.popitem(last=False)

    def _found(self, known: Hash, now: Now) -> tuple[str, str] | None:
        at_ms, island, model = self._last.get(known, (0, "", ""))
        return None if not island or self._is_old(at_ms, now) else (island, model)

    def _is_old(self, at_ms: int, now: Now) -> bool:
        return now.mono_ms - at_ms >= FORGOTTEN_AFTER_MS

    def _chain(self, key_name: str, messages: Sequence[Mapping[str, Any]]) -> Iterator[Hash]:
        """For each message the hash of all up to it. Each client's conversations are its own."""
        known = self._hash("client", key_name)
        for message in messages:
            said = _Message(self._key, known, message["role"])
            said.say(_text(message.get("content")))
            known = said.end(_calls(message))
            yield known

    def _names(self, key_name: str, response: str | None, conversation: str | None) -> Iterator[Hash]:
        if response is not None:
            yield self._hash("response", key_name, response)
        if conversation is not None:
            yield self._hash("conversation", key_name, conversation)

    def _hash(self, *parts: str) -> Hash:
        return hashlib.blake2b(json.dumps(parts).encode(), key=self._key, digest_size=_HASH_BYTES).digest()


class _Message:
    """The hash of one message after others, whose text comes in pieces."""

    def __init__(self, key: bytes, before: Hash, role: str) -> None:
        self._state = hashlib.blake2b(before + role.encode() + b"\0", key=key, digest_size=_HASH_BYTES)
        self._length = 0

    def say(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._length += len(data)
        self._state.update(data)

    def end(self, calls: bytes) -> Hash:
        self._state.update(self._length.to_bytes(8, "big") + calls)
        return self._state.digest()


class Hearing:
    """One answer: the hash of the conversation with it, as its client will send it again."""

    def __init__(self, prompt: Hash, answer: _Message | None) -> None:
        self._prompt = prompt
        self._answer = answer

    def event(self, event: AnswerEvent) -> None:
        if isinstance(event, Delta) and self._answer is not None:
            if event.extra:  # tool calls come in pieces, and reasoning is not sent again: the prompt alone must do
                self._answer = None
            else:
                self._answer.say(event.content)

    def hashes(self) -> tuple[Hash, ...]:
        return (self._prompt,) if self._answer is None else (self._prompt, self._answer.end(_NO_CALLS))


class HearingSink:
    """A client's sink beside which the answer is heard."""

    def __init__(self, sink: Sink, hearing: Hearing) -> None:
        self._sink = sink
        self._hearing = hearing

    def decided(self, decision_id: str) -> None:
        self._sink.decided(decision_id)

    async def started(self, route: Route) -> None:
        await self._sink.started(route)

    async def event(self, event: AnswerEvent) -> None:
        self._hearing.event(event)
        await self._sink.event(event)


def answerer_of(offer: Offer) -> str:
    return offer.island_id or offer.island


def _tokens(request: ChatRequest, count: int) -> int:
    """About those of its first messages, counted as `node.lengths.prompt_tokens` does."""
    texts = (part for part in request.texts() if len(part.path) > 1 and part.path[0] == "messages")
    said = sum(about_tokens(part.text) + 1 for part in texts if isinstance(part.path[1], int) and part.path[1] < count)
    return said + TOKENS_PER_MESSAGE * count


def _text(content: Any) -> str:
    """Text in parts is the same as text in one, since clients send answers back in either form."""
    if isinstance(content, list):
        if all(part.get("type") == "text" for part in content):
            return "".join(part["text"] for part in content)
        return json.dumps(content, sort_keys=True)
    return content or ""


def _calls(message: Mapping[str, Any]) -> bytes:
    calls = {name: message[name] for name in ("tool_calls", "function_call", "tool_call_id") if message.get(name)}
    return json.dumps(calls, sort_keys=True).encode() if calls else _NO_CALLS
