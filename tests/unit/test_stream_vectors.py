"""The vectors of session, envelope, inference, dissemination and enrolment: protocol gives every verdict in them."""

import json

import pytest

from protocol.chance import Chance
from protocol.dissemination import Dissemination
from protocol.enrolment import Code, Joiner, Window, make_code, parse_code, window_number
from protocol.envelope import AskerEnvelope, IslandEnvelope
from protocol.errors import EnrolmentError, EnvelopeError, PeerError
from protocol.handshake import Header, Keyring, ReplayCache, asker_keys, island_keys
from protocol.hints import hint
from protocol.inference import AnswerReader, Ask, Failed, decode_answer, encode_answer
from protocol.keys import SealingPair, SigningKey
from protocol.membership import Membership
from protocol.passages import PassagesAsk, PassagesReader, decode_found, encode_found, read_asked
from protocol.questions import decode_answer as decode_content
from protocol.questions import decode_question, encode_question
from protocol.questions import encode_answer as encode_content
from protocol.records import open_record, prekey_id
from protocol.registry import Registry
from protocol.session import Session
from protocol.sync import decode_frame, encode_frame
from protocol.terms import Now
from tests.unit.envelopes import Known, frames
from tests.vectors.files import path
from tests.vectors.generate_dissemination import told as told_by_mesh
from tests.vectors.generate_session import told as told_by_session


def load(name):
    return json.loads(path(name).read_text())


def octets(where, name):
    return bytes.fromhex(where[name])


def members_of(vectors, now):
    membership = Membership(open_record(octets(vectors, "genesis")))
    for raw in vectors["log"]:
        membership.accept(bytes.fromhex(raw), now)
    return membership


class Ends:
    """Both ends of an envelope, from the keys in the vectors."""

    def __init__(self, vectors):
        self.now = Now(0, vectors["now_s"])
        self.asker_key, self.island_key = (
            SigningKey(octets(vectors, "asker_seed")),
            SigningKey(octets(vectors, "island_seed")),
        )
        self.asker_pair, self.island_pair = (
            SealingPair(octets(vectors, name)) for name in ("asker_secret", "island_secret")
        )
        self.prekey = SealingPair(octets(vectors, "prekey_secret"))
        self.vectors = vectors

    def asker(self):
        return AskerEnvelope(
            request_id=octets(self.vectors, "request_id"),
            own_public=self.asker_key.public,
            own_static=self.asker_pair,
            recipient=self.island_key.public,
            recipient_sealing=self.island_pair.public,
            prekey=self.prekey.public,
            entropy=octets(self.vectors, "asker_entropy"),
            now=self.now,
        )

    def island(self):
        live = {self.asker_key.island: Known(self.asker_pair.public)}
        prekeys = {prekey_id(self.prekey.public): self.prekey}
        keyring = Keyring(
            self.island_key.public, self.island_pair, prekeys, lambda island, now: live.get(island), ReplayCache()
        )
        return IslandEnvelope(keyring, self.asker_key.island, octets(self.vectors, "island_entropy"))


def test_envelope_handshake_vector():
    vectors = load("envelope")
    ends, expected = Ends(vectors), vectors["handshake"]
    header = Header.from_bytes(octets(expected, "header"))
    ephemeral = SealingPair(octets(vectors, "asker_entropy")[:32])
    asked = asker_keys(header, ends.asker_pair, ephemeral, ends.island_pair.public, ends.prekey.public)
    opened = island_keys(header, ends.island_pair, ends.prekey, ends.asker_pair.public)
    assert asked == opened
    assert (asked.ask, asked.answer) == (octets(expected, "ask_key"), octets(expected, "answer_key"))
    assert asked.transcript == octets(expected, "transcript")
    assert ends.asker().hello()[4:-24] == header.to_bytes()


@pytest.mark.parametrize("way", ["asks", "answers"])
def test_envelope_stream_vectors(way):
    vectors = load("envelope")
    for case in vectors[way]:
        ends = Ends(vectors)
        end = ends.island() if way == "asks" else ends.asker()
        if way == "answers":
            end.seal(b"")  # 64 bytes: what a credit can be for
        if case["valid"]:
            assert [frame.hex() for frame in frames(end.receive(octets(case, "data"), ends.now))] == case["frames"]
            end.eof()
            continue
        with pytest.raises(EnvelopeError) as caught:
            end.receive(octets(case, "data"), ends.now)
            end.eof()
        assert caught.value.field == case["field"], case["name"]


def test_inference_vectors():
    vectors = load("inference")
    request_id = octets(vectors, "request_id")
    for case in vectors["asks"]:
        if case["valid"]:
            ask = Ask.from_bytes(octets(case, "data"), request_id)
            assert (ask.chat.to_json().decode(), ask.model) == (case["chat"], case["model"])
            assert (ask.to_bytes(), ask.collection) == (octets(case, "data"), octets(case, "collection"))
            continue
        with pytest.raises(PeerError) as caught:
            Ask.from_bytes(octets(case, "data"), request_id)
        assert caught.value.field == case["field"]
    for case in vectors["answers"]:
        if case["valid"]:
            assert encode_answer(decode_answer(octets(case, "data"))) == octets(case, "data")
            continue
        with pytest.raises(PeerError) as caught:
            decode_answer(octets(case, "data"))
        assert caught.value.field == case["field"]


def test_inference_orders():
    for case in load("inference")["orders"]:
        reader, refused_at = AnswerReader(), None
        for place, data in enumerate([*case["frames"], None]):
            try:
                reader.end() if data is None else reader.on(bytes.fromhex(data))
            except PeerError:
                refused_at = place
                break
        assert refused_at == case["refused_at"], case["why"]


def test_passages_vectors():
    vectors = load("inference")
    request_id = octets(vectors, "request_id")
    for case in vectors["passages_asks"]:
        if case["valid"]:
            ask = read_asked(octets(case, "data"), request_id)
            assert isinstance(ask, PassagesAsk)
            told = (ask.to_bytes(), ask.question, ask.collection, ask.most)
            assert told == (octets(case, "data"), case["question"], octets(case, "collection"), case["most"])
            continue
        with pytest.raises(PeerError) as caught:
            read_asked(octets(case, "data"), request_id)
        assert caught.value.field == case["field"]
    for case in vectors["passages"]:
        if case["valid"]:
            frame = decode_found(octets(case, "data"))
            assert not isinstance(frame, Failed)
            assert encode_found(frame) == octets(case, "data")
            continue
        with pytest.raises(PeerError) as caught:
            decode_found(octets(case, "data"))
        assert caught.value.field == case["field"]


def test_passages_orders():
    for case in load("inference")["passages_orders"]:
        reader, refused_at = PassagesReader(case["most"]), None
        for place, data in enumerate([*case["frames"], None]):
            try:
                reader.end() if data is None else reader.on(bytes.fromhex(data))
            except PeerError:
                refused_at = place
                break
        assert refused_at == case["refused_at"], case["why"]


def test_session_vectors():
    vectors = load("session")
    start_ms = 1_000_000
    for script in vectors["scripts"]:
        start = Now(start_ms, vectors["now_s"])
        membership = members_of(vectors, start)
        session = Session(membership, vectors["me"], script["peer"], dialler=False)
        for step in script["steps"]:
            now = Now(start_ms + step["after_ms"], vectors["now_s"] + step["after_ms"] // 1000)
            data = bytes.fromhex(step.get("data", ""))
            match step["step"]:
                case "start":
                    actions = session.start(now)
                case "receive":
                    actions = session.receive(data, now)
                case "tick":
                    actions = session.tick(now)
                case "recheck":
                    if data:
                        membership.accept(data, now)
                    actions = session.recheck(now)
            assert [told_by_session(action) for action in actions] == step["actions"], script["name"]


def test_sync_frame_vectors():
    vectors = load("dissemination")
    for case in vectors["frames"]:
        if case["valid"]:
            assert encode_frame(decode_frame(octets(case, "data"))) == octets(case, "data")
            continue
        with pytest.raises(PeerError) as caught:
            decode_frame(octets(case, "data"))
        assert caught.value.field == case["field"]
    for data in map(bytes.fromhex, vectors["questions"]):
        assert encode_question(decode_question(data)) == data
    for data in map(bytes.fromhex, vectors["answers"]):
        assert encode_content(decode_content(data)) == data
    chance = Chance(vectors["chance"]["seed"])
    assert [chance.below(1000) for _ in range(8)] == vectors["chance"]["below_1000"]


def test_dissemination_script():
    vectors = load("dissemination")
    start_ms = 1_000_000
    start = Now(start_ms, vectors["now_s"])
    membership = members_of(vectors, start)
    machine = Dissemination(vectors["me"], membership, Registry(membership), seed=1, now=start)
    for step in vectors["script"]:
        now = Now(start_ms + step["after_ms"], vectors["now_s"])
        data, peer = bytes.fromhex(step.get("data", "")), step.get("peer")
        match step["step"]:
            case "tick":
                assert machine.next_wake_ms() <= now.mono_ms
                actions = machine.tick(now)
            case "session":
                actions = machine.on_session(peer, {}, now)
            case "sync":
                actions = machine.on_sync(peer, data, now)
            case "gossip":
                actions = machine.on_gossip(peer, data, now)
            case "publish":
                actions = machine.publish(data, now)
        assert [told_by_mesh(action) for action in actions] == step["actions"], step


def test_code_and_hint_vectors():
    vectors = load("enrolment")
    for case in vectors["codes"]:
        assert make_code(case["host"], octets(case, "entropy")).text == case["text"]
    for case in vectors["numbers"]:
        assert window_number(case["host"]) == case["number"]
    for case in vectors["typed"]:
        if case["valid"]:
            assert parse_code(case["text"]).text == case["code"]
        else:
            with pytest.raises(EnrolmentError):
                parse_code(case["text"])
    for case in vectors["hints"]:
        assert hint(octets(case, "salt"), octets(case, "archipelago"), case["island"]) == octets(case, "hint")


def drawn(data):
    """Entropy that gives those bytes again and again: each end draws once."""
    return lambda count: (data * 2)[:count]


def enrolment_ends(case):
    code: Code = parse_code(case["code"])
    device = Joiner(
        code,
        case["joiner_host"],
        case["window_host"],
        SigningKey(octets(case, "device_seed")),
        octets(case, "device_sealing"),
        case["name"],
        drawn(octets(case, "joiner_entropy")),
    )
    now = Now(0, 0)
    visit = Window(code, case["window_host"], now).visit(
        case["joiner_host"], drawn(octets(case, "window_entropy")), now
    )
    return device, visit, now


def test_enrolment_vector():
    vectors = load("enrolment")
    case = vectors["enrolment"]
    device, visit, now = enrolment_ends(case)
    assert device.hello() == octets(case, "hello")
    assert visit.on_hello(octets(case, "hello")) == octets(case, "reply")
    assert device.on_reply(octets(case, "reply")) == octets(case, "details")
    told = visit.on_details(octets(case, "details"), now)
    assert (told.public, told.name) == (SigningKey(octets(case, "device_seed")).public, case["name"])
    entries = tuple(map(bytes.fromhex, case["entries"]))
    assert visit.welcome(octets(case, "genesis"), entries) == octets(case, "welcome")
    assert device.on_welcome(octets(case, "welcome")).entries == entries


def test_enrolment_faults():
    vectors = load("enrolment")
    for fault in vectors["faults"]:
        _, visit, now = enrolment_ends(vectors["enrolment"])
        with pytest.raises(EnrolmentError) as caught:
            if fault["kind"] == "hello":
                visit.on_hello(octets(fault, "data"))
            else:
                visit.on_hello(octets(vectors["enrolment"], "hello"))
                visit.on_details(octets(fault, "data"), now)
        assert caught.value.field == fault["field"], fault["why"]
