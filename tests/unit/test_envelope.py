import nacl.bindings as sodium
import pytest

from protocol.envelope import (
    ANSWER_FRAME_BYTES_MAX,
    ASK_FRAME_BYTES_MAX,
    CREDIT_GRANT,
    CREDIT_INITIAL,
    Accepted,
    Cancelled,
    Credit,
    Ended,
    Opened,
    Send,
    cost,
)
from protocol.errors import EnvelopeError, MisuseError, Reply
from protocol.sealed_stream import (
    CHUNK_BYTES_MAX,
    PAD_BYTES,
    PAYLOAD_BYTES_MAX,
    ChunkKind,
    ChunkOpener,
    ChunkSealer,
    padded,
)
from tests.unit.envelopes import NOW, REQUEST_ID, Pair, frames, joined, pump


def test_a_request_goes_and_its_answer_comes_back():
    pair = Pair()
    asker, island = pair.asker(), pair.island()
    events = island.receive(asker.hello() + asker.seal(b"what?"), NOW)
    assert events == (
        Accepted(REQUEST_ID, pair.asker_key.island, NOW.wall_s + 120),
        Send(bytes(range(24))),
        Opened(b"what?", 64),
    )
    answer = bytes(range(24)) + island.seal(b"this") + island.seal(b"and that", final=True)
    assert asker.receive(answer, NOW) == (Opened(b"this", 64), Opened(b"and that", 64), Ended())
    asker.eof()
    island.eof()


def test_bytes_may_come_one_by_one():
    pair = Pair()
    asker, island = pair.asker(), pair.island()
    events = []
    for byte in asker.hello() + asker.seal(b"what?"):
        events.extend(island.receive(bytes([byte]), NOW))
    assert frames(events) == [b"what?"]


@pytest.mark.parametrize(
    "size", [0, 1, 59, 60, PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX + 1, 2 * PAYLOAD_BYTES_MAX, 700_000]
)
def test_a_frame_of_any_size_arrives_whole_and_costs_what_cost_says(size):
    asker, island = joined()
    before = asker.credit_left
    frame = bytes(size)
    if cost(size) <= before:
        assert frames(island.receive(asker.seal(frame), NOW)) == [frame]
        assert before - asker.credit_left == cost(size)
    else:
        assert pump(asker, island, asker.send(frame)) == [frame]


def test_the_largest_request_passes_and_one_byte_more_is_refused():
    asker, island = joined()
    assert len(pump(asker, island, asker.send(bytes(ASK_FRAME_BYTES_MAX)))[0]) == ASK_FRAME_BYTES_MAX
    with pytest.raises(EnvelopeError, match="frame"):
        pump(asker, island, asker.send(bytes(ASK_FRAME_BYTES_MAX + 1)))


def test_an_answer_frame_over_its_bound_is_refused():
    asker, island = joined()
    with pytest.raises(EnvelopeError, match="frame"):
        pump(island, asker, island.send(bytes(ANSWER_FRAME_BYTES_MAX + 1)))


def test_lengths_are_seen_only_in_steps():
    asker, _ = joined()
    assert len(asker.seal(b"")) == len(asker.seal(bytes(59))) == len(asker.seal(bytes(60))) - PAD_BYTES


def test_randomness_given_as_an_argument_makes_the_stream_that_libsodium_itself_makes():
    key, header, associated = b"k" * 32, b"h" * 24, b"a"
    sealed = ChunkSealer(key, header, associated).seal(ChunkKind.LAST, b"payload")
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    drawn = sodium.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    pushed = sodium.crypto_secretstream_xchacha20poly1305_push(state, bytes(64), associated)
    ours = ChunkSealer(key, drawn, associated)
    plain = sodium.crypto_secretstream_xchacha20poly1305_push(ours._state, bytes(64), associated)
    assert plain == pushed
    assert [chunk.payload for chunk in ChunkOpener(key, associated).feed(header + sealed)] == [b"payload"]


# Credits


def test_out_of_credit_a_frame_waits_and_goes_when_credit_comes():
    asker, island = joined()
    first = island.send(bytes(PAYLOAD_BYTES_MAX) * 4)
    assert island.credit_left == 0
    assert island.send(b"more") == b""
    assert island.waiting
    assert not island.can_seal(0)
    with pytest.raises(MisuseError):
        island.seal(b"")
    assert pump(island, asker, first) == [bytes(PAYLOAD_BYTES_MAX) * 4, b"more"]
    assert not island.waiting


def test_credit_is_granted_only_for_what_was_consumed():
    asker, island = joined()
    sent = [asker.seal(bytes(PAYLOAD_BYTES_MAX)) for _ in range(3)]
    costs = [event.cost for data in sent for event in island.receive(data, NOW) if isinstance(event, Opened)]
    assert costs == [CHUNK_BYTES_MAX] * 3
    left = asker.credit_left
    grants = [island.consumed(amount) for amount in costs]
    assert all(grants)
    events = [event for data in grants for event in asker.receive(data, NOW)]
    assert events == [Credit(CREDIT_GRANT)] * 3
    assert asker.credit_left == left + 3 * CREDIT_GRANT
    with pytest.raises(MisuseError):
        island.consumed(CREDIT_INITIAL)


def test_a_peer_that_grants_more_than_was_sent_is_refused():
    asker, island = joined()
    with pytest.raises(EnvelopeError, match="credit"):
        asker.receive(island._outbox.grant(1_000_000), NOW)


def test_nothing_can_be_sent_after_the_final_frame():
    _, island = joined()
    island.seal(b"x", final=True)
    with pytest.raises(MisuseError):
        island.send(b"y")


def test_a_cancel_costs_no_credit_and_is_the_last_word():
    asker, island = joined()
    asker.send(bytes(CREDIT_INITIAL))
    asker.send(b"waits")
    pair = Pair()
    asker, island = pair.asker(), pair.island()
    data = asker.hello() + asker.send(bytes(2 * CREDIT_INITIAL))
    assert Cancelled() in island.receive(data + asker.cancel(), NOW)
    assert asker.cancel() == b""
    island.eof()


def test_an_island_cannot_cancel():
    asker, island = joined()
    with pytest.raises(EnvelopeError, match="cancel"):
        asker.receive(island._outbox.cancel(), NOW)


# Wrong use


def test_wrong_use_is_our_own_mistake_and_not_the_peers():
    pair = Pair()
    for changes in ({"request_id": b"x"}, {"entropy": b""}, {"lifetime_s": 121}, {"lifetime_s": 0}):
        with pytest.raises(MisuseError):
            pair.asker(**changes)
    with pytest.raises(MisuseError):
        pair.island(entropy=b"")
    with pytest.raises(MisuseError):
        pair.island().seal(b"")
    with pytest.raises(MisuseError):
        pair.island().consumed(1)


def test_a_fault_ends_the_stream_for_good():
    asker, island = joined()
    with pytest.raises(EnvelopeError) as caught:
        island.receive(b"\xff" * 4, NOW)
    assert caught.value.reply is Reply.RESET_STREAM
    with pytest.raises(EnvelopeError):
        island.receive(asker.seal(b"good"), NOW)


def test_a_refused_header_is_refused_again():
    pair = Pair()
    island = pair.island()
    for _ in range(2):
        with pytest.raises(EnvelopeError):
            island.receive(b"\0\0\0\0", NOW)


@pytest.mark.parametrize("size", [0, 1, 58, 59, 60, 123, 124, PAYLOAD_BYTES_MAX])
def test_padding_is_the_least_multiple_that_holds_prefix_and_payload(size):
    assert padded(size) % PAD_BYTES == 0
    assert size + 5 <= padded(size) < size + 5 + PAD_BYTES
