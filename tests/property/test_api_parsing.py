"""The reader of HTTP requests, for any bytes in any pieces."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from node.api.limits import PIPELINED_MAX, Limits
from node.api.parsing import RequestReader

LIMITS = Limits(header_bytes=300, body_bytes=200)
WHOLE = (
    b"POST /v1/a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    b"POST /v1/b HTTP/1.1\r\nHOST: y\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
    b"POST /v1/c HTTP/1.1\r\nHost: z\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok"
    b"GET /d HTTP/1.1\r\nHost: z\r\nConnection: close\r\n\r\n"
)
FRAGMENTS = st.sampled_from(
    (
        *(
            WHOLE[:40],
            b"GET / HTTP/1.1\r\n",
            b"Host: x\r\n",
            b"Content-Length: 3\r\n",
            b"Transfer-Encoding: chunked\r\n",
        ),
        *(
            b"\r\n",
            b"abc",
            b"3\r\nabc\r\n",
            b"0\r\n\r\n",
            b"Upgrade: h2c\r\nConnection: upgrade\r\n",
            b"x" * 90,
            b";ext=1",
        ),
    )
)


def fed(pieces: list[bytes]) -> RequestReader:
    reader = RequestReader(LIMITS)
    for piece in pieces:
        reader.feed(piece)
    return reader


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_requests_are_the_same_however_their_bytes_are_cut(cuts: list[int]) -> None:
    edges = sorted({0, *cuts, len(WHOLE)})
    reader = fed([WHOLE[start:end] for start, end in pairwise(edges)])
    assert reader.fault is None
    assert [(r.method, r.target, bytes(r.body), r.complete, r.keep_alive) for r in reader.requests] == [
        ("POST", b"/v1/a?b=c", b"hello", True, True),
        ("POST", b"/v1/b", b"abcd", True, True),
        ("POST", b"/v1/c", b"ok", True, True),
        ("GET", b"/d", b"", True, False),
    ]
    assert [r.expects_continue for r in reader.requests] == [False, True, False, False]
    assert reader.requests[1].headers[0] == (b"host", b"y")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(FRAGMENTS, st.binary(max_size=60)), max_size=30))
def test_any_bytes_end_in_requests_or_in_one_fault_and_stay_within_the_limits(pieces: list[bytes]) -> None:
    reader = fed(pieces)
    assert len(reader.requests) <= PIPELINED_MAX
    assert sum(len(request.body) for request in reader.requests) <= LIMITS.body_bytes
    if reader.fault is not None:
        assert reader.fault.status in (400, 413, 417, 431, 505)
        before = list(reader.requests)
        reader.feed(WHOLE)
        assert list(reader.requests) == before


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([b"GET /", b"GET / HTTP/1.1\r\nA: ", b"GET / HTTP/1.1\r\nA", WHOLE[:-2] + b"B: "]),
    st.integers(1, 99),
)
def test_endless_head_is_refused_at_its_limit_in_pieces_of_any_size(start: bytes, size: int) -> None:
    reader = fed([start])
    taken = 0
    while reader.fault is None:
        reader.feed(b"a" * size)
        taken += size
    assert reader.fault.status in (400, 431)
    assert taken <= LIMITS.header_bytes + size
