"""The words of the link between core and mesh."""

import dataclasses

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from node.link import Frame, Link, encode_frame
from node.mesh import frames
from node.mesh.frames import TO_CORE, TO_MESH, Message, MessageLink
from protocol.errors import LinkError

VALUES: dict[object, st.SearchStrategy[object]] = {
    int: st.integers(-(2**40), 2**40),
    str: st.text(max_size=20),
    bytes: st.binary(max_size=20),
    bytes | None: st.none() | st.binary(max_size=20),
    tuple[str, ...]: st.lists(st.text(max_size=5), max_size=3).map(tuple),
    tuple[bytes, ...]: st.lists(st.binary(max_size=5), max_size=3).map(tuple),
    tuple[str, ...] | None: st.none() | st.lists(st.text(max_size=5), max_size=3).map(tuple),
}


def messages() -> st.SearchStrategy[Message]:
    kinds = {*TO_MESH, *TO_CORE}
    return st.one_of(
        [
            st.builds(kind, **{field.name: VALUES[field.type] for field in dataclasses.fields(kind)})
            for kind in sorted(kinds, key=lambda kind: kind.__name__)
        ]
    )


@settings(max_examples=200, deadline=None)
@given(messages())
def test_every_word_is_read_as_it_was_said(message: Message) -> None:
    from node.link import FrameReader

    (frame,) = FrameReader().feed(encode_frame(type(message).__name__, message.fields()))
    assert type(message).parse(frame) == message


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"stream": "1", "data": b""},
        {"stream": True, "data": b""},
        {"stream": 1.0, "data": b""},
        {"stream": 1, "data": "text"},
        {"stream": 1, "data": None},
    ],
)
def test_a_word_of_another_shape_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(LinkError):
        frames.Data.parse(Frame("Data", fields))  # type: ignore[arg-type]


async def test_a_word_that_is_not_of_this_link_is_refused() -> None:
    near, far = _pair()
    await near.send("Setup")
    with pytest.raises(LinkError, match="Setup"):
        await MessageLink(far, TO_CORE).receive()
    await near.aclose()
    await far.aclose()


async def test_long_data_goes_in_several_frames_in_order() -> None:
    near, far = _pair()
    data = bytes(range(256)) * 4096
    got = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(MessageLink(near, TO_MESH).send_data, 2, data)
        reader = MessageLink(far, TO_MESH)
        while len(got) < len(data):
            message = await reader.receive()
            assert isinstance(message, frames.Data) and len(message.data) <= frames.DATA_BYTES
            got += message.data
    assert bytes(got) == data
    await near.aclose()
    await far.aclose()


def _pair() -> tuple[Link, Link]:
    import socket

    near, far = socket.socketpair()
    return tuple(Link(trio.SocketStream(trio.socket.from_stdlib_socket(one))) for one in (near, far))  # type: ignore[return-value]
