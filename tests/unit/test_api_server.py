"""The HTTP/1.1 server under honest and hostile clients, on real sockets."""

import json
import logging
import socket
import struct

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from node.api.limits import WRITE_S_MAX, Limits
from node.api.ports import Order, Sink
from protocol.answers import Delta, Finished
from tests.api_edge import QUESTION, ROUTE, Edge, Replies, edge, hello

CHAT = "/v1/chat/completions"
STREAMED = QUESTION[:-1] + b',"stream":true}'


async def refused(at: Edge, data: bytes) -> tuple[int, str]:
    """Status and code of the answer; the connection must end after it."""
    async with await at.connect() as stream:
        await stream.send_all(data)
        replies = Replies(stream)
        reply = await replies.next()
        assert reply.whole
        assert reply.headers["connection"] == "close"
        assert await replies.ended()
        return reply.status, json.loads(reply.body)["error"]["code"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"rubbish\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", 505),
        (b"GET http://evil/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n", 417),
    ],
)
async def test_bytes_that_are_no_plain_request_are_refused_with_a_proper_status(data: bytes, status: int) -> None:
    async with edge() as at:
        assert (await refused(at, data))[0] == status


async def test_huge_header_is_refused_whether_or_not_it_ends() -> None:
    async with edge() as at:
        huge = "X: " + "a" * 16_384
        assert await refused(at, at.head("GET /health", huge)) == (431, "headers_too_large")
        assert await refused(at, b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000) == (431, "headers_too_large")
        fits = "X: " + "a" * 16_000
        assert (await at.get("/health", fits)).status == 200


async def test_slow_header_is_refused_in_time_and_a_silent_connection_just_ends() -> None:
    async with edge(limits=Limits(header_s=0.05)) as at:
        assert await refused(at, b"GET / HTTP/1.1\r\nHost") == (408, "header_timeout")
        async with await at.connect() as stream:
            assert await stream.receive_some(1) == b""


async def test_body_over_the_limit_is_refused_by_its_announced_and_by_its_real_length() -> None:
    async with edge(limits=Limits(body_bytes=1_000)) as at:
        announced = at.head(f"POST {CHAT}", "Content-Type: application/json", "Content-Length: 1001")
        assert await refused(at, announced) == (413, "body_too_large")
        chunked = at.head(f"POST {CHAT}", "Content-Type: application/json", "Transfer-Encoding: chunked")
        assert await refused(at, chunked + b"3e9\r\n" + b"a" * 1_001 + b"\r\n") == (413, "body_too_large")
        assert (await at.exchange(at.post(CHAT, QUESTION.ljust(1_000)))).status == 200


async def test_refusal_reaches_a_client_that_is_still_sending_its_body() -> None:
    async with edge() as at:
        body = b"a" * 4_000_000
        request = at.post(CHAT, body, key="wrong")
        async with await at.connect() as stream, trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, request)
            reply = await Replies(stream).next()
            assert (reply.status, reply.whole) == (401, True)


async def test_slow_body_is_refused_in_time() -> None:
    async with edge(limits=Limits(body_s=0.05)) as at:
        assert await refused(at, at.post(CHAT)[:-1]) == (408, "body_timeout")


@pytest.mark.parametrize("chunks", [b"zz\r\nab\r\n", b"5\r\nab\r\n0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"2\r\nabc"])
async def test_bad_chunking_is_refused(chunks: bytes) -> None:
    async with edge() as at:
        chunked = at.head(f"POST {CHAT}", "Content-Type: application/json", "Transfer-Encoding: chunked")
        assert await refused(at, chunked + chunks) == (400, "bad_request")


async def test_endless_chunk_extension_or_trailer_is_bounded() -> None:
    async with edge() as at:
        chunked = at.head(f"POST {CHAT}", "Content-Type: application/json", "Transfer-Encoding: chunked")
        for start in (b"2;", b"0\r\n"):
            status, _ = await refused(at, chunked + start + b"a" * 100_000)
            assert status in (400, 431)


async def test_chunked_body_in_single_bytes_is_read() -> None:
    async with edge() as at:
        chunked = at.head(f"POST {CHAT}", "Content-Type: application/json", "Transfer-Encoding: chunked")
        body = b"".join(b"1\r\n%c\r\n" % byte for byte in QUESTION) + b"0\r\n\r\n"
        async with await at.connect() as stream:
            for byte in chunked + body:
                await stream.send_all(bytes((byte,)))
            assert (await Replies(stream).next()).status == 200


async def test_body_waits_for_the_go_ahead_of_a_client_that_expects_it() -> None:
    async with edge() as at:
        async with await at.connect() as stream:
            request = at.post(CHAT, QUESTION, "Expect: 100-continue")
            await stream.send_all(request[: -len(QUESTION)])
            assert await stream.receive_some(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            await stream.send_all(QUESTION)
            assert (await Replies(stream).next()).status == 200
        refusal = await refused(at, at.post(CHAT, QUESTION, "Expect: 100-continue", key="wrong")[: -len(QUESTION)])
        assert refusal == (401, "invalid_api_key")


async def test_offer_of_another_protocol_is_passed_over_with_the_body_read() -> None:
    async with edge() as at, await at.connect() as stream:
        upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ")
        replies = Replies(stream)
        for _ in range(2):
            request = at.post(CHAT, QUESTION, *upgrade)
            await stream.send_all(request[:-10])
            await stream.send_all(request[-10:])
            reply = await replies.next()
            assert (reply.status, json.loads(reply.body)["object"]) == (200, "chat.completion")


async def test_pipelined_requests_are_answered_in_order_and_bounded() -> None:
    async with edge() as at:
        async with await at.connect() as stream:
            await stream.send_all(at.head("GET /health") + at.post(CHAT) + at.head("GET /nothing"))
            replies = Replies(stream)
            assert [(await replies.next()).status for _ in range(3)] == [200, 200, 404]
        async with await at.connect() as stream:
            await stream.send_all(at.head("GET /health") * 12)
            replies = Replies(stream)
            assert [(await replies.next()).status for _ in range(9)] == [200] * 8 + [400]
            assert await replies.ended()


async def test_connection_is_kept_and_closed_as_the_client_asks() -> None:
    async with edge() as at, await at.connect() as stream:
        replies = Replies(stream)
        for _ in range(3):
            await stream.send_all(at.head("GET /health"))
            assert "connection" not in (await replies.next()).headers
        await stream.send_all(at.head("GET /health", "Connection: close"))
        assert (await replies.next()).headers["connection"] == "close"
        assert await replies.ended()


async def test_answer_to_head_has_no_body() -> None:
    async with edge() as at, await at.connect() as stream:
        await stream.send_all(at.head("HEAD /health") + at.head("GET /health", "Connection: close"))
        received = b""
        while data := await stream.receive_some(10_000):
            received += data
        assert received.count(b"HTTP/1.1 200 OK") == 2
        assert received.count(b'{"status":"ok"}') == 1


class Watched:
    """A script that never ends, and says when it began and when it was cancelled."""

    def __init__(self) -> None:
        self.began = trio.Event()
        self.cancelled = trio.Event()

    async def run(self, order: Order, sink: Sink) -> None:
        self.began.set()
        try:
            await sink.started(ROUTE)
            if order.request.stream:
                await sink.event(Delta("a"))
            await trio.sleep_forever()
        finally:
            self.cancelled.set()


@pytest.mark.parametrize("body", [QUESTION, STREAMED])
@pytest.mark.parametrize("way", ["close", "reset", "half-close"])
async def test_client_that_goes_away_cancels_its_handler_within_a_second(body: bytes, way: str) -> None:
    watched = Watched()
    async with edge(watched.run) as at:
        stream = await at.connect()
        await stream.send_all(at.post(CHAT, body))
        await watched.began.wait()
        if way == "reset":
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if way == "half-close":
            await stream.send_eof()
        else:
            await stream.aclose()
        with trio.fail_after(1):
            await watched.cancelled.wait()
        await stream.aclose()
        assert (await at.get("/health")).status == 200


async def test_reader_that_pauses_15_s_gets_every_byte_and_the_sender_waits_for_it(mock_clock: MockClock) -> None:
    pieces = [f"{number:06d}" * 1_000 for number in range(800)]
    sent = 0

    async def flood(order: Order, sink: Sink) -> None:
        nonlocal sent
        await sink.started(ROUTE)
        for piece in pieces:
            await sink.event(Delta(piece))
            sent += 1
        await sink.event(Finished("stop", 1, 1))

    async with edge(flood) as at, await at.connect() as stream:
        await stream.send_all(at.post(CHAT, STREAMED))
        await wait_all_tasks_blocked(0.05)
        mock_clock.jump(15)
        await wait_all_tasks_blocked(0.05)
        assert 0 < sent < len(pieces)
        mock_clock.rate = 1
        received = bytearray()
        while not received.endswith(b"0\r\n\r\n"):
            received += await stream.receive_some(1 << 20)
    events = [json.loads(line[6:]) for line in received.splitlines() if line.startswith(b"data: {")]
    assert [event["choices"][0]["delta"].get("content") for event in events] == ["", *pieces, None]
    assert b"data: [DONE]" in received


def test_no_write_time_out_is_near_fifteen_seconds() -> None:
    assert WRITE_S_MAX >= 300
    assert Limits().write_s == WRITE_S_MAX


async def test_reader_that_never_comes_back_is_given_up_at_the_write_limit() -> None:
    cancelled = trio.Event()

    async def flood(order: Order, sink: Sink) -> None:
        try:
            await sink.started(ROUTE)
            while True:
                await sink.event(Delta("a" * 100_000))
        finally:
            cancelled.set()

    async with edge(flood, Limits(write_s=0.1)) as at, await at.connect() as stream:
        await stream.send_all(at.post(CHAT, STREAMED))
        await cancelled.wait()


async def test_at_the_cap_the_oldest_connection_without_a_header_goes_first() -> None:
    watched = Watched()
    async with edge(watched.run, Limits(connections=3)) as at:
        busy = await at.connect()
        await busy.send_all(at.post(CHAT))
        await watched.began.wait()
        older, younger = await at.connect(), await at.connect()
        await older.send_all(b"GET / HTTP")
        await younger.send_all(b"GET / HTTP")
        assert (await at.get("/health")).status == 200
        assert await Replies(older).ended()
        await younger.send_all(b"/1.1\r\n\r\n")
        assert (await Replies(younger).next()).status == 421
        assert not watched.cancelled.is_set()
        for stream in (busy, older, younger):
            await stream.aclose()


async def test_client_is_turned_away_when_every_connection_is_at_work() -> None:
    watched = Watched()
    async with edge(watched.run, Limits(connections=1)) as at, await at.connect() as busy:
        await busy.send_all(at.post(CHAT))
        await watched.began.wait()
        async with await at.connect() as stream:
            reply = await Replies(stream).next()
        assert (reply.status, json.loads(reply.body)["error"]["code"]) == (503, "too_many_connections")
        assert not watched.cancelled.is_set()


async def test_client_without_a_key_that_does_not_read_gives_way_to_one_with_a_request() -> None:
    async with edge(limits=Limits(connections=1)) as at:
        sluggish = trio.socket.socket()
        sluggish.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await sluggish.connect(("127.0.0.1", at.port))
        async with trio.SocketStream(sluggish) as stream:
            for _ in range(40):
                await stream.send_all(at.head("GET /dashboard.js", key=None) * 4)
                await wait_all_tasks_blocked()
            assert (await at.get("/health")).status == 200


async def test_client_that_was_refused_and_keeps_its_connection_gives_way_at_once() -> None:
    async with edge(limits=Limits(connections=1)) as at, await at.connect() as stream:
        await stream.send_all(at.post(CHAT, QUESTION, key="wrong")[:-1])
        assert (await Replies(stream).next()).status == 401
        with trio.fail_after(1):
            assert (await at.get("/health")).status == 200


async def test_three_hundred_silent_sockets_keep_nobody_from_being_served() -> None:
    async with edge() as at:
        idle = [await at.connect() for _ in range(300)]
        assert (await at.get("/health")).status == 200
        assert at.server.connections <= 64
        for stream in idle:
            await stream.aclose()


async def test_shutdown_lets_requests_end_and_accepts_no_more() -> None:
    go_on, began = trio.Event(), trio.Event()

    async def slow(order: Order, sink: Sink) -> None:
        began.set()
        await go_on.wait()
        await hello(order, sink)

    async with edge(slow) as at, await at.connect() as idle, await at.connect() as busy:
        await busy.send_all(at.post(CHAT))
        await began.wait()
        at.server.stop(drain_s=10)
        assert await Replies(idle).ended()
        with pytest.raises(OSError):
            while True:  # until the listener is closed
                await (await at.connect()).aclose()
        go_on.set()
        replies = Replies(busy)
        assert (await replies.next()).status == 200
        assert await replies.ended()


async def test_shutdown_cancels_what_does_not_end_in_time() -> None:
    watched = Watched()
    async with edge(watched.run) as at, await at.connect() as busy:
        await busy.send_all(at.post(CHAT))
        await watched.began.wait()
        at.server.stop(drain_s=0.05)
        await watched.cancelled.wait()


@pytest.mark.parametrize("body", [QUESTION, STREAMED])
async def test_crash_of_a_handler_tells_the_client_nothing_and_the_log_no_text(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def crash(order: Order, sink: Sink) -> None:
        raise RuntimeError("secret prompt text")

    async with edge(crash) as at:
        with caplog.at_level(logging.DEBUG):
            reply = await at.exchange(at.post(CHAT, body))
        assert (reply.status, json.loads(reply.body)["error"]["code"]) == (500, "internal_error")
        assert b"secret" not in reply.body
        assert "RuntimeError at" in caplog.text
        assert "secret" not in caplog.text
        assert (await at.get("/health")).status == 200
