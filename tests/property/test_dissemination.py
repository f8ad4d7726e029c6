from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.dissemination import ANTI_ENTROPY_INTERVAL_MS, Dissemination, Settings
from protocol.encoding import encode
from protocol.errors import PeerError
from protocol.failure import DetectorSettings
from protocol.questions import decode_answer, decode_question
from protocol.registry import Registry
from protocol.sync import Ping, Records, StateDigest, decode_frame, encode_frame
from tests.attested import NOW, later, statement
from tests.unit.islands import Archipelago
from tests.unit.meshes import Mesh

QUICK = Settings(
    anti_entropy_ms=ANTI_ENTROPY_INTERVAL_MS // 10, statement_repeat_ms=60_000, detector=DetectorSettings()
)


@given(
    seed=st.integers(0, 2**32),
    faults=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 6_000)), max_size=6),
    revoked=st.sampled_from([None, 1, 3]),
    loss=st.sampled_from([0, 3, 5]),
)
@settings(max_examples=15, deadline=None)
def test_whatever_was_lost_a_healed_mesh_converges(seed, faults, revoked, loss):
    mesh = Mesh(size=4, seed=seed, settings=QUICK)
    count = [0]

    def lost(kind, sender, receiver):
        count[0] += 1
        return loss > 0 and count[0] % loss == 0

    mesh.lost = lost
    for one, other, pause in faults:
        link = frozenset((mesh.archipelago.ids[one], mesh.archipelago.ids[other]))
        if one != other:
            mesh.cut(one, other) if link in mesh.links else mesh.connect(one, other)
        mesh.run(pause)
    if revoked is not None:
        raw = mesh.archipelago.revoke(revoked).raw
        mesh.do(0, lambda machine, now: machine.publish(raw, now))
    mesh.run(3_000)
    mesh.lost = lambda kind, sender, receiver: False
    for link in list(mesh.links):
        mesh.cut(*(mesh.archipelago.ids.index(island) for island in sorted(link)))
    mesh.connect_all()
    mesh.run(60_000)
    living = [node for index, node in enumerate(mesh.nodes.values()) if index != revoked]
    assert len({repr(node.membership.snapshot()) for node in living}) == 1
    assert len({repr(sorted(node.registry.digest().items())) for node in living}) == 1
    assert all(len(node.registry.statements(mesh.now)) == len(living) for node in living)


ISLANDS = Archipelago(2)
FRAMES = [
    encode_frame(Ping(1)),
    encode_frame(Records((ISLANDS.certificates[1].raw, statement(ISLANDS.keys[1]).raw))),
    encode_frame(StateDigest({ISLANDS.ids[0]: (1, 1)})),
]
BYTES = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda data, place, drop, extra: data[:place] + extra + data[place + drop :],
        st.sampled_from(FRAMES),
        st.integers(0, 900),
        st.integers(0, 6),
        st.binary(max_size=6),
    ),
    st.dictionaries(
        st.sampled_from(["t", "nonce", "raws", "states", "heads", "id", "content", "low", "high", "reply"]),
        st.sampled_from(
            ["ping", "records", "state_digest", "question", [], [[]], [b"x"], 1, b"", b"z" * 32, True, None]
        ),
        max_size=6,
    ).map(encode),
)


@given(frames=st.lists(st.tuples(st.booleans(), BYTES, st.integers(0, 500)), max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_member_can_send_whatever_it_likes_and_nothing_is_raised(frames):
    membership = ISLANDS.membership()
    machine = Dissemination(ISLANDS.ids[0], membership, Registry(membership), seed=1, now=NOW)
    machine.on_session(ISLANDS.ids[1], {}, NOW)
    ms = 0
    for gossip, data, pause in frames:
        ms += pause
        receive = machine.on_gossip if gossip else machine.on_sync
        receive(ISLANDS.ids[1], data, later(ms=ms))
        machine.tick(later(ms=ms))
        assert machine.next_wake_ms() > NOW.mono_ms


@given(data=BYTES)
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_frame_or_the_peers_fault(data):
    for reader in (decode_frame, decode_question, decode_answer):
        with suppress(PeerError):
            reader(data)
