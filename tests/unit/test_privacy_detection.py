"""The shell around the detectors: what fails is restricted, what was read is remembered, nothing is skipped."""

import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing

from node import detection as shell
from node.detection import Detection, NamesWorker
from node.link import Link
from node.names_worker import NamesText
from node.privacy.languages import Guess
from node.privacy.names import RAMPART, ModelSpan, Reading
from node.privacy.policy import PrivacyPolicy
from node.supervision import ChildState, supervise
from protocol.errors import DetectorError, LinkError
from protocol.terms import Sensitivity, Tier
from tests.unit.privacy_texts import KnownNames, chat, texts_of

KEY = bytes(32)
RESTRICTED, CONFIDENTIAL, PUBLIC = Sensitivity.RESTRICTED, Sensitivity.CONFIDENTIAL, Sensitivity.PUBLIC


def detection(names: shell.NamesPort | None, policy: PrivacyPolicy | None = None) -> Detection:
    return Detection(names, KEY, policy or PrivacyPolicy())


class Broken:
    """A names port that fails in one way."""

    def __init__(self, answer: Exception | Sequence[Reading]) -> None:
        self.answer = answer

    async def find(self, texts: Sequence[NamesText]) -> Sequence[Reading]:
        await trio.lowlevel.checkpoint()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Silent:
    async def find(self, texts: Sequence[NamesText]) -> Sequence[Reading]:
        await trio.sleep_forever()
        raise AssertionError


async def test_request_is_read_by_rules_and_names() -> None:
    got = await detection(KnownNames()).assess(chat("Mail Ada Lovelace at ada@example.org"), names=True)
    assert (got.sensitivity, got.after, got.names_run) == (CONFIDENTIAL, Sensitivity.INTERNAL, True)
    assert {reason.code for reason in got.reasons} == {"person", "email"}


async def test_without_names_the_rules_give_a_lower_bound_and_ask_no_model() -> None:
    port = KnownNames()
    got = await detection(port).assess(chat("Ada Lovelace"), names=False)
    assert (got.sensitivity, got.after, got.names_run) == (PUBLIC, RESTRICTED, False)
    assert port.asked == []


@pytest.mark.parametrize(
    ("port", "code"),
    [
        (None, "detector_missing"),
        (Broken(DetectorError("crashed")), "detector_failed"),
        (Broken([]), "detector_failed"),
        (Broken([Reading((ModelSpan(0, 99, "CITY", 0.9, RAMPART),), ())]), "detector_failed"),
        (Broken([Reading((ModelSpan(3, 2, "CITY", 0.9, RAMPART),), ())]), "detector_failed"),
    ],
    ids=["missing", "crashed", "left out", "beyond the text", "backwards"],
)
async def test_names_that_fail_make_the_request_restricted(port: shell.NamesPort | None, code: str) -> None:
    got = await detection(port).assess(chat("What is the capital of France?"), names=True)
    assert (got.sensitivity, got.after) == (RESTRICTED, RESTRICTED)
    assert [reason.code for reason in got.reasons] == [code]


async def test_names_that_are_late_make_the_request_restricted(autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    got = await detection(Silent()).assess(chat("x" * 2048), names=True)
    assert trio.current_time() - began == pytest.approx(shell.DEADLINE_S + 2 * shell.DEADLINE_S_PER_KIB, abs=0.01)
    assert (got.sensitivity, [reason.code for reason in got.reasons]) == (RESTRICTED, ["detector_slow"])


async def test_failure_is_not_remembered() -> None:
    port = KnownNames()
    reader = detection(Broken(DetectorError("crashed")))
    request = chat("hello there")
    assert (await reader.assess(request, names=True)).sensitivity is RESTRICTED
    reader._names = port
    assert (await reader.assess(request, names=True)).sensitivity is PUBLIC


async def test_rule_that_crashes_makes_the_request_restricted(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(form: object) -> None:
        raise DetectorError("cards: RecursionError")

    monkeypatch.setattr(shell, "read_by_rules", crash)
    got = await detection(KnownNames()).assess(chat("hello"), names=True)
    assert (got.sensitivity, [reason.code for reason in got.reasons]) == (RESTRICTED, ["detector_failed"])


@pytest.mark.parametrize("step", ["normalise", "read_by_rules", "segments", "read_by_names"])
@pytest.mark.parametrize("text", ["hello", "hello " * 2000], ids=["short", "long"])
async def test_any_step_that_crashes_makes_the_request_restricted(
    monkeypatch: pytest.MonkeyPatch, step: str, text: str
) -> None:
    def crash(*_: object) -> None:
        raise MemoryError

    crash.__name__ = step
    monkeypatch.setattr(shell, step, crash)
    got = await detection(KnownNames()).assess(chat(text), names=True)
    assert (got.sensitivity, got.after) == (RESTRICTED, RESTRICTED)
    assert [(reason.code, reason.detail) for reason in got.reasons] == [("detector_failed", f"{step}: MemoryError")]


async def test_text_over_the_limit_is_restricted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "TEXT_CHARACTERS_MAX", 100)
    reader = detection(KnownNames())
    assert (await reader.assess(chat("x" * 100), names=True)).sensitivity is PUBLIC
    got = await reader.assess(chat("x" * 60, "y" * 41), names=True)
    assert (got.sensitivity, {reason.code for reason in got.reasons}) == (RESTRICTED, {"text_too_long"})


async def test_long_text_is_read_beside_the_event_loop() -> None:
    text = "The quick brown fox. " * 1000 + "ada@example.org"
    got = await detection(KnownNames()).assess(chat(text), names=False)
    assert [reason.code for reason in got.reasons] == ["email"]


async def test_each_text_is_read_once_and_remembered() -> None:
    port = KnownNames()
    reader = detection(port)
    await reader.assess(chat("Ada Lovelace", "hm", "Ada Lovelace"), names=True)
    assert sorted(port.asked) == ["Ada Lovelace", "hm"]
    got = await reader.assess(chat("Ada Lovelace", "hm", "Ada Lovelace", "new"), names=True)
    assert sorted(port.asked) == ["Ada Lovelace", "hm", "new"]
    assert got.sensitivity is CONFIDENTIAL


async def test_memory_is_bounded_and_holds_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "REMEMBERED_MAX", 4)
    reader = detection(KnownNames())
    for number in range(10):
        await reader.assess(chat(f"canary {number} ada@example.org"), names=True)
    remembered = reader._remembered._reads
    assert len(remembered) == 4
    assert "canary" not in repr(remembered)
    assert "ada@" not in repr(remembered)


async def test_accepted_language_is_read_again_without_a_new_start() -> None:
    port = Broken([Reading((), (Guess("de", 0.99),))])
    reader = detection(port)
    request = chat("Bitte schreibe einen kurzen Aushang für unsere Katze")
    refused = await reader.assess(request, names=True)
    assert [reason.code for reason in refused.reasons] == ["language_not_covered"]
    reader.policy = PrivacyPolicy(languages=frozenset({"de"}))
    assert (await reader.assess(request, names=True)).sensitivity is PUBLIC


async def test_what_was_assessed_can_be_sanitised() -> None:
    reader = detection(KnownNames())
    request = chat("Mail Ada Lovelace at ada@example.org")
    result = reader.sanitize(request, await reader.assess(request, names=True), Tier.CLOUD)
    assert texts_of(result.request) == ["Mail [PERSON_1] at [EMAIL_1]"]
    assert result.count == 2


# The core's end of the worker's link, with a worker played by the test.


@asynccontextmanager
async def serving(worker: NamesWorker) -> AsyncIterator[tuple[Link, trio.Nursery]]:
    """The far end of a link that `worker` serves, and a nursery for those who ask it; cancelled at the end."""
    ours, theirs = (Link(trio.SocketStream(trio.socket.from_stdlib_socket(end))) for end in socket.socketpair())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served, worker, ours)
        await trio.testing.wait_all_tasks_blocked()
        yield theirs, nursery
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await ours.aclose()
        await theirs.aclose()


def nothing_found(count: int) -> list[dict[str, object]]:
    return [{"spans": [], "guesses": []} for _ in range(count)]


async def test_worker_that_never_came_is_a_refusal_at_once() -> None:
    with pytest.raises(DetectorError, match="not running"):
        await NamesWorker().find([NamesText("hello", ())])


async def test_worker_answers_out_of_order_and_each_gets_his_own() -> None:
    worker = NamesWorker()
    answers: dict[str, Sequence[Reading]] = {}

    async def ask(text: str) -> None:
        answers[text] = await worker.find([NamesText(text, ())])

    async with serving(worker) as (far, nursery):
        nursery.start_soon(ask, "aa")
        nursery.start_soon(ask, "bbbb")
        for frame in reversed([await far.receive(), await far.receive()]):
            (text,) = frame.items("texts")
            span = [0, len(str(text)), "CITY", 0.9, RAMPART]
            await far.send("found", id=frame.number("id"), readings=[{"spans": [span], "guesses": []}])
    assert {text: got[0].spans[0].end for text, got in answers.items()} == {"aa": 2, "bbbb": 4}


async def served(worker: NamesWorker, link: Link) -> None:
    with suppress(LinkError):
        await worker.serve(link)


async def test_worker_is_ready_when_it_says_so_and_no_longer_when_it_is_gone() -> None:
    worker = NamesWorker()
    async with serving(worker) as (far, _):
        assert not worker.is_ready
        await far.send("ready")
        await trio.testing.wait_all_tasks_blocked()
        assert worker.is_ready
    assert not worker.is_ready


async def refused(worker: NamesWorker, seen: list[str]) -> None:
    with pytest.raises(DetectorError) as raised:
        await worker.find([NamesText("hello", ())])
    seen.append(str(raised.value))


async def test_worker_that_ends_refuses_what_waited_for_it() -> None:
    worker, seen = NamesWorker(), list[str]()
    async with serving(worker) as (far, nursery):
        nursery.start_soon(refused, worker, seen)
        await far.receive()
        await far.aclose()
    assert seen == ["the names worker ended"]


@pytest.mark.parametrize(
    "readings", [[], nothing_found(2), [{"spans": [[0]], "guesses": []}], ["x"], [{"spans": [["a", 1, "X", 1.0, "m"]]}]]
)
async def test_worker_that_answers_nonsense_is_a_refusal(readings: list[object]) -> None:
    worker, seen = NamesWorker(), list[str]()
    async with serving(worker) as (far, nursery):
        nursery.start_soon(refused, worker, seen)
        await far.send("found", id=(await far.receive()).number("id"), readings=readings)
    assert len(seen) == 1


async def test_long_text_goes_in_pieces_cut_at_words_and_spans_come_back_in_place() -> None:
    worker = NamesWorker()
    text = "word " * 5000
    got: list[Sequence[Reading]] = []

    async def ask() -> None:
        got.append(await worker.find([NamesText(text, ("segment",))]))

    async with serving(worker) as (far, nursery):
        nursery.start_soon(ask)
        left = len(text)
        while left:
            frame = await far.receive()
            pieces = [str(piece) for piece in frame.items("texts")]
            assert all(piece.endswith(" ") and piece.startswith("word") for piece in pieces)
            left -= sum(map(len, pieces))
            span = [0, 4, "CITY", 0.9, RAMPART]
            await far.send("found", id=frame.number("id"), readings=[{"spans": [span], "guesses": []} for _ in pieces])
    ((reading,),) = got
    assert len(reading.spans) > 2
    assert {text[span.start : span.end] for span in reading.spans} == {"word"}


async def test_cancelled_question_is_forgotten() -> None:
    worker = NamesWorker()
    async with serving(worker) as (far, _):
        with trio.move_on_after(0):
            await worker.find([NamesText("hello", ())])
        assert worker._waiting == {}
        await far.send("found", id=0, readings=nothing_found(1))


@pytest.mark.model
async def test_killed_worker_makes_requests_restricted_and_the_next_one_reads_again() -> None:
    names = NamesWorker()
    state = ChildState("names")
    reader = detection(names)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervise, state, "node.workers.names", (), names.serve)
        await _ready(names)
        got = await reader.assess(chat("Please thank Margaret Hamilton for the code."), names=True)
        assert got.sensitivity is CONFIDENTIAL
        assert state.pid is not None
        os.kill(state.pid, signal.SIGKILL)
        got = await reader.assess(chat("Please thank Katherine Johnson for the orbit."), names=True)
        assert (got.sensitivity, got.after) == (RESTRICTED, RESTRICTED)
        await _ready(names)
        got = await reader.assess(chat("Please thank Katherine Johnson for the orbit."), names=True)
        assert got.sensitivity is CONFIDENTIAL
        nursery.cancel_scope.cancel()


async def _ready(names: NamesWorker) -> None:
    with trio.fail_after(60):
        await names.ready()
