"""An answer as the items of OpenAI's Responses API, and the events of each piece as it comes.

No I/O: pieces of a chat's answer in, events out. Texts follow one another; what tools are called with may come
interleaved, so the items of calls stay open to the end.
"""

from dataclasses import dataclass
from typing import Any

from node.api.answering import extra_members
from protocol.answers import Delta, Finished
from protocol.errors import CutAnswerError

Members = dict[str, Any]
Events = list[tuple[str, Members]]
"""The type of each, and its members but `type` and `sequence_number`."""

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}  # OpenAI's finish_reason → its reason
CALLS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of text: the item it stands in, its part's type, the member that holds it, and its events' name."""

    item: str
    part: str
    member: str
    event: str

    def filled(self, text: str) -> Members:
        known: Members = {"type": self.part, self.member: text}
        return known | {"annotations": [], "logprobs": []} if self is _TEXT else known


_TEXT = _Kind("message", "output_text", "text", "response.output_text")
_REFUSAL = _Kind("message", "refusal", "refusal", "response.refusal")
_REASONING = _Kind("reasoning", "reasoning_text", "text", "response.reasoning_text")
_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc"}


class Output:
    """The items of one answer. `feed` each piece, then `finish`."""

    def __init__(self, decision_id: str) -> None:
        self.items: list[Members] = []
        self._decision_id = decision_id
        self._open: tuple[int, _Kind] | None = None  # the item of text that grows, and the kind of its last part
        self._pieces: list[str] = []  # of that part
        self._calls: dict[int, int] = {}  # position among the calls → its item
        self._arguments: dict[int, list[str]] = {}  # item of a call → pieces

    def feed(self, delta: Delta) -> Events:
        """Raises CutAnswerError where the piece is not of OpenAI's form."""
        members = extra_members(delta)
        events: Events = []
        thought = members.get("reasoning_content") or members.get("reasoning")
        for kind, text in ((_REASONING, thought), (_TEXT, delta.content), (_REFUSAL, members.get("refusal"))):
            if isinstance(text, str) and text:
                events += self._text(kind, text)
        calls = members.get("tool_calls") or ()
        if not isinstance(calls, list | tuple):
            raise _malformed()
        for call in calls:
            events += self._call(call)
        return events

    def finish(self, finished: Finished) -> Events:
        """What is open is closed; an answer without anything is an empty text."""
        events: Events = [] if self.items else self._begin(_TEXT)
        status = "incomplete" if finished.reason in _INCOMPLETE else "completed"
        events += self._close(status)
        for index in self._calls.values():
            item = self.items[index]
            item["arguments"] = "".join(self._arguments[index])
            item["status"] = status
            where = {"item_id": item["id"], "output_index": index}
            done = {**where, "name": item["name"], "arguments": item["arguments"]}
            events.append(("response.function_call_arguments.done", done))
            events.append(("response.output_item.done", {"output_index": index, "item": dict(item)}))
        return events

    def message(self) -> Members:
        """The same as a chat's message, for the history."""
        parts = [part for item in self.items if item["type"] == "message" for part in item["content"]]
        text = "".join(part["text"] for part in parts if part["type"] == "output_text")
        refusal = "".join(part["refusal"] for part in parts if part["type"] == "refusal")
        calls = [
            {
                "id": item["call_id"],
                "type": "function",
                "function": {"name": item["name"], "arguments": item["arguments"]},
            }
            for item in self.items
            if item["type"] == "function_call"
        ]
        message: Members = {"role": "assistant", "content": text or (None if calls or refusal else "")}
        message |= {"refusal": refusal} if refusal else {}
        return message | {"tool_calls": calls} if calls else message

    def _text(self, kind: _Kind, text: str) -> Events:
        events: Events = []
        if self._open is None or self._open[1] is not kind:
            events = self._begin(kind)
        assert self._open is not None
        self._pieces.append(text)
        more: Members = {"logprobs": []} if kind is _TEXT else {}
        return [*events, (f"{kind.event}.delta", {**self._place(), "delta": text, **more})]

    def _begin(self, kind: _Kind) -> Events:
        """A part of this kind, in the open item where it may stand there."""
        events: Events = []
        if self._open is not None and self._open[1].item == kind.item:
            events = self._close_part()
            self._open = (self._open[0], kind)
        else:
            events = self._close("completed")
            item = self._added(kind.item, {"summary": [], "content": []} if kind is _REASONING else _MESSAGE)
            self._open = (len(self.items) - 1, kind)
            events.append(item)
        item_content = self.items[self._open[0]]["content"]
        item_content.append(kind.filled(""))
        return [*events, ("response.content_part.added", {**self._place(), "part": kind.filled("")})]

    def _added(self, type_: str, members: Members) -> tuple[str, Members]:
        index = len(self.items)
        item: Members = {"id": f"{_PREFIXES[type_]}_{self._decision_id}_{index}", "type": type_}
        item |= {name: list(value) if isinstance(value, list) else value for name, value in members.items()}
        item["status"] = "in_progress"
        self.items.append(item)
        return "response.output_item.added", {"output_index": index, "item": _copied(item)}

    def _place(self) -> Members:
        """Of the part that grows."""
        assert self._open is not None
        item = self.items[self._open[0]]
        return {"item_id": item["id"], "output_index": self._open[0], "content_index": len(item["content"]) - 1}

    def _close_part(self) -> Events:
        assert self._open is not None
        index, kind = self._open
        text = "".join(self._pieces)
        self._pieces.clear()
        part = self.items[index]["content"][-1] = kind.filled(text)
        more: Members = {"logprobs": []} if kind is _TEXT else {}
        done = {**self._place(), kind.member: text, **more}
        return [(f"{kind.event}.done", done), ("response.content_part.done", {**self._place(), "part": part})]

    def _close(self, status: str) -> Events:
        if self._open is None:
            return []
        index = self._open[0]
        events = self._close_part()
        self._open = None
        self.items[index]["status"] = status
        return [*events, ("response.output_item.done", {"output_index": index, "item": _copied(self.items[index])})]

    def _call(self, call: object) -> Events:
        """A piece of a call: its first one names it, later ones add to its arguments."""
        function = call.get("function") or {} if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(function, dict):
            raise _malformed()
        position, name, arguments = call.get("index", 0), function.get("name") or "", function.get("arguments") or ""
        if not isinstance(position, int) or not isinstance(name, str) or not isinstance(arguments, str):
            raise _malformed()
        events: Events = []
        index = self._calls.get(position)
        if index is None:
            if len(self._calls) == CALLS_MAX:
                raise _malformed()
            events = self._close("completed")
            call_id = call.get("id") or f"call_{self._decision_id}_{position}"
            events.append(self._added("function_call", {"call_id": str(call_id), "name": name, "arguments": ""}))
            index = self._calls[position] = len(self.items) - 1
            self._arguments[index] = []
        else:
            self.items[index]["name"] += name
        if arguments:
            self._arguments[index].append(arguments)
            where = {"item_id": self.items[index]["id"], "output_index": index}
            events.append(("response.function_call_arguments.delta", {**where, "delta": arguments}))
        return events


_MESSAGE: Members = {"role": "assistant", "content": []}


def incomplete_reason(finished: Finished) -> str | None:
    """Why the answer is not the whole of what the model would have said; None where it is."""
    return _INCOMPLETE.get(finished.reason)


def _copied(item: Members) -> Members:
    """As it is now: the item itself goes on growing."""
    return {name: list(value) if isinstance(value, list) else value for name, value in item.items()}


def _malformed() -> CutAnswerError:
    return CutAnswerError("answer_malformed", "a piece of a tool call is not in the form of OpenAI's chunks")
