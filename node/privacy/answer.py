"""Brings the values back into a whole answer: the text of each choice, its reasoning, and its tool calls' arguments."""

from collections.abc import Iterator
from typing import Any, cast

from node.privacy.restorer import Mode, Restorer
from node.privacy.vault import Vault
from protocol.answers import Delta
from protocol.strict_json import dump_json, parse_json

TEXT_MEMBERS = ("reasoning_content", "refusal")

_Slot = tuple[int, str, int]  # choice, member, index of the tool call (0 for texts)


class AnswerRestorer:
    """One answer on its way back. Each text and each tool call's arguments is a stream of its own."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._restorers: dict[_Slot, Restorer] = {}

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """What may be shown of it so far; often one delta, none where all of it is held back."""
        content = self._restored((delta.index, "content", 0), delta.content)
        extra = self._extra(delta.index, delta.extra) if delta.extra else b""
        if content or extra:
            yield Delta(content, extra, delta.index)

    def finish(self) -> Iterator[Delta]:
        """What was held back and is no token."""
        for (choice, member, call), restorer in self._restorers.items():
            rest = restorer.finish()
            if not rest:
                continue
            if member == "content":
                yield Delta(rest, b"", choice)
            elif member == "arguments":
                calls = [{"index": call, "function": {"arguments": rest}}]
                yield Delta("", dump_json({"tool_calls": calls}), choice)
            else:
                yield Delta("", dump_json({member: rest}), choice)

    def _restored(self, slot: _Slot, text: str) -> str:
        if not text:
            return ""
        restorer = self._restorers.get(slot)
        if restorer is None:
            mode = Mode.JSON if slot[1] == "arguments" else Mode.TEXT
            restorer = self._restorers[slot] = Restorer(self._vault, mode)
        return restorer.feed(text)

    def _extra(self, choice: int, extra: bytes) -> bytes:
        members: dict[str, Any] = dict(cast("dict[str, Any]", parse_json(extra)))
        for name in TEXT_MEMBERS:
            if isinstance(members.get(name), str):
                members[name] = self._restored((choice, name, 0), members[name])
        calls = members.get("tool_calls")
        if isinstance(calls, list):
            members["tool_calls"] = [self._call(choice, number, call) for number, call in enumerate(calls)]
        return dump_json(members)

    def _call(self, choice: int, number: int, call: Any) -> Any:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
            return call
        index = call.get("index", number)
        slot = (choice, "arguments", index if isinstance(index, int) else number)
        return {**call, "function": {**function, "arguments": self._restored(slot, function["arguments"])}}
