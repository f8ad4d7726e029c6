import socket
import struct

import pytest
import trio

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
