import socket
import struct
from itertools import cycle

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from node.link import FRAME_BYTES_MAX, BlockingLink, FrameReader, Link, encode_frame
from protocol.errors import LinkError


def pair() -> tuple[Link, socket.socket]:
    ours, theirs = socket.socketpair()
    return Link(trio.SocketStream(trio.socket.from_stdlib_socket(ours))), theirs


async def test_frames_arrive_whole_and_in_order_whatever_the_cuts() -> None:
    data = b"".join(encode_frame("n", {"i": i, "body": bytes(i)}) for i in range(50))
    reader = FrameReader()
    frames = [frame for at in range(0, len(data), 7) for frame in reader.feed(data[at : at + 7])]
    assert [frame.number("i") for frame in frames] == list(range(50))


async def test_a_frame_over_the_limit_or_of_nonsense_ends_the_link() -> None:
    for bad in (
        struct.pack(">I", FRAME_BYTES_MAX + 1),
        struct.pack(">I", 3) + b"\xc1\xc1\xc1",
        struct.pack(">I", 1) + b"\x01",
    ):
        link, other = pair()
        with other:
            other.sendall(bad)
            with pytest.raises(LinkError):
                await link.receive()
        await link.aclose()
    with pytest.raises(LinkError, match="at most"):
        encode_frame("big", {"body": bytes(FRAME_BYTES_MAX)})


async def test_the_end_of_the_other_process_is_an_error_on_both_kinds_of_link() -> None:
    link, other = pair()
    other.close()
    with pytest.raises(LinkError):
        await link.receive()
    await link.aclose()
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(LinkError):
        BlockingLink(ours).receive()


async def test_a_field_of_the_wrong_type_is_named() -> None:
    (frame,) = FrameReader().feed(encode_frame("question", {"id": "x"}))
    with pytest.raises(LinkError, match=r"question\.id: expected int"):
        frame.number("id")


@pytest.mark.parametrize("wanted", ["number", "text", "data", "items", "mapping", "real"])
async def test_true_is_no_number_and_no_text(wanted: str) -> None:
    (frame,) = FrameReader().feed(encode_frame("answer", {"flag": True}))
    assert frame.flag("flag") is True
    with pytest.raises(LinkError, match=r"answer\.flag"):
        getattr(frame, wanted)("flag")


@given(st.lists(st.binary(max_size=300), max_size=20), st.lists(st.integers(1, 400), min_size=1))
@settings(max_examples=50, deadline=None)
def test_any_frames_come_whole_and_in_order_whatever_the_cuts(bodies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(encode_frame("n", {"body": body}) for body in bodies)
    reader, at, got = FrameReader(), 0, []
    for size in cycle(cuts):
        if at >= len(data):
            break
        got += [frame.data("body") for frame in reader.feed(data[at : at + size])]
        at += size
    assert got == bodies


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_rubbish_is_a_link_error_or_no_frame_yet(data: bytes) -> None:
    try:
        FrameReader().feed(data)
    except LinkError:
        return
