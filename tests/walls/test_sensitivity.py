"""The design's sentences on sensitivity, each with its cases."""

import pytest

from node.privacy.detectors import find_by_rules
from node.privacy.findings import Failure, PartFindings
from node.privacy.languages import Guess
from node.privacy.names import Reading
from node.privacy.normal_form import normalise
from node.privacy.policy import PrivacyPolicy
from node.privacy.reading import read_by_names
from node.privacy.sensitivity import assess, dotted
from protocol.chat import ChatRequest
from protocol.terms import Sensitivity
from tests.unit.privacy_texts import PEOPLE, assessed, chat

PUBLIC, INTERNAL, CONFIDENTIAL, RESTRICTED = Sensitivity

TABLE: list[tuple[str, Sensitivity]] = [
    # restricted: secrets
    ("my key is sk-proj-Zx81kQpLm20vTyRw77abCD", RESTRICTED),
    ("password: Hunter2!x", RESTRICTED),
    ("postgres://bob:s3cr3tPie@db.example/app", RESTRICTED),
    ("-----BEGIN PRIVATE KEY-----\nMIIBOgIBAAJBAK\n-----END PRIVATE KEY-----", RESTRICTED),
    # restricted: card, account and national numbers
    ("card 4111 1111 1111 1111", RESTRICTED),
    ("IBAN DE89 3704 0044 0532 0130 00", RESTRICTED),
    ("my SSN is 536-22-8726", RESTRICTED),
    ("passport number X1234567", RESTRICTED),
    ("MRN 4410-77123", RESTRICTED),
    # restricted: health, belief, sexuality, criminal record or childhood of somebody
    ("My mother has diabetes. What may she eat?", RESTRICTED),
    ("I was diagnosed with HIV last week.", RESTRICTED),
    ("Does my insulin dose look right?", RESTRICTED),
    ("This 79 year old female complains of chest pain.", RESTRICTED),
    ("He was convicted of assault.", RESTRICTED),
    ("My neighbour was arrested yesterday.", RESTRICTED),
    ("My husband is gay.", RESTRICTED),
    ("My boss converted to Islam.", RESTRICTED),
    ("I am a trade union member.", RESTRICTED),
    ("My daughter's class teacher says she is bullied.", RESTRICTED),
    ("Grace Hopper has epilepsy.", RESTRICTED),
    ("Write about Grace.\n\n\n\n\nThe weather was fine. It rained. Then epilepsy.", RESTRICTED),
    # a subject in general is public
    ("What are the symptoms of diabetes?", PUBLIC),
    ("Explain the treatment of depression to me.", PUBLIC),
    ("I am writing an essay on HIV. Summarise the history of AIDS.", PUBLIC),
    ("What is the difference between Catholic and Protestant churches?", PUBLIC),
    ("How are felonies sentenced in Norway?", PUBLIC),
    ("When does kindergarten start in France?", PUBLIC),
    ("What does a union do?", PUBLIC),
    # confidential: other personal data
    ("Congratulate Grace Hopper on the launch.", CONFIDENTIAL),
    ("Write to grace@example.org", CONFIDENTIAL),
    ("Call +44 20 7946 0018", CONFIDENTIAL),
    ("I live at 221 Baker Street, London", CONFIDENTIAL),
    ("DOB: 03/12/1970", CONFIDENTIAL),
    ("She earns a salary of $90,000.", CONFIDENTIAL),
    ("I was laid off; check my severance package.", CONFIDENTIAL),
    ("Failed login from 93.184.216.34", CONFIDENTIAL),
    # internal: first names alone
    ("Tell Grace that lunch is at noon.", INTERNAL),
    ("host 192.168.1.20 is down", INTERNAL),
    # public: the rest
    ("What is the capital of France?", PUBLIC),
    ("def add(a, b): return a + b", PUBLIC),
    ("2 + 2", PUBLIC),
    ("", PUBLIC),
    ("How much does a loan of $10,000 cost at 5 %?", PUBLIC),
]


@pytest.mark.parametrize(("text", "level"), TABLE)
def test_sensitivity_of_a_text_is_what_the_design_says(text: str, level: Sensitivity) -> None:
    got = assessed(chat(text))
    assert got.sensitivity is level, [(reason.code, reason.detail) for reason in got.reasons]


POSITIONS: list[dict[str, object]] = [
    {"messages": [{"role": "system", "content": "SECRET"}, {"role": "user", "content": "hi"}]},
    {"messages": [{"role": "user", "content": "SECRET"}, {"role": "user", "content": "hi"}]},
    {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "SECRET"}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "SECRET"}]}]},
    {"messages": [{"role": "user", "content": "hi", "name": "SECRET"}]},
    {
        "messages": [
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": '{"q": "SECRET"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "call_a", "content": "ok"},
        ]
    },
    {
        "messages": [
            {
                "role": "assistant",
                "tool_calls": [{"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "call_a", "content": "SECRET"},
        ]
    },
    {
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "f", "description": "SECRET"}}],
    },
    {"messages": [{"role": "user", "content": "hi"}], "metadata": {"note": "SECRET"}},
    {"messages": [{"role": "user", "content": "hi"}], "some_future_member": {"deep": ["SECRET"]}},
]


@pytest.mark.parametrize("body", POSITIONS)
def test_request_is_as_sensitive_as_its_most_sensitive_part(body: dict[str, object]) -> None:
    request = ChatRequest.parse({"model": "auto", **body})
    filled = ChatRequest.parse(request.to_json().replace(b"SECRET", b"card 4111 1111 1111 1111"))
    assert assessed(filled).sensitivity is RESTRICTED
    named = ChatRequest.parse(request.to_json().replace(b"SECRET", b"card four"))
    assert assessed(named).sensitivity is PUBLIC


def test_file_name_counts() -> None:
    part = {"type": "file", "file": {"file_id": "f", "filename": "Grace Hopper.pdf"}}
    request = ChatRequest.parse({"model": "auto", "messages": [{"role": "user", "content": [part]}]})
    assert any(reason.code == "person" for reason in assessed(request).reasons)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "AAAA", "filename": "notes.pdf"}},
        {"type": "hologram", "hologram": "x"},
    ],
)
def test_content_nobody_can_read_is_restricted_and_stays_so(part: dict[str, object]) -> None:
    content = [{"type": "text", "text": "what is this?"}, part]
    request = ChatRequest.parse({"model": "auto", "messages": [{"role": "user", "content": content}]})
    got = assessed(request)
    assert (got.sensitivity, got.after) == (RESTRICTED, RESTRICTED)
    assert any(reason.code == "unreadable" for reason in got.reasons)


def test_what_a_detector_failed_on_is_restricted_and_stays_so() -> None:
    failed = PartFindings(("messages", 0, "content"), "user", (), (Failure("detector_failed", "rule: RecursionError"),))
    got = assess([failed], (), PrivacyPolicy(), names_run=True)
    assert (got.sensitivity, got.after) == (RESTRICTED, RESTRICTED)
    assert got.reasons[0].code == "detector_failed"


def read_in(text: str, *guesses: Guess) -> list[Failure]:
    return list(read_by_names(normalise(text), Reading((), guesses)).judged(()))


GERMAN = "Bitte schreibe einen kurzen Aushang, dass unsere Katze entlaufen ist."


def test_language_without_a_model_is_restricted_and_the_reason_prints_the_command() -> None:
    (failure,) = read_in(GERMAN, Guess("de", 0.99))
    assert failure.code == "language_not_covered"
    assert "islandrun start --language de" in failure.detail


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("佐々木さんに、来週の会議が延期になったことを知らせてください。", "ja"),
        ("请解释勾股定理,并说明主旨。", "zh"),
        ("اكتب إعلان بيع لدراجة مستعملة", "ar"),
        ("Напиши письмо соседу", "ru"),
        ("안녕하세요, 회의를 연기합니다", "ko"),
        ("Γράψε ένα γράμμα στον γείτονα", "el"),
    ],
)
def test_script_tells_a_language_without_a_guess(text: str, language: str) -> None:
    (failure,) = read_in(text)
    assert f"--language {language}" in failure.detail


def test_language_accepted_by_name_is_read_as_any_other() -> None:
    read = read_by_names(normalise(GERMAN), Reading((), (Guess("de", 0.99),)))
    assert read.judged(frozenset({"de"})) == ()
    assert read.judged(frozenset({"fr"})) != ()


@pytest.mark.parametrize("text", ["Hallo", "12 + 30 = 42", "λ = 2π/k and μ ≪ 1", "🙂👍", "résumé", "x = foo(bar)"])
def test_text_too_short_to_tell_numbers_and_code_count_as_covered(text: str) -> None:
    assert read_in(text) == []


def test_doubtful_guess_counts_as_covered_and_a_sure_one_does_not() -> None:
    assert read_in(GERMAN, Guess("de", 0.5)) == []
    assert read_in(GERMAN, Guess("en", 0.99)) == []
    assert len(read_in(GERMAN, Guess("en", 0.99), Guess("de", 0.99))) == 1


def test_reasons_are_typed_name_the_part_and_hold_no_text() -> None:
    got = assessed(chat("hi", "hello", "Grace Hopper, card 4111 1111 1111 1111"))
    by_code = {reason.code: reason for reason in got.reasons}
    assert by_code["card"].part == "messages[2].content"
    assert (by_code["card"].level, by_code["card"].after) == (RESTRICTED, INTERNAL)
    assert (by_code["person"].level, by_code["person"].after) == (CONFIDENTIAL, INTERNAL)
    assert not any("Hopper" in repr(reason) or "4111" in repr(reason) for reason in got.reasons)


def test_path_of_a_part_shows_no_name_that_somebody_gave() -> None:
    assert (
        dotted(("messages", 0, "tool_calls", 1, "function", "arguments"))
        == "messages[0].tool_calls[1].function.arguments"
    )
    assert dotted(("metadata", "Grace Hopper")) == "metadata.…"


def test_sensitivity_rises_in_a_conversation() -> None:
    first = assessed(chat("What helps against migraine?"))
    later = assessed(chat("What helps against migraine?", "Rest.", "It is for Grace Hopper."))
    assert (first.sensitivity, later.sensitivity) == (PUBLIC, RESTRICTED)


def test_organisations_and_places_are_public_until_somebody_stands_beside_them() -> None:
    names = {**PEOPLE, "Acme Corp": "ORG", "Paris": "GPE"}
    places = {name: label for name, label in names.items() if name not in PEOPLE}
    assert assessed(chat("Who founded Acme Corp in Paris?"), names=places).sensitivity is PUBLIC
    got = assessed(chat("Grace Hopper left Acme Corp in Paris."), names=names)
    assert {reason.code: reason.level for reason in got.reasons}["place"] is CONFIDENTIAL


def test_rules_alone_give_a_lower_bound_and_say_nothing_of_what_remains() -> None:
    findings = find_by_rules("hi")
    got = assess([PartFindings(("messages", 0, "content"), "user", findings)], (), PrivacyPolicy(), names_run=False)
    assert (got.sensitivity, got.after, got.names_run) == (PUBLIC, RESTRICTED, False)
