from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.envelope import Credit, Opened, Send
from protocol.errors import EnvelopeError
from tests.unit.envelopes import NOW, Pair, frames, joined

FRAMES = st.lists(st.integers(0, 150_000) | st.integers(0, 200), min_size=1, max_size=6)


@given(sizes=FRAMES, cuts=st.lists(st.integers(1, 100_000), min_size=1, max_size=8), consume=st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_frames_in_any_pieces_arrive_whole_and_in_order(sizes, cuts, consume):
    asker, island = joined()
    sent = [bytes([index]) * size for index, size in enumerate(sizes)]
    wire = bytearray(b"".join(island.send(frame, final=index == len(sent) - 1) for index, frame in enumerate(sent)))
    got, held = [], []
    step = 0
    while wire or held:
        piece = bytes(wire[: cuts[step % len(cuts)]])
        del wire[: len(piece)]
        step += 1
        back = b""
        for event in asker.receive(piece, NOW):
            if isinstance(event, Opened):
                got.append(event.frame)
                held.append(event.cost)
            elif isinstance(event, Send):
                back += event.data
        if consume or not wire:
            back += b"".join(asker.consumed(cost) for cost in held)
            held.clear()
        if any(isinstance(event, Credit) for event in island.receive(back, NOW)):
            wire += island.flush()
    assert got == sent
    assert not island.waiting
    asker.eof()


@given(data=st.binary(max_size=200), place=st.integers(0, 300), drop=st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_a_mutated_request_opens_nothing_but_the_request(data, place, drop):
    pair = Pair()
    asker = pair.asker()
    good = asker.hello() + asker.seal(b"ask")
    bad = good[:place] + data + good[place + drop :]
    island = pair.island()
    try:
        events = island.receive(bad, NOW)
    except EnvelopeError:
        return
    assert frames(events) in ([], [b"ask"])


@given(data=st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_raise_at_most_an_envelope_error(data):
    asker, island = joined()
    for end in (asker, island, Pair().island()):
        with suppress(EnvelopeError):
            assert not frames(end.receive(data, NOW))
