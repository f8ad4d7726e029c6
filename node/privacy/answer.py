"""Brings the values back into a whole answer: the text of each choice, its reasoning, and its tool calls' arguments.

Members that are not known keep their tokens: what they are for, nobody can tell.
"""

from collections.abc import Iterator
from typing import Any

from node.privacy.policy import PrivacyPolicy
from node.privacy.restorer import Mode, Restorer
from node.privacy.vault import Vault
from protocol.answers import Delta
from protocol.errors import RequestError
from protocol.strict_json import dump_json, parse_json

TEXT_MEMBERS = ("reasoning_content", "reasoning", "refusal")
CALL_MEMBERS = ("arguments", "input", "function_call")
_OF_CALL = {"arguments": "function", "input": "custom"}  # what is restored of a tool call, and under which kind
_NO_TOOL_NAMED = PrivacyPolicy()

_Slot = tuple[int, str, int]  # choice, member, index of the tool call (0 for the others)


class AnswerRestorer:
    """One answer on its way back. Each text and each tool call's arguments is a stream of its own."""

    def __init__(self, vault: Vault, content: Mode = Mode.TEXT, policy: PrivacyPolicy = _NO_TOOL_NAMED) -> None:
        """`content`: JSON where the request asked for an answer in JSON. `policy` tells tools apart."""
        self._vault = vault
        self._content = content
        self._policy = policy
        self._restorers: dict[_Slot, Restorer] = {}
        self._tools: dict[_Slot, str] = {}

    def feed(self, delta: Delta) -> tuple[Delta, ...]:
        """What may be shown of it so far; often one delta, none where all of it is held back.

        Raises RequestError where its other members are no JSON object.
        """
        extra = self._extra(delta.index, delta.extra) if delta.extra else b""
        content = self._restored((delta.index, "content", 0), delta.content)
        return (Delta(content, extra, delta.index),) if content or extra else ()

    def finish(self) -> Iterator[Delta]:
        """What was held back and is no token."""
        for (choice, member, call), restorer in self._restorers.items():
            rest = restorer.finish()
            if not rest:
                continue
            if member == "content":
                yield Delta(rest, b"", choice)
            elif member in _OF_CALL:
                calls = [{"index": call, _OF_CALL[member]: {member: rest}}]
                yield Delta("", dump_json({"tool_calls": calls}), choice)
            elif member == "function_call":
                yield Delta("", dump_json({member: {"arguments": rest}}), choice)
            else:
                yield Delta("", dump_json({member: rest}), choice)

    def _restored(self, slot: _Slot, text: str) -> str:
        if not text:
            return ""
        restorer = self._restorers.get(slot)
        if restorer is None:
            restorer = self._restorers[slot] = self._restorer(slot)
        return restorer.feed(text)

    def _restorer(self, slot: _Slot) -> Restorer:
        if slot[1] not in CALL_MEMBERS:
            return Restorer(self._vault, self._mode(slot[1]))
        mode = Mode.TEXT if slot[1] == "input" else Mode.JSON  # a custom tool takes any text
        tool = self._tools.get(slot)
        if self._policy.remote_tools and (tool is None or tool in self._policy.remote_tools):
            return Restorer(Vault(), mode)  # it runs elsewhere, or nobody can tell
        return Restorer(self._vault, mode, urls=tool in self._policy.local_tools)

    def _mode(self, member: str) -> Mode:
        return self._content if member == "content" else Mode.TEXT

    def _extra(self, choice: int, extra: bytes) -> bytes:
        parsed = parse_json(extra)
        if not isinstance(parsed, dict):
            raise RequestError("delta", "expected a JSON object")
        members: dict[str, Any] = dict(parsed)
        for name in TEXT_MEMBERS:
            if isinstance(text := members.get(name), str):
                members[name] = self._restored((choice, name, 0), text)
        calls = members.get("tool_calls")
        if isinstance(calls, list):
            members["tool_calls"] = [self._call(choice, number, call) for number, call in enumerate(calls)]
        if "function_call" in members:  # the older form of the one call
            slot = (choice, "function_call", 0)
            members["function_call"] = self._function(slot, members["function_call"], "arguments")
        return dump_json(members)

    def _call(self, choice: int, number: int, call: Any) -> Any:
        if not isinstance(call, dict):
            return call
        index = call.get("index", number)
        index = index if isinstance(index, int) else number
        restored = {
            kind: self._function((choice, member, index), call[kind], member)
            for member, kind in _OF_CALL.items()
            if kind in call
        }
        return {**call, **restored}

    def _function(self, slot: _Slot, function: Any, member: str) -> Any:
        if not isinstance(function, dict):
            return function
        if isinstance(name := function.get("name"), str):
            self._tools.setdefault(slot, name)
        if not isinstance(function.get(member), str):
            return function
        return {**function, member: self._restored(slot, function[member])}
