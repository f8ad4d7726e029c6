from itertools import pairwise

import pytest

from protocol.budget import Budget
from protocol.chance import Chance
from protocol.dissemination import (
    ANTI_ENTROPY_INTERVAL_MS,
    GOSSIP_BURST,
    GOSSIP_SPACING_MS,
    STATEMENT_REPEAT_MS,
    STATEMENT_RETRY_MS,
    SYNC_BURST,
    Settings,
)
from protocol.errors import MisuseError
from protocol.failure import Alive, Dead, DetectorSettings
from protocol.mesh_actions import (
    Alarm,
    AlarmKind,
    Answered,
    Believed,
    CloseSession,
    DropReason,
    Gossip,
    NeedStatement,
    SendSync,
)
from protocol.sync import (
    SYNC_FRAME_BYTES_MAX,
    Answer,
    Ping,
    Records,
    StateDigest,
    Summary,
    decode_frame,
    decode_gossip,
    encode_frame,
)
from tests.attested import NOW, later, signing_key, statement
from tests.unit.meshes import Mesh


def alarms(node, kind):
    return [action for action in node.said(Alarm) if action.kind is kind]


def frames(node, kind):
    return [frame for frame in (decode_frame(action.data) for action in node.said(SendSync)) if isinstance(frame, kind)]


def knows_all(mesh):
    return all(len(node.registry.statements(mesh.now)) == len(mesh.nodes) for node in mesh.nodes.values())


def test_statements_reach_everybody_by_gossip_at_once():
    mesh = Mesh(size=5).connect_all()
    mesh.run(100)
    assert knows_all(mesh)


def test_a_session_brings_what_gossip_never_carried():
    mesh = Mesh(size=3)
    mesh.run(1_000)
    mesh.connect(0, 1)
    mesh.connect(1, 2)
    mesh.run(1_000)
    assert knows_all(mesh) is False  # 0 and 2 have no session, and no gossip was sent since
    assert len(mesh[1].registry.statements(mesh.now)) == 3


def test_anti_entropy_brings_what_gossip_lost():
    mesh = Mesh(size=4)
    mesh.lost = lambda kind, sender, receiver: kind == "gossip"
    mesh.connect(0, 1)
    mesh.connect(1, 2)
    mesh.connect(2, 3)
    mesh.run(5 * ANTI_ENTROPY_INTERVAL_MS)
    assert knows_all(mesh)


def test_equal_islands_exchange_one_summary_and_no_digest():
    mesh = Mesh(size=2).connect_all()
    mesh.run(STATEMENT_REPEAT_MS // 2)
    for node in mesh.nodes.values():
        assert len(frames(node, Summary)) >= 3
        assert len(frames(node, StateDigest)) == 1  # of the session's start


def test_the_own_statement_is_renewed_at_half_life():
    mesh = Mesh(size=2).connect_all()
    mesh.run(2 * STATEMENT_REPEAT_MS + 500)
    assert mesh[0].when(NeedStatement) == [0, STATEMENT_REPEAT_MS, 2 * STATEMENT_REPEAT_MS]


def test_a_core_that_gives_no_statement_is_asked_again():
    mesh = Mesh(size=1)
    machine = mesh[0].machine
    assert NeedStatement() in machine.tick(NOW)
    assert machine.next_wake_ms() == NOW.mono_ms + STATEMENT_RETRY_MS
    assert machine.tick(later(ms=STATEMENT_RETRY_MS - 1)) == ()
    assert NeedStatement() in machine.tick(later(ms=STATEMENT_RETRY_MS))


def test_changes_in_quick_succession_stay_within_five_frames_a_second():
    mesh = Mesh(size=2).connect_all()
    mesh.run(1_000)
    for _ in range(30):
        mesh[0].sequence += 1
        signed = statement(mesh[0].key, sequence=mesh[0].sequence)
        mesh.do(0, lambda machine, now, raw=signed.raw: machine.publish(raw, now))
        mesh.run(20)
    mesh.run(1_000)
    sent = mesh[0].when(Gossip)
    assert all(after - before >= GOSSIP_SPACING_MS for before, after in pairwise(sent))
    assert mesh[1].registry.digest()[mesh[0].key.island] == (1, mesh[0].sequence)


def test_a_question_and_its_answer_pass():
    mesh = Mesh(size=2).connect_all()
    peer = mesh.archipelago.ids[1]
    number, actions = mesh[0].machine.ask(peer, b"busy?")
    mesh.do(0, lambda machine, now: actions)
    mesh.run(10)
    assert mesh[0].said(Answered) == [Answered(peer, number, b"BUSY?")]


def test_an_answer_that_nobody_asked_for_is_dropped():
    mesh = Mesh(size=2).connect_all()
    peer = mesh.archipelago.ids[1]
    mesh.do(0, lambda machine, now: machine.on_sync(peer, encode_frame(Answer(1, b"!")), now))
    assert not mesh[0].said(Answered)
    _, actions = mesh[0].machine.ask(signing_key(99).island, b"?")
    assert actions == ()


@pytest.mark.parametrize("data", [b"rubbish", bytes(SYNC_FRAME_BYTES_MAX + 1), encode_frame(Records((b"rubbish",)))])
def test_a_peer_that_sends_rubbish_loses_its_connection_and_nothing_else_happens(data):
    for way in ("on_sync", "on_gossip"):
        mesh = Mesh(size=3).connect_all()
        peer = mesh.archipelago.ids[1]
        mesh.do(0, lambda machine, now, way=way, peer=peer: getattr(machine, way)(peer, data, now))
        assert mesh[0].said(CloseSession) == [CloseSession(peer, DropReason.MALFORMED)]
        assert len(alarms(mesh[0], AlarmKind.MALFORMED)) == 1
        assert mesh[0].machine.sessions == (mesh.archipelago.ids[2],)


def test_a_flood_of_gossip_is_dropped_after_the_burst_and_alarms_once():
    mesh = Mesh(size=2).connect_all()
    peer = mesh.archipelago.ids[1]
    for number in range(GOSSIP_BURST + 50):
        data = encode_frame(Records((statement(mesh[1].key, boot=2, sequence=number).raw,)))
        mesh.do(0, lambda machine, now, data=data: machine.on_gossip(peer, data, now))
    assert mesh[0].registry.digest()[peer] == (2, GOSSIP_BURST - 1)
    assert len(alarms(mesh[0], AlarmKind.FLOOD)) == 1


def test_a_flood_of_sync_frames_is_dropped_after_the_burst():
    mesh = Mesh(size=2).connect_all()
    peer = mesh.archipelago.ids[1]
    before = len(mesh[0].said(SendSync))
    for number in range(SYNC_BURST + 100):
        data = encode_frame(Ping(number))
        mesh.do(0, lambda machine, now, data=data: machine.on_sync(peer, data, now))
    assert len(mesh[0].said(SendSync)) - before == SYNC_BURST
    assert len(alarms(mesh[0], AlarmKind.FLOOD)) == 1


def test_digests_cannot_be_used_to_make_an_island_talk():
    mesh = Mesh(size=2).connect_all()
    mesh.run(100)
    peer = mesh.archipelago.ids[1]
    before = len(mesh[0].said(SendSync))
    for _ in range(100):
        data = encode_frame(StateDigest({}))
        mesh.do(0, lambda machine, now, data=data: machine.on_sync(peer, data, now))
    assert len(mesh[0].said(SendSync)) - before <= 8


def test_a_record_that_nobody_signed_alarms_and_is_not_believed():
    mesh = Mesh(size=2).connect_all()
    good = statement(mesh[1].key, boot=9)
    forged = good.raw[:-1] + bytes([good.raw[-1] ^ 1])
    entry = mesh.archipelago.certificates[1].raw
    for raw in (forged, entry[:-1] + bytes([entry[-1] ^ 1])):
        mesh = Mesh(size=2).connect_all()
        for _ in range(2):
            peer, data = mesh.archipelago.ids[1], encode_frame(Records((raw,)))
            mesh.do(0, lambda machine, now, peer=peer, data=data: machine.on_sync(peer, data, now))
        assert not mesh[0].said(Believed)
        assert len(alarms(mesh[0], AlarmKind.BAD_SIGNATURE)) == 1


def test_an_island_that_contradicts_itself_is_quarantined_and_alarms():
    mesh = Mesh(size=2).connect_all()
    peer = mesh.archipelago.ids[1]
    for battery in (1, 2):
        data = encode_frame(Records((statement(mesh[1].key, boot=5, battery=battery).raw,)))
        mesh.do(0, lambda machine, now, data=data: machine.on_gossip(peer, data, now))
    assert [alarm.island for alarm in alarms(mesh[0], AlarmKind.EQUIVOCATION)] == [peer]
    assert mesh[0].registry.statement(peer, mesh.now) is None


def test_a_statement_ahead_of_its_authors_certificate_in_one_frame_is_believed():
    mesh = Mesh(size=3, knows=lambda index: (0, 1) if index == 0 else ()).connect_all()
    newcomer = mesh[2].key
    raws = (statement(newcomer).raw, mesh.archipelago.certificates[2].raw)
    mesh.do(0, lambda machine, now: machine.on_sync(mesh.archipelago.ids[1], encode_frame(Records(raws)), now))
    assert mesh[0].registry.statement(newcomer.island, mesh.now) is not None
    assert {action.raw for action in mesh[0].said(Believed)} >= set(raws)


def test_a_new_entry_of_the_log_is_passed_on_and_a_known_one_is_not():
    mesh = Mesh(size=3)
    mesh.connect(0, 1)
    mesh.connect(1, 2)
    mesh.run(1_000)
    renewed = mesh.archipelago.log.certificate(mesh[2].key, name="renewed")
    mesh.do(0, lambda machine, now: machine.publish(renewed.raw, now))
    mesh.run(1_000)
    assert all(node.membership.certificate(mesh[2].key.island) == renewed.raw for node in mesh.nodes.values())
    assert [renewed.raw in decode_gossip(action.data).raws for action in mesh[1].said(Gossip)].count(True) == 0


def test_an_island_that_has_missed_a_long_log_gets_it_over_one_session():
    mesh = Mesh(size=2)
    for number in range(200):
        raw = mesh.archipelago.log.certificate(mesh[1].key, name=f"n{number}").raw
        mesh.do(0, lambda machine, now, raw=raw: machine.publish(raw, now))
    mesh.connect(0, 1)
    mesh.run(2_000)
    assert mesh[1].membership.heads() == mesh[0].membership.heads()


def test_the_same_seed_gives_the_same_actions():
    def story():
        mesh = Mesh(size=6, seed=3).connect_all()
        mesh.lost = lambda kind, sender, receiver: (
            (sender, receiver) == (mesh.archipelago.ids[0], mesh.archipelago.ids[3])
        )
        mesh.run(90_000)
        mesh[2].dead = True
        mesh.run(30_000)
        return [(node.key.island, node.actions) for node in mesh.nodes.values()]

    assert story() == story()


def test_next_wake_is_never_later_than_what_is_due():
    mesh = Mesh(size=2).connect_all()
    mesh.run(2_000)
    machine = mesh[0].machine
    wake = machine.next_wake_ms() - NOW.mono_ms
    assert wake > mesh.ms - 1
    assert machine.tick(later(ms=wake - 1)) == ()


def test_settings_hold_their_relations():
    with pytest.raises(MisuseError):
        Settings(anti_entropy_ms=60_000, statement_repeat_ms=359_999)
    with pytest.raises(MisuseError):
        DetectorSettings(ping_interval_ms=100, ack_timeout_ms=200)


def test_a_session_that_closes_is_dead_at_once_and_alive_when_it_is_back():
    mesh = Mesh(size=2).connect_all()
    mesh.cut(0, 1)
    mesh.connect(0, 1)
    peer = mesh.archipelago.ids[1]
    assert mesh[0].said(Alive | Dead) == [Alive(peer), Dead(peer), Alive(peer)]


def test_a_budget_fills_with_time_up_to_its_burst():
    budget = Budget(2, 3, 0)
    assert [budget.take(0) for _ in range(4)] == [True, True, True, False]
    assert [budget.take(500), budget.take(500)] == [True, False]
    assert [budget.take(100_000) for _ in range(4)] == [True, True, True, False]
    assert budget.take(0) is False


def test_chance_is_splitmix64():
    """The reference output for seed 1234567 (Vigna's splitmix64.c)."""
    chance = Chance(1234567)
    assert [chance.below(2**64) for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_chance_picks_different_items():
    chance = Chance(1)
    assert sorted(chance.shuffled(range(20))) == list(range(20))
    assert all(len(set(chance.some(range(50), 3))) == 3 for _ in range(50))
    assert sorted(chance.some(range(2), 5)) == [0, 1]
