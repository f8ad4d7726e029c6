"""Design, section 3 "Streams", and what the security study asks of an envelope, as far as the envelope decides it."""

import pytest

from protocol.envelope import CREDIT_INITIAL, Cancelled, Opened
from protocol.errors import EnvelopeError
from protocol.handshake import (
    LIFETIME_S_MAX,
    REPLAY_MEMORY_MS,
    Header,
    ReplayCache,
    asker_keys,
)
from protocol.keys import SealingPair, SigningKey
from protocol.members import CLOCK_SKEW_S
from protocol.records import prekey_id
from protocol.sealed_stream import PAYLOAD_BYTES_MAX, ChunkKind, ChunkSealer
from protocol.terms import Now
from tests.unit.envelopes import NOW, REQUEST_ID, Known, Pair, frames, joined, pump


def later(seconds, wall=None):
    return Now(NOW.mono_ms + seconds * 1000, NOW.wall_s + (seconds if wall is None else wall))


def refuses(what, call, *arguments):
    with pytest.raises(EnvelopeError) as caught:
        call(*arguments)
    assert caught.value.field == f"envelope.{what}"


def test_the_sender_stops_and_the_reader_never_does():
    asker, island = joined()
    sent = b""
    while island.can_seal(PAYLOAD_BYTES_MAX):
        sent += island.seal(bytes(PAYLOAD_BYTES_MAX))
    assert island.send(b"held back") == b""
    events = asker.receive(sent, NOW)  # read although nobody consumes
    assert len(frames(events)) == CREDIT_INITIAL // 65_536
    granted = b"".join(asker.consumed(event.cost) for event in events if isinstance(event, Opened))
    island.receive(granted, NOW)
    assert frames(asker.receive(island.flush(), NOW)) == [b"held back"]


def test_a_client_that_pauses_loses_nothing():
    asker, island = joined()
    data = b"".join(island.send(bytes([index]) * 30_000) for index in range(40))
    assert pump(island, asker, data) == [bytes([index]) * 30_000 for index in range(40)]


def test_a_peer_that_sends_over_its_credit_is_refused():
    asker, island = joined()
    island._outbox.credit_left += 10_000_000
    data = b"".join(island.seal(bytes(PAYLOAD_BYTES_MAX)) for _ in range(5))
    refuses("credit", asker.receive, data, NOW)


def test_a_cancel_passes_when_the_asker_is_out_of_credit():
    pair = Pair()
    asker, island = pair.asker(), pair.island()
    data = asker.hello() + asker.send(bytes(4 * CREDIT_INITIAL))
    assert asker.credit_left == 0
    assert island.receive(data + asker.cancel(), NOW)[-1] == Cancelled()


def test_a_cut_answer_is_never_passed_off_as_a_whole_one():
    asker, island = joined()
    whole = island.seal(b"part") + island.seal(b"end", final=True)
    for end in range(len(whole)):
        asker, island = joined()
        data = island.seal(b"part") + island.seal(b"end", final=True)
        asker.receive(data[:end], NOW)
        refuses("end", asker.eof)


def test_an_asker_that_vanishes_cuts_its_request():
    pair = Pair()
    island = pair.island()
    refuses("end", island.eof)
    _, island = joined()
    refuses("end", island.eof)


def test_chunks_out_of_order_are_refused():
    asker, island = joined()
    first, second = island.seal(b"one"), island.seal(b"two")
    refuses("chunk", asker.receive, second + first, NOW)


def test_a_chunk_that_comes_twice_is_refused():
    asker, island = joined()
    chunk = island.seal(b"one")
    refuses("chunk", asker.receive, chunk + chunk, NOW)


def test_a_chunk_left_out_is_refused():
    asker, island = joined()
    island.seal(b"one")
    refuses("chunk", asker.receive, island.seal(b"two"), NOW)


def test_a_reflected_stream_is_refused():
    pair = Pair()
    asker = pair.asker()
    sent = asker.hello() + asker.seal(b"ask")
    length = 4 + int.from_bytes(sent[:4], "big")
    refuses("chunk", asker.receive, sent[length:], NOW)


def test_each_changed_byte_is_refused():
    pair = Pair()
    asker = pair.asker()
    good = asker.hello() + asker.seal(b"ask")
    for place in range(len(good)):
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        pair = Pair()
        island = pair.island()
        try:
            events = island.receive(bad, NOW)
        except EnvelopeError:
            continue
        assert not frames(events)  # a longer length: still waiting, and refused at the end
        refuses("end", island.eof)


def test_data_after_the_end_is_refused():
    asker, island = joined()
    sealer = island._outbox._sealer
    end = island.seal(b"end", final=True)
    sealer.ended = False  # what a hostile island may do
    refuses("end", asker.receive, end + sealer.seal(ChunkKind.LAST, b"more"), NOW)
    asker, island = joined()
    assert frames(asker.receive(island.seal(b"end", final=True), NOW)) == [b"end"]
    refuses("end", asker.receive, b"\0", NOW)


def test_a_final_chunk_inside_a_frame_is_refused():
    asker, island = joined()
    data = island._outbox._sealer.seal(ChunkKind.PART, bytes(PAYLOAD_BYTES_MAX), final=True)
    refuses("end", asker.receive, data, NOW)


def test_an_envelope_for_another_island_is_refused():
    pair = Pair()
    asker = pair.asker(recipient=SigningKey(b"z" * 32).public)
    refuses("header.recipient", pair.island().receive, asker.hello(), NOW)


def test_an_envelope_whose_sender_is_not_the_peer_is_refused():
    pair = Pair()
    other = SigningKey(b"y" * 32)
    pair.live[other.island] = Known(SealingPair(b"x" * 32).public)
    refuses("header.sender", pair.island(peer=other.island).receive, pair.asker().hello(), NOW)


def test_an_envelope_of_nobody_who_is_a_live_member_is_refused():
    pair = Pair()
    asker = pair.asker()
    pair.live.clear()
    refuses("header.sender", pair.island().receive, asker.hello(), NOW)


def test_only_the_holder_of_the_certified_key_can_ask_in_its_name():
    pair = Pair()
    asker = pair.asker(own_static=SealingPair(b"forged".ljust(32)))
    refuses("chunk", pair.island().receive, asker.hello() + asker.seal(b"ask"), NOW)


def test_only_the_island_that_was_asked_can_answer():
    pair, impostor = Pair(), Pair(island_static=SealingPair(b"impostor".ljust(32)))
    asker = pair.asker()
    refuses("chunk", impostor.island().receive, asker.hello() + asker.seal(b"ask"), NOW)


def test_an_answer_to_another_request_is_refused():
    one, other = Pair(), Pair()
    asker_one = one.asker()
    asker_other = other.asker(request_id=b"o" * 16, entropy=b"o" * 56)
    island = other.island()
    island.receive(asker_other.hello() + asker_other.seal(b"ask"), NOW)
    refuses("chunk", asker_one.receive, bytes(range(24)) + island.seal(b"answer"), NOW)


def test_an_unknown_prekey_is_refused():
    pair = Pair()
    asker = pair.asker(prekey=SealingPair(b"yesterday".ljust(32)).public)
    refuses("header.prekey_id", pair.island().receive, asker.hello(), NOW)


def test_an_expired_envelope_is_refused():
    pair = Pair()
    data = pair.asker().hello()
    refuses("header.expiry_s", pair.island().receive, data, later(LIFETIME_S_MAX + CLOCK_SKEW_S + 1))
    assert pair.island().receive(data, later(LIFETIME_S_MAX + CLOCK_SKEW_S))


def test_an_envelope_from_too_far_ahead_is_refused():
    pair = Pair()
    refuses("header.expiry_s", pair.island().receive, pair.asker(now=later(CLOCK_SKEW_S + 1)).hello(), NOW)
    assert pair.island().receive(pair.asker(now=later(CLOCK_SKEW_S)).hello(), NOW)


def test_an_envelope_is_opened_once():
    pair = Pair()
    data = pair.asker().hello()
    pair.island().receive(data, NOW)
    refuses("header.id", pair.island().receive, data, NOW)


def test_a_wall_clock_set_back_opens_no_envelope_again():
    pair = Pair()
    data = pair.asker().hello()
    pair.island().receive(data, NOW)
    for seconds in range(1, REPLAY_MEMORY_MS // 1000 + 60, 7):
        with pytest.raises(EnvelopeError):
            pair.island().receive(data, later(seconds, wall=0))


def test_a_full_replay_cache_refuses_and_empties_with_time():
    pair = Pair(replays=ReplayCache(capacity=2))
    for index in range(2):
        pair.island().receive(pair.asker(request_id=bytes([index]) * 16).hello(), NOW)
    refuses("header", pair.island().receive, pair.asker(request_id=b"3" * 16).hello(), NOW)
    after = later(REPLAY_MEMORY_MS // 1000)
    assert pair.island().receive(pair.asker(request_id=b"3" * 16, now=after).hello(), after)


def test_a_refused_envelope_takes_no_room_in_the_replay_cache():
    pair = Pair(replays=ReplayCache(capacity=1))
    refuses("header.recipient", pair.island().receive, pair.asker(recipient=pair.asker_key.public).hello(), NOW)
    assert pair.island().receive(pair.asker().hello(), NOW)


def test_a_key_of_small_order_is_refused():
    pair = Pair()
    header = Header(
        REQUEST_ID, pair.asker_key.public, pair.island_key.public, prekey_id(pair.prekey.public), bytes(32), NOW.wall_s
    )
    data = header.to_bytes()
    refuses("key", pair.island().receive, len(data).to_bytes(4, "big") + data, NOW)
    with pytest.raises(EnvelopeError):
        pair.asker(prekey=bytes(32))


def test_a_header_with_an_unknown_member_is_refused():
    from protocol.encoding import decode, encode

    pair = Pair()
    good = pair.asker().hello()
    body = decode(good[4 : 4 + int.from_bytes(good[:4], "big")])
    for name, change in {"v": {"v": 2}, "route": {"route": 1}}.items():
        data = encode({**body, **change})
        refuses(f"header.{name}", pair.island().receive, len(data).to_bytes(4, "big") + data, NOW)


def test_a_chunk_with_a_hidden_tail_is_refused():
    pair = Pair()
    asker = pair.asker()
    hello = asker.hello()
    header = Header.from_bytes(hello[4:-24])
    keys = asker_keys(
        header, pair.asker_static, SealingPair(bytes(range(100, 132))), pair.island_static.public, pair.prekey.public
    )

    class Careless(ChunkSealer):
        def push(self, plain, tag):
            import nacl.bindings as sodium

            sealed = sodium.crypto_secretstream_xchacha20poly1305_push(self._state, plain, self._associated, tag)
            return len(sealed).to_bytes(4, "big") + sealed

    for what, plain, tag in [
        ("chunk.padding", b"\x01\0\0\0\x01x".ljust(63, b"\0") + b"!", 0),
        ("chunk.padding", b"\x01\0\0\0\x01x".ljust(128, b"\0"), 0),
        ("chunk.padding", b"\x01\xff\xff\xff\xff".ljust(64, b"\0"), 0),
        ("chunk.kind", b"\x09\0\0\0\0".ljust(64, b"\0"), 0),
        ("chunk.tag", b"\x01\0\0\0\0".ljust(64, b"\0"), 1),
        ("chunk.tag", b"\x01\0\0\0\0".ljust(64, b"\0"), 2),
        ("frame", b"\x00\0\0\0\0".ljust(64, b"\0"), 0),
        ("credit", b"\x02\0\0\0\0".ljust(64, b"\0"), 0),
        ("credit", b"\x02\0\0\0\x04\0\0\0\0".ljust(64, b"\0"), 0),
        ("cancel", b"\x03\0\0\0\0".ljust(64, b"\0"), 0),
    ]:
        sealer = Careless(keys.ask, hello[-24:], keys.transcript)
        refuses(what, Pair().island().receive, hello + sealer.push(plain, tag), NOW)
