"""Paid requests of a real core, killed (-9) at random moments, at a provider on loopback that counts what it is sent.

The core is the pipeline with its store, its money and the HTTP backend, as a node has them, without mesh and workers.
It is forked for each kill from one process that has everything imported. Whatever was under way when it was killed is
asked again by the next, word for word, as a client would.
"""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import trio

from node.agents.policy import Policy
from node.backends.http_client import Endpoint
from node.backends.openai_http import OpenAIHttp
from node.clock import now
from node.configuration.values import OutputLimit
from node.detection import CACHE_KEY_BYTES, Detection, PrivacyPolicy
from node.execution import Pipeline
from node.judgement import Judgement
from node.lasting import LastingVaults
from node.ports import BackendModel, Origin
from node.receipts import Receipts
from node.store.budget import Caps
from node.store.conversations import Conversations
from node.store.database import Store
from node.store.money import Money
from protocol.answers import AnswerEvent, Finished
from protocol.errors import CutAnswerError, RefusedError
from protocol.terms import NanoUsd, cost_nano_usd
from tests.loopback_http import serving, url_of
from tests.offers import paid
from tests.pipelines import KnownNames, RecordingSink, ScriptedOffers, order
from tests.unit.privacy_texts import chat

PRICE = NanoUsd(2_000_000)  # a million tokens: two nano-USD each
PROMPT_TOKENS, ANSWER_TOKENS = 20, 4
COST = cost_nano_usd(PROMPT_TOKENS, PRICE) + cost_nano_usd(ANSWER_TOKENS, PRICE)
AT_ONCE = 4
KILL_WITHIN_LINES = 24  # of the core's log, so that a busy machine kills no sooner in a request's life than an idle one
KILL_WITHIN_S = 0.03  # after that
READY_S = 20.0
PIECE_S = 0.002
ENDS = ("whole", "whole", "whole", "refused", "cut", "dropped")  # how the provider treats a request, by its word
SEEDS = 10**15
TEXT = "What is a lighthouse?"  # public, whatever detectors learn; its `seed` tells one request from another


@dataclass
class Provider:
    """What a provider on loopback got and did, by the word in each request."""

    url: str = ""
    received: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)


@contextlib.contextmanager
def counting_provider() -> Iterator[Provider]:
    with serving(_Handler) as server:
        provider = Provider(f"{url_of(server)}/v1")
        server.provider = provider  # type: ignore[attr-defined]
        yield provider


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:  # who asked was killed while it did: no provider runs half a request
            self.close_connection = True
            return
        request = json.loads(body)
        word = str(request["seed"])
        provider.received[word] += 1
        end = end_of(word)
        with contextlib.suppress(OSError):  # who asked was killed
            if end == "refused":
                provider.refused.add(word)
                self._whole(400, {"error": {"message": "no", "type": "invalid_request_error"}})
            else:
                self._stream(end)

    def _stream(self, end: str) -> None:
        time.sleep(PIECE_S)
        self.close_connection = end != "whole"
        if end == "dropped":
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for piece in ("one", "two", "three"):
            self._event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            if end == "cut":
                return
            time.sleep(PIECE_S)
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._event({"choices": [], "usage": {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, chunk: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', **chunk})}\n\n".encode())
        self.wfile.flush()

    def _whole(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def end_of(word: str) -> str:
    return ENDS[int(word) % len(ENDS)]


@dataclass(frozen=True)
class Found:
    """What the books say after all kills, beside what the provider counted."""

    kills: int
    requests: int  # words that were asked, whether they were sent or not
    sent: int  # that reached the provider
    sent_twice: int  # and not definitely refused the first time
    unrecorded: int  # sent, not definitely refused, and not booked
    without_receipt: int  # booked, and not in the ledger
    left_reserved: int
    settled: int
    in_doubt: int
    released: int
    wrongly_released: int  # although they were sent and not refused
    wrong_amounts: int  # settled at another price than the provider's
    unbalanced: int  # nano-USD between what is booked by day and what the reservations say
    repeated: int  # asked again after a kill, and told that it may have run


class Payer:
    """The process that cores are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.killed_payments"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._line()

    def kill_one(self, database: Path, url: str, log: Path, words: Sequence[str], lines: int, after_s: float) -> None:
        """A core that asks `words` and then new ones, and is killed so long after so many lines of its log."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(database), url, str(log), list(words)]) + "\n")
        self._process.stdin.flush()
        pid = int(self._line())
        deadline = time.monotonic() + READY_S
        while not (log.exists() and log.read_bytes().count(b"\n") > lines):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                raise RuntimeError("the core did not start")
            time.sleep(0.002)
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        assert self._line() == "dead"

    def close(self) -> None:
        self._process.communicate(timeout=10)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("the process that cores are forked from is gone")
        return line


def killed(directory: Path, kills: int, seed: int) -> Found:
    """Raises RuntimeError where a core does not start."""
    chance, database = random.Random(seed), directory / "island.db"
    ids: dict[str, list[str]] = {}  # of each word, the decisions
    repeated, unfinished = 0, list[str]()
    with counting_provider() as provider:
        payer = Payer()
        try:
            for kill in range(kills):
                log = directory / f"{kill}.log"
                again = unfinished
                lines = len(again) + chance.randrange(KILL_WITHIN_LINES)
                payer.kill_one(database, provider.url, log, again, lines, chance.uniform(0, KILL_WITHIN_S))
                ended: set[str] = set()
                begun: list[str] = []
                for line in log.read_text().splitlines()[1:]:
                    kind, word, *rest = line.split()
                    if kind == "asked":
                        begun.append(word)
                        ids.setdefault(word, []).append(rest[0])
                    else:
                        ended.add(word)
                        repeated += rest == ["request_repeated"]
                unfinished = [word for word in dict.fromkeys([*again, *begun]) if word not in ended]
        finally:
            payer.close()
    trio.run(_recovered, database)
    return _found(database, provider, ids, kills, repeated)


async def _recovered(database: Path) -> None:
    with Store.open(database) as store:
        await Money.open(store, os.urandom, now())
        await store.flush()


def _found(database: Path, provider: Provider, ids: dict[str, list[str]], kills: int, repeated: int) -> Found:
    connection = sqlite3.connect(database)
    rows = connection.execute("SELECT request_id, state, booked, amount FROM reservations").fetchall()
    books = {bytes(request).hex(): (state, booked, amount) for request, state, booked, amount in rows}
    receipts = {row[0] for row in connection.execute("SELECT id FROM receipts")}
    by_day = connection.execute("SELECT COALESCE(SUM(booked), 0) FROM spending").fetchone()[0]
    connection.close()
    word_of = {decision: word for word, decisions in ids.items() for decision in decisions}
    sent = set(provider.received)
    billed = sent - provider.refused
    recorded = {word_of.get(one) for one, (state, booked, _) in books.items() if state != "released" and booked > 0}
    return Found(
        kills=kills,
        requests=len(ids),
        sent=len(sent),
        sent_twice=sum(count > 1 for word, count in provider.received.items() if word in billed),
        unrecorded=len(billed - recorded),
        without_receipt=sum(state != "released" and one not in receipts for one, (state, _, _) in books.items()),
        left_reserved=sum(state == "reserved" for state, _, _ in books.values()),
        settled=sum(state == "settled" for state, _, _ in books.values()),
        in_doubt=sum(state == "ambiguous" for state, _, _ in books.values()),
        released=sum(state == "released" for state, _, _ in books.values()),
        wrongly_released=sum(state == "released" and word_of[one] in billed for one, (state, _, _) in books.items()),
        wrong_amounts=sum(
            booked != (COST if state == "settled" else 0 if state == "released" else amount)
            for state, booked, amount in books.values()
        ),
        unbalanced=abs(by_day - sum(booked for _, booked, _ in books.values())),
        repeated=repeated,
    )


# --- the core, in a process of its own


async def _core(database: Path, url: str, log: int, words: Sequence[str]) -> None:
    with Store.open(database) as store:
        money = await Money.open(store, os.urandom, now())
        row = replace(paid("cloud"), model="m", input_price=PRICE, output_price=PRICE)
        model = BackendModel("m", Origin.REMOTE, 8_192, PRICE, PRICE, AT_ONCE)
        backend = OpenAIHttp("cloud", Endpoint.parse(url, "key"), [model], limit=OutputLimit.MAX_TOKENS)
        detection = Detection(KnownNames(), os.urandom(CACHE_KEY_BYTES), PrivacyPolicy())
        offers = ScriptedOffers([(row, backend)])  # type: ignore[list-item]
        judgement = Judgement(detection, offers, Policy, lambda: 64, now)  # type: ignore[arg-type]
        lasting = LastingVaults(Conversations(store, database.with_name("conversations.key"), now, os.urandom))
        pipeline = Pipeline(judgement, detection, money, Caps, Receipts(store, now), now, os.urandom, lasting)
        os.write(log, b"ready\n")
        async with trio.open_nursery() as nursery:
            for word in words:
                nursery.start_soon(_ask, pipeline, log, word)
            for _ in range(AT_ONCE):
                nursery.start_soon(_ask_on, pipeline, log)


async def _ask_on(pipeline: Pipeline, log: int) -> None:
    while True:
        await _ask(pipeline, log, str(random.SystemRandom().randrange(SEEDS)))


class _LoggedSink(RecordingSink):
    def __init__(self, log: int, word: str) -> None:
        super().__init__()
        self._log, self._word = log, word

    def decided(self, decision_id: str) -> None:
        os.write(self._log, f"asked {self._word} {decision_id}\n".encode())

    async def event(self, event: AnswerEvent) -> None:
        """Whoever has the end of an answer does not ask again."""
        if isinstance(event, Finished):
            os.write(self._log, f"ended {self._word} answered\n".encode())


async def _ask(pipeline: Pipeline, log: int, word: str) -> None:
    try:
        await pipeline.run(order(request=chat(TEXT).with_body(seed=int(word))), _LoggedSink(log, word))
    except (RefusedError, CutAnswerError) as error:
        os.write(log, f"ended {word} {error.code}\n".encode())


def main() -> None:
    """Forks a core for each line that is read, and says when it is dead."""
    print("ready", flush=True)
    for line in sys.stdin:
        database, url, log, words = json.loads(line)
        pid = os.fork()
        if pid == 0:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                trio.run(_core, Path(database), url, descriptor, words)
            finally:
                os._exit(1)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("dead", flush=True)


if __name__ == "__main__":
    main()
