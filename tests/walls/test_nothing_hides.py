"""Sanitising at every hop, of everything: no place of a request hides a value, and no part of an answer brings one
where it must not be."""

import json

import pytest

from node.api.anthropic_request import chat_of
from node.backends.openai_answer import AnswerReader
from node.privacy.answer import AnswerRestorer
from node.privacy.findings import FindingType
from node.privacy.policy import PrivacyPolicy
from node.privacy.restorer import Mode, Restorer
from node.privacy.vault import Vault
from protocol.answers import Delta
from protocol.chat import ChatRequest
from protocol.strict_json import dump_json
from tests.unit.privacy_texts import sanitized

NAME, MAIL = "Ada Lovelace", "ada@example.org"
CALL = {"id": "call_a", "type": "function"}
ASK = {"role": "user", "content": f"Who is {NAME}?"}


def calling(arguments: object) -> list[dict[str, object]]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return [ASK, {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "find", "arguments": text}}]}]


NESTED = json.dumps({"to": NAME, "note": [json.dumps({"cc": MAIL, "who": NAME})]})
PLACES: dict[str, dict[str, object]] = {
    "an earlier message": {"messages": [ASK, {"role": "assistant", "content": f"{NAME}, {MAIL}"}, ASK]},
    "the system's message": {"messages": [{"role": "system", "content": f"You serve {NAME}, {MAIL}."}, ASK]},
    "the developer's message": {"messages": [{"role": "developer", "content": f"For {NAME}."}, ASK]},
    "a content part": {"messages": [{"role": "user", "content": [{"type": "text", "text": f"{NAME} {MAIL}"}]}]},
    "a participant's name": {"messages": [{**ASK, "name": NAME}]},
    "arguments of a call": {"messages": calling({"to": [NAME, {"mail": MAIL}]})},
    "names of arguments": {"messages": calling({NAME: {MAIL: True}})},
    "escaped arguments": {"messages": calling('{"to": "\\u0041da \\u004covelace", "m": "ada\\u0040example.org"}')},
    "JSON in a string of the arguments": {"messages": calling({"payload": NESTED})},
    "JSON in a string in a string": {"messages": calling({"payload": json.dumps({"inner": NESTED})})},
    "arguments that are no JSON": {"messages": calling(f'{{"to": "{NAME}", {MAIL}')},
    "a call in the older form": {
        "messages": [ASK, {"role": "assistant", "function_call": {"name": "f", "arguments": json.dumps({"to": NAME})}}]
    },
    "a custom tool's input": {
        "messages": [
            ASK,
            {
                "role": "assistant",
                "tool_calls": [{"id": "call_a", "type": "custom", "custom": {"name": "f", "input": f"{NAME} {MAIL}"}}],
            },
        ]
    },
    "a tool's result": {
        "messages": [*calling({}), {"role": "tool", "tool_call_id": "call_a", "content": json.dumps({"mail": MAIL})}]
    },
    "an id that is a text": {"messages": [*calling({}), {"role": "tool", "tool_call_id": NAME, "content": "x"}]},
    "reasoning": {"messages": [ASK, {"role": "assistant", "content": "x", "reasoning_content": f"{NAME}, {MAIL}"}]},
    "a refusal": {"messages": [ASK, {"role": "assistant", "refusal": f"Not about {NAME}."}]},
    "a file's name": {
        "messages": [
            {"role": "user", "content": [{"type": "file", "file": {"filename": f"{MAIL}.pdf", "file_data": "x"}}]},
            ASK,
        ]
    },
    "an unknown member of a message": {"messages": [{**ASK, "sender": {"full name": NAME, MAIL: 1}}]},
    "metadata": {"messages": [ASK], "metadata": {"client": NAME, MAIL: "x"}},
    "the user": {"messages": [ASK], "user": MAIL, "safety_identifier": NAME},
    "stop words": {"messages": [ASK], "stop": [NAME, MAIL]},
    "a prediction": {"messages": [ASK], "prediction": {"type": "content", "content": f"{NAME} {MAIL}"}},
    "a tool's description": {
        "messages": [ASK],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": f"Mails {NAME}.",
                    "parameters": {"type": "object", "properties": {"to": {"enum": [NAME, MAIL]}}},
                },
            }
        ],
    },
    "an answer's schema": {
        "messages": [ASK],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"const": NAME}}},
    },
    "a member that nobody knows": {"messages": [ASK], "future": {"deep": [{NAME: MAIL}]}},
}


@pytest.mark.parametrize("place", PLACES)
def test_no_place_of_a_request_hides_a_value(place: str) -> None:
    sent = sanitized(ChatRequest.parse({"model": "auto", **PLACES[place]})).request
    shown = sent.to_json().decode()
    while "\\" in shown:  # whatever it is wrapped in
        shown = shown.encode().decode("unicode_escape") if "\\u" in shown else shown.replace("\\", "")
    for piece in ("Ada", "Lovelace", "ada@", "example.org"):
        assert piece not in shown
    assert "[PERSON_1]" in shown or "[EMAIL_1]" in shown


@pytest.mark.parametrize("depth", range(4))
def test_json_in_strings_of_json_hides_no_letter_behind_its_escapes(depth: int) -> None:
    name = "Zoë Ångström"
    arguments = json.dumps({"to": name})
    for _ in range(depth):
        arguments = json.dumps({"payload": arguments})
    request = ChatRequest.parse({"model": "auto", "messages": calling(arguments)})
    result = sanitized(request, names={name: "GIVEN_NAME"})
    sent = result.request.body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    restorer = Restorer(result.vault, Mode.JSON)
    back = restorer.feed(sent) + restorer.finish()
    for _ in range(depth):
        sent, back = (json.loads(text)["payload"] for text in (sent, back))
    assert json.loads(sent) == {"to": "[PERSON_1]"}
    assert json.loads(back) == {"to": name}


def test_what_anthropics_api_calls_tool_use_and_result_is_sanitised_too() -> None:
    body = {
        "model": "auto",
        "max_tokens": 10,
        "system": [{"type": "text", "text": f"You serve {NAME}."}],
        "metadata": {"user_id": MAIL},
        "messages": [
            {"role": "user", "content": f"Write to {NAME}"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": f"To {MAIL}"},
                    {"type": "tool_use", "id": "toolu_1", "name": "mail", "input": {"to": MAIL, "names": [NAME]}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": f"sent to {NAME} <{MAIL}>"},
                    {"type": "text", "text": f"And {NAME}?"},
                ],
            },
        ],
        "tools": [{"name": "mail", "description": f"for {NAME}", "input_schema": {"type": "object"}}],
    }
    sent = sanitized(chat_of(json.dumps(body).encode())).request.to_json().decode()
    assert not [piece for piece in ("Ada", "Lovelace", "ada@") if piece in sent]
    arguments = json.loads(sent)["messages"][2]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": "[EMAIL_1]", "names": ["[PERSON_1]"]}


def vault() -> Vault:
    made = Vault()
    made.put(FindingType.PERSON, NAME)
    made.put(FindingType.SECRET, "hunter2x")
    made.put(FindingType.URL, "https://ada.example/x")
    return made


ALL = "[PERSON_1] [SECRET_1] [URL_1]"


def answered(extra: object, policy: PrivacyPolicy | None = None) -> dict[str, object]:
    restorer = AnswerRestorer(vault()) if policy is None else AnswerRestorer(vault(), policy=policy)
    deltas = [*restorer.feed(Delta("", dump_json(extra))), *restorer.finish()]
    assert len(deltas) == 1
    found = json.loads(deltas[0].extra)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning", "refusal"])
def test_thoughts_and_refusals_come_back_as_the_text_does_and_secrets_do_not(member: str) -> None:
    assert answered({member: ALL}) == {member: f"{NAME} [SECRET_1] https://ada.example/x"}


def called(name: str, arguments: object) -> dict[str, object]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{**CALL, "index": 0, "function": function}]}


@pytest.mark.parametrize(
    ("tool", "to"),
    [
        ("any", [NAME, "[SECRET_1]", "[URL_1]"]),
        ("here", [NAME, "[SECRET_1]", "https://ada.example/x"]),
        ("there", ["[PERSON_1]", "[SECRET_1]", "[URL_1]"]),
    ],
)
def test_arguments_come_back_but_for_secrets_and_urls_and_not_at_all_where_a_tool_is_remote(
    tool: str, to: list[str]
) -> None:
    policy = PrivacyPolicy(remote_tools=frozenset({"there"}), local_tools=frozenset({"here"}))
    found = answered(called(tool, {"to": ALL.split(" "), "[PERSON_1]": 1}), policy)
    arguments = json.loads(found["tool_calls"][0]["function"]["arguments"])  # type: ignore[index]
    assert arguments == {"to": to, ("[PERSON_1]" if tool == "there" else NAME): 1}


def test_each_choice_and_each_call_is_a_stream_of_its_own() -> None:
    restorer = AnswerRestorer(vault())
    shown: dict[int, str] = {0: "", 1: ""}
    for index, piece in ((0, "[PERS"), (1, "ON_1] and [PERSON"), (0, "ON_1]"), (1, "_1]")):
        for delta in restorer.feed(Delta(piece, b"", index)):
            shown[delta.index] += delta.content
    assert shown == {0: NAME, 1: f"ON_1] and {NAME}"}


def test_the_probabilities_of_an_answers_tokens_reach_nobody() -> None:
    """Each of them repeats a piece of the answer, and no piece of a token can be restored."""
    chunk = {
        "choices": [
            {
                "index": 0,
                "delta": {"content": "[PERSON_1]"},
                "logprobs": {"content": [{"token": "[PERSON", "logprob": -0.1}, {"token": "_1]", "logprob": 0}]},
                "finish_reason": "stop",
            }
        ]
    }
    assert AnswerReader(10).feed(chunk) == [Delta("[PERSON_1]")]


def test_members_of_an_answer_that_nobody_knows_keep_their_tokens() -> None:
    assert answered({"annotations": [{"url": "//evil.example/[PERSON_1]"}]}) == {
        "annotations": [{"url": "//evil.example/[PERSON_1]"}]
    }
