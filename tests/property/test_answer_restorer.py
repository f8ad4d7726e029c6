"""An answer that repeats what was sent comes back byte for byte, in whatever pieces it came."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.answer import AnswerRestorer
from node.privacy.findings import FindingType
from node.privacy.policy import PrivacyPolicy
from node.privacy.restorer import Mode
from node.privacy.vault import Vault
from protocol.answers import Delta
from protocol.strict_json import dump_json

WORDS = [
    "the",
    "and",
    "wrote",
    "to",
    "[",
    "]",
    "[PERSON",
    "_1]",
    "(",
    "*",
    "é",
    "漢",
    "😀",
    "\n",
    "  ",
    "\\",
    "PERSON_9",
    "%s",
]
VALUES = {
    FindingType.PERSON: ["Ada Lovelace", 'Jo "J" O\\Neil', "Zoë 漢字"],
    FindingType.EMAIL: ["ada@example.org", "j.o-neil+x@example.co.uk"],
    FindingType.PHONE: ["+49 30 901820"],
}


def vault() -> tuple[Vault, dict[str, str]]:
    """And what each token stands for."""
    made = Vault()
    for type_, values in VALUES.items():
        for value in values:
            made.put(type_, value)
    return made, {entry.placeholder.token(): entry.value for entry in made}


TOKENS = list(vault()[1])
pieces = st.lists(st.sampled_from(WORDS) | st.sampled_from(TOKENS), max_size=12)
cuts = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def cut(text: str, sizes: list[int]) -> list[str]:
    parts, at, turn = [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        parts.append(text[at : at + size])
        at, turn = at + size, turn + 1
    return parts


def shown(restorer: AnswerRestorer, deltas: list[Delta]) -> list[Delta]:
    return [*(piece for delta in deltas for piece in restorer.feed(delta)), *restorer.finish()]


def spaced(parts: list[str]) -> str:
    """Apart: what makes a link, an address or a longer token of its neighbours is the restorer's own tests' matter."""
    return "".join(f"{part} " for part in parts)


@given(st.lists(pieces, min_size=1, max_size=3), cuts)
@settings(max_examples=150, deadline=None)
def test_the_text_of_every_choice_comes_back_whatever_the_pieces(choices: list[list[str]], sizes: list[int]) -> None:
    made, values = vault()
    answers = [spaced(parts) for parts in choices]
    streams = [[Delta(piece, b"", index) for piece in cut(text, sizes)] for index, text in enumerate(answers)]
    turns = max(map(len, streams))
    mixed = [stream[turn] for turn in range(turns) for stream in streams if turn < len(stream)]
    events = shown(AnswerRestorer(made), mixed)
    for index, parts in enumerate(choices):
        got = "".join(event.content for event in events if event.index == index)
        assert got == spaced([values.get(part, part) for part in parts])


@given(st.lists(pieces, min_size=1, max_size=3), cuts)
@settings(max_examples=100, deadline=None)
def test_the_arguments_of_every_tool_call_come_back_as_the_same_json_with_the_values_in_it(
    calls: list[list[str]], sizes: list[int]
) -> None:
    made, values = vault()
    deltas = []
    for index, parts in enumerate(calls):
        written = json.dumps({"text": spaced(parts), "n": [1, None, {"to": parts}]}, ensure_ascii=index % 2 == 0)
        for piece in cut(written, sizes):
            call = {"index": index, "type": "function", "function": {"name": "mail", "arguments": piece}}
            deltas.append(Delta("", dump_json({"tool_calls": [call]})))
    written_by_call: dict[int, str] = {}
    for event in shown(AnswerRestorer(made), deltas):
        for call in json.loads(event.extra)["tool_calls"]:
            index = call["index"]
            written_by_call[index] = written_by_call.get(index, "") + call["function"]["arguments"]
    for index, parts in enumerate(calls):
        back = [values.get(part, part) for part in parts]
        assert json.loads(written_by_call[index]) == {"text": spaced(back), "n": [1, None, {"to": back}]}


@given(pieces, cuts)
@settings(max_examples=50, deadline=None)
def test_an_answer_in_json_stays_json(parts: list[str], sizes: list[int]) -> None:
    made, values = vault()
    written = json.dumps({"who": spaced(parts)})
    events = shown(AnswerRestorer(made, Mode.JSON), [Delta(piece) for piece in cut(written, sizes)])
    got = json.loads("".join(event.content for event in events))
    assert got == {"who": spaced([values.get(part, part) for part in parts])}


@given(pieces, cuts, st.sampled_from(["reasoning_content", "reasoning", "refusal"]))
@settings(max_examples=50, deadline=None)
def test_reasoning_and_refusals_come_back_beside_the_text(parts: list[str], sizes: list[int], member: str) -> None:
    made, values = vault()
    deltas = [Delta("x", dump_json({member: piece, "other": 1})) for piece in cut(spaced(parts), sizes)]
    events = shown(AnswerRestorer(made), deltas)
    got = "".join(json.loads(event.extra).get(member, "") for event in events if event.extra)
    assert got == spaced([values.get(part, part) for part in parts])
    assert "".join(event.content for event in events) == "x" * len(deltas)


@given(pieces, cuts)
@settings(max_examples=50, deadline=None)
def test_the_one_call_in_its_older_form_comes_back_too(parts: list[str], sizes: list[int]) -> None:
    made, values = vault()
    written = json.dumps(parts)
    deltas = [Delta("", dump_json({"function_call": {"arguments": piece}})) for piece in cut(written, sizes)]
    events = shown(AnswerRestorer(made), deltas)
    got = "".join(json.loads(event.extra)["function_call"]["arguments"] for event in events)
    assert json.loads(got) == [values.get(part, part) for part in parts]


@given(pieces, cuts, st.sampled_from([None, "local", "remote"]))
@settings(max_examples=50, deadline=None)
def test_the_input_of_a_custom_tool_comes_back_unless_the_tool_runs_elsewhere(
    parts: list[str], sizes: list[int], place: str | None
) -> None:
    made, values = vault()
    deltas = []
    for piece in cut(spaced(parts), sizes):
        call = {"index": 0, "type": "custom", "custom": {"name": "note", "input": piece}}
        deltas.append(Delta("", dump_json({"tool_calls": [call]})))
    policy = PrivacyPolicy(remote_tools=frozenset({"note"} if place == "remote" else {"other"} if place else ()))
    events = shown(AnswerRestorer(made, policy=policy), deltas)
    got = "".join(call["custom"]["input"] for event in events for call in json.loads(event.extra)["tool_calls"])
    assert got == spaced(parts if place == "remote" else [values.get(part, part) for part in parts])
