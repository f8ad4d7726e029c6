"""Logs tell what happened and never what was said: no text of prompt or answer, no key, whatever goes wrong."""

import io
import json
import logging
from pathlib import Path

import trio

from node.happenings import WAITING_MAX, Happenings
from node.ports import Call, Emit
from protocol.answers import Delta
from protocol.errors import BackendError, BackendFailure, IslandRunError, MisuseError, StateError
from tests.pipelines import CLOUD, EDGE, OWN, FailingNames, KnownNames, a_store, fails, now, open_node, order, says
from tests.two_islands import OwnModel, call
from tests.walls.test_who_may_ask import scene

ASKED, SAID, KEY = "CANARY-ASKED", "CANARY-SAID", "sk-proj-CANARY81kQpLm20vTyRw77abCD"


async def breaks(_call: Call, emit: Emit) -> None:
    await emit(Delta(SAID))
    raise BackendError(BackendFailure.AMBIGUOUS, "reset", "the connection broke")


async def has_a_bug(_call: Call, _emit: Emit) -> None:
    raise MisuseError(f"in the middle of {ASKED}")


async def test_no_text_of_prompt_or_answer_and_no_key_is_logged_however_a_request_ends(
    tmp_path: Path, written: io.StringIO
) -> None:
    with a_store(tmp_path) as store:
        for row in (OWN, EDGE, CLOUD):
            for script in (says(SAID), breaks, fails(BackendFailure.REFUSED), has_a_bug):
                for names in (KnownNames({ASKED: "GIVEN_NAME"}), FailingNames(), None):
                    node = await open_node(store, (row, script), names=names)
                    for text in (ASKED, f"{ASKED} {KEY}", f"My mother {ASKED} has diabetes"):
                        try:
                            await node.ask(order(text))
                        except IslandRunError as error:
                            logging.getLogger("islandrun.test").info("ended", extra={"error": type(error).__name__})
        assert (await node.receipts())[0]
    assert "ended" in written.getvalue()
    assert_nothing_said(written)


async def test_an_island_that_serves_logs_nothing_of_what_peers_ask_and_are_told(
    tmp_path: Path, written: io.StringIO
) -> None:
    async with scene(tmp_path, OwnModel(says(SAID))) as here:
        await here.ask(call(ASKED))
        for script in (breaks, has_a_bug):
            here.model.script = script
            await here.refused(call(ASKED))
        here.serving._member = lambda island: None
        await here.refused(call(ASKED))
        both = here.islands.home.keys, here.islands.laptop.keys
        secrets = [key.hex() for keys in both for key in (keys.signing.seed, keys.sealing.secret)]
    assert "peer_request_failed" in written.getvalue()
    assert "peer_request_refused" in written.getvalue()
    assert_nothing_said(written, *secrets)


def assert_nothing_said(written: io.StringIO, *more: str) -> None:
    text = written.getvalue()
    assert "CANARY" not in text
    assert not [secret for secret in more if secret in text]
    for line in text.splitlines():
        assert {"at", "level", "logger", "event"} <= json.loads(line).keys()


def test_an_error_in_a_log_is_its_kind_and_not_its_text(written: io.StringIO) -> None:
    try:
        raise StateError(f"{ASKED} could not be written")
    except StateError:
        logging.getLogger("islandrun.test").exception("failed")
    (line,) = written.getvalue().splitlines()
    assert json.loads(line)["error"] == "StateError"
    assert_nothing_said(written)


def test_libraries_say_nothing_below_warnings(written: io.StringIO) -> None:
    for library in ("httpx", "hpack.hpack", "libp2p.host", "spacy", "anything.new"):
        logging.getLogger(library).info("POST https://cloud.example %s", ASKED)
        logging.getLogger(library).debug("%s", ASKED)
    assert written.getvalue() == ""
    logging.getLogger("httpx").warning("slow")
    assert json.loads(written.getvalue())["event"] == "slow"


async def test_every_watcher_hears_what_happens_from_then_on_and_a_slow_one_how_much_it_missed() -> None:
    happenings = Happenings(now)
    happenings.tell("before")
    async with happenings.watch() as quick, happenings.watch() as slow:
        for number in range(WAITING_MAX + 3):
            happenings.tell("peer_up", number=number)
            assert (await anext(quick)).data == {"number": number}
        heard = [await anext(slow) for _ in range(WAITING_MAX)]
        assert [event.data["number"] for event in heard] == list(range(WAITING_MAX))
        happenings.tell("peer_down", number=-1)
        last = await anext(slow)
        assert last.data == {"number": -1, "missed": 3}
        assert last.id == heard[-1].id + 4, "ids grow by one with each event"
    happenings.tell("after")
    assert happenings.counts["peer_up"] == WAITING_MAX + 3


async def test_a_watcher_that_leaves_is_forgotten() -> None:
    happenings = Happenings(now)
    with trio.CancelScope() as scope:
        async with happenings.watch() as events:
            scope.cancel()
            await anext(events)
    assert not happenings._watchers
