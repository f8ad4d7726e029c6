"""Design, section 2 "Who may ask" and section 3 "Statements", as far as dissemination decides it."""

import itertools

import pytest

from protocol.dissemination import (
    ANTI_ENTROPY_INTERVAL_MS,
    GOSSIP_PER_S,
    STATEMENT_LIFETIME_MS,
    STATEMENT_REPEAT_MS,
)
from protocol.encoding import decode
from protocol.failure import DEATH_NOTICED_MS, Alive, Dead, Suspect
from protocol.mesh_actions import (
    Alarm,
    AlarmKind,
    Believed,
    CloseSession,
    DropReason,
    Gossip,
    NeedStatement,
    Questioned,
    SendSync,
)
from protocol.sync import Question, Records, decode_frame, encode_frame
from tests.attested import DAY_S, NOW, later, signing_key, statement
from tests.unit.meshes import Mesh


def revoke(mesh, index, by=0):
    raw = mesh.archipelago.revoke(index).raw
    mesh.do(by, lambda machine, now: machine.publish(raw, now))
    return raw


def closes(mesh, node, index):
    return [one.reason for one in node.said(CloseSession) if one.peer == mesh.archipelago.ids[index]]


def test_live_connections_of_a_revoked_island_drop_everywhere_within_five_seconds():
    mesh = Mesh(size=6).connect_all()
    mesh.run(1_000)
    revoke(mesh, 5)
    mesh.run(5_000)
    for index in range(5):
        assert closes(mesh, mesh[index], 5) == [DropReason.NOT_A_MEMBER]
        assert mesh[index].membership.is_revoked(mesh.archipelago.ids[5])


def test_a_revocation_needs_no_gossip():
    """It goes over every session at once, hop by hop, whatever gossipsub loses."""
    mesh = Mesh(size=6)
    for index in range(5):
        mesh.connect(index, index + 1)
    mesh.run(1_000)
    mesh.lost = lambda kind, sender, receiver: kind == "gossip"
    revoke(mesh, 5)
    mesh.run(100)
    assert closes(mesh, mesh[4], 5) == [DropReason.NOT_A_MEMBER]


def test_a_healed_partition_hears_of_a_revocation_in_the_first_exchange():
    mesh = Mesh(size=4)
    mesh.connect(0, 1)
    mesh.connect(2, 3)
    mesh.run(1_000)
    revoke(mesh, 3)
    mesh.run(60_000)
    assert not mesh[2].membership.is_revoked(mesh.archipelago.ids[3])
    mesh.connect(1, 2)
    mesh.run(10)
    assert closes(mesh, mesh[2], 3) == [DropReason.NOT_A_MEMBER]


def test_revocations_go_before_everything_else_of_a_session():
    mesh = Mesh(size=3)
    for number in range(40):
        raw = mesh.archipelago.log.certificate(mesh[1].key, name=f"n{number}").raw
        mesh.do(0, lambda machine, now, raw=raw: machine.publish(raw, now))
    raw = revoke(mesh, 2)
    mesh[0].actions.clear()
    mesh.connect(0, 1)
    first = next(action for action in mesh[0].said(SendSync))
    assert decode_frame(first.data).raws[0] == raw


@pytest.mark.parametrize("way", ["on_sync", "on_gossip"])
def test_nothing_is_heard_from_a_revoked_island(way):
    mesh = Mesh(size=3).connect_all()
    mesh.run(1_000)
    revoke(mesh, 2)
    mesh[0].actions.clear()
    for frame in (Records((statement(mesh[2].key, boot=9).raw,)), Question(1, b"?")):
        peer, data = mesh.archipelago.ids[2], encode_frame(frame)
        mesh.do(0, lambda machine, now, peer=peer, data=data: getattr(machine, way)(peer, data, now))
    assert mesh[0].actions == []
    assert mesh[0].machine.answer(mesh.archipelago.ids[2], 1, b"!") == ()
    assert mesh[0].machine.ask(mesh.archipelago.ids[2], b"?")[1] == ()


def test_a_revoked_islands_statement_is_believed_by_nobody_whoever_hands_it_on():
    mesh = Mesh(size=3).connect_all()
    mesh.run(1_000)
    revoke(mesh, 2)
    data = encode_frame(Records((statement(mesh[2].key, boot=9).raw,)))
    mesh.do(0, lambda machine, now: machine.on_sync(mesh.archipelago.ids[1], data, now))
    assert mesh[0].registry.statement(mesh.archipelago.ids[2], mesh.now) is None


def test_nothing_is_heard_from_who_is_no_member_or_has_no_session():
    mesh = Mesh(size=2).connect_all()
    mesh.run(100)
    mesh[0].actions.clear()
    stranger = signing_key(88)
    data = encode_frame(Records((statement(stranger).raw,)))
    mesh.do(0, lambda machine, now: machine.on_gossip(stranger.island, data, now))
    mesh.do(0, lambda machine, now: machine.on_sync(stranger.island, encode_frame(Question(1, b"?")), now))
    assert mesh[0].actions == []
    assert mesh[0].machine.on_session(stranger.island, {}, NOW) == (
        CloseSession(stranger.island, DropReason.NOT_A_MEMBER),
    )


def test_a_session_whose_certificate_ended_is_closed():
    mesh = Mesh(size=2).connect_all()
    mesh.run(100)
    end = later(s=30 * DAY_S)
    peer = mesh.archipelago.ids[1]
    actions = mesh[0].machine.on_sync(peer, encode_frame(Question(1, b"?")), end)
    assert CloseSession(peer, DropReason.NOT_A_MEMBER) in actions
    assert not any(isinstance(action, Questioned) for action in actions)


def test_an_island_that_is_removed_itself_goes_silent_and_says_so():
    mesh = Mesh(size=2).connect_all()
    mesh.run(1_000)
    raw = revoke(mesh, 1)
    mesh.do(1, lambda machine, now: machine.on_sync(mesh.archipelago.ids[0], encode_frame(Records((raw,))), now))
    assert any(alarm.kind is AlarmKind.SELF_REMOVED for alarm in mesh[1].said(Alarm))
    assert mesh[1].machine.sessions == ()
    mesh[1].actions.clear()
    mesh.run(2 * STATEMENT_REPEAT_MS)
    assert not mesh[1].said(Gossip)
    assert not mesh[1].said(SendSync)


def test_a_signer_that_contradicts_itself_alarms():
    mesh = Mesh(size=3).connect_all()
    pen = mesh.archipelago.log
    other = pen.fork()
    raws = (pen.certificate(signing_key(60)).raw, other.certificate(signing_key(61)).raw)
    mesh.do(1, lambda machine, now: machine.on_sync(mesh.archipelago.ids[2], encode_frame(Records(raws)), now))
    assert [one.island for one in mesh[1].said(Alarm) if one.kind is AlarmKind.FORK] == [mesh.archipelago.ids[0]]


def test_statements_are_sent_on_change_and_at_half_life():
    assert STATEMENT_LIFETIME_MS == 15 * 60_000
    mesh = Mesh(size=2).connect_all()
    mesh.run(STATEMENT_REPEAT_MS)
    assert mesh[0].when(NeedStatement) == [0, STATEMENT_REPEAT_MS]
    changed = statement(mesh[0].key, sequence=50, battery=3)
    mesh.do(0, lambda machine, now: machine.publish(changed.raw, now))
    mesh.run(500)
    assert mesh[1].registry.statement(mesh.archipelago.ids[0], mesh.now).battery == 3


def test_a_node_sends_at_most_five_gossip_frames_a_second():
    mesh = Mesh(size=2).connect_all()
    for number in range(300):
        raw = mesh.archipelago.log.certificate(mesh[1].key, name=f"n{number}").raw
        mesh.do(0, lambda machine, now, raw=raw: machine.publish(raw, now))
        mesh.run(7)
    mesh.run(5_000)
    sent = mesh[0].when(Gossip)
    assert len(sent) > 5
    assert all(after - before >= 1_000 // GOSSIP_PER_S for before, after in itertools.pairwise(sent))
    assert mesh[1].membership.heads() == mesh[0].membership.heads()


def test_load_and_free_slots_are_not_gossiped():
    members = set(decode(statement(signing_key(1)).record.body()))
    assert members == {"battery", "boot", "lifetime_ms", "offers", "prekey", "sequence", "subject"}


def test_a_record_that_gossip_lost_five_times_is_there_before_it_would_have_ended():
    mesh = Mesh(size=2).connect_all()
    mesh.run(1_000)
    mesh.lost = lambda kind, sender, receiver: True
    mesh.run(5 * ANTI_ENTROPY_INTERVAL_MS - 2_000)
    mesh.links.clear()
    mesh.lost = lambda kind, sender, receiver: False
    mesh.connect(0, 1)
    mesh.run(STATEMENT_REPEAT_MS)
    assert len(mesh[0].registry.statements(mesh.now)) == 2


# The failure detector


def test_the_failure_detector_notices_death_within_five_seconds():
    for size, after in ((2, 7_001), (3, 8_432), (6, 10_777)):
        mesh = Mesh(size=size).connect_all()
        mesh.run(after)
        mesh[1].dead = True
        mesh.run(DEATH_NOTICED_MS)
        for index in {*range(size)} - {1}:
            peer = mesh.archipelago.ids[1]
            assert Dead(peer) in mesh[index].said(Dead)
            assert closes(mesh, mesh[index], 1) == [DropReason.SILENT]


def test_nobody_dies_in_a_quiet_mesh():
    mesh = Mesh(size=5).connect_all()
    mesh.run(120_000)
    for node in mesh.nodes.values():
        assert not node.said(Dead)
        assert not node.said(Suspect)


def test_a_peer_that_others_reach_is_not_dead():
    mesh = Mesh(size=4).connect_all()
    ends = {mesh.archipelago.ids[0], mesh.archipelago.ids[1]}
    mesh.lost = lambda kind, sender, receiver: {sender, receiver} == ends
    mesh.run(60_000)
    assert not mesh[0].said(Dead)
    assert not mesh[1].said(Dead)


def test_a_suspect_that_is_heard_again_is_alive():
    mesh = Mesh(size=2).connect_all()
    peer = mesh.archipelago.ids[1]
    mesh.run(1_000)
    mesh.lost = lambda kind, sender, receiver: True
    while not mesh[0].said(Suspect):
        mesh.run(100)
    mesh.lost = lambda kind, sender, receiver: False
    mesh.run(60_000)
    assert mesh[0].said(Alive | Suspect | Dead) == [Alive(peer), Suspect(peer), Alive(peer)]


def test_an_island_that_was_starved_itself_blames_nobody():
    mesh = Mesh(size=3).connect_all()
    mesh.run(2_000)
    machine = mesh[0].machine
    actions = machine.tick(later(ms=30_000))
    assert not any(isinstance(action, Suspect | Dead) for action in actions)
    mesh.ms = 30_000
    mesh.run(10_000)
    assert not mesh[0].said(Dead)


def test_of_many_peers_each_is_probed_in_its_turn():
    from protocol.dissemination import Settings
    from protocol.failure import DetectorSettings

    settings = Settings(detector=DetectorSettings(all_probed_max=4))
    mesh = Mesh(size=12, settings=settings).connect_all()
    mesh.run(5_000)
    mesh[7].dead = True
    mesh.run(5 * DEATH_NOTICED_MS)
    for index in {*range(12)} - {7}:
        assert mesh[index].said(Dead) == [Dead(mesh.archipelago.ids[7])]


def test_what_is_believed_is_handed_to_the_core_once():
    mesh = Mesh(size=3).connect_all()
    mesh.run(STATEMENT_REPEAT_MS)
    for node in mesh.nodes.values():
        raws = [action.raw for action in node.said(Believed)]
        assert len(raws) == len(set(raws))
