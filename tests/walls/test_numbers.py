"""The numbers of the design's sections 2 to 4, written out: other tests use the code's own constants."""

from node import prekeys
from node.agents.policy import DEFAULT_CLEARANCE
from node.api.limits import Limits
from node.config import API_DEFAULT, MESH_DEFAULT
from node.mesh import swarm
from node.store import idempotency
from node.supervision import RESTART_WAIT_S_MAX
from protocol import dissemination, enrolment, failure, greeting, handshake, members, questions, records, session
from protocol.terms import NANO_USD_PER_USD, TOKENS_PER_PRICE, Sensitivity, Tier


def test_sensitivity_and_tier_are_ordered_as_the_design_has_them() -> None:
    assert [level.label for level in sorted(Sensitivity)] == ["public", "internal", "confidential", "restricted"]
    assert [tier.label for tier in sorted(Tier)] == ["personal", "edge", "cloud"]


def test_the_default_clearance_is_the_table_of_the_design() -> None:
    public, internal, confidential, restricted = Sensitivity
    rows = [(row.as_is, row.sanitised) for row in DEFAULT_CLEARANCE]
    assert rows == [(restricted, None), (confidential, confidential), (public, internal)]


def test_money_is_nano_usd_per_million_tokens_and_doubt_lasts_a_minute() -> None:
    assert (NANO_USD_PER_USD, TOKENS_PER_PRICE) == (10**9, 10**6)
    assert idempotency.WINDOW_MS == 60_000


def test_statements_live_fifteen_minutes_are_sent_at_half_life_and_at_most_five_a_second() -> None:
    assert dissemination.STATEMENT_LIFETIME_MS == records.LIFETIME_MS_MAX == 15 * 60_000
    assert dissemination.STATEMENT_REPEAT_MS == dissemination.STATEMENT_LIFETIME_MS // 2
    assert dissemination.GOSSIP_PER_S == 5
    assert questions.LOAD_GOOD_MS == 5_000
    assert failure.DEATH_NOTICED_MS == 5_000


def test_a_greeting_a_window_and_an_envelope_have_the_bounds_of_the_contract() -> None:
    assert (greeting.GREETING_BYTES_MAX, session.GREETING_MS_MAX) == (16 * 1024, 2_000)
    assert (enrolment.TRIES_MAX, enrolment.WINDOW_MS) == (3, 120_000)
    assert members.CLOCK_SKEW_S == 120
    assert prekeys.PREKEY_LIFE_S == 24 * 3_600
    assert handshake.REPLAY_MEMORY_MS >= 1_000 * (handshake.LIFETIME_S_MAX + 2 * members.CLOCK_SKEW_S)
    assert swarm.STREAMS_MAX == 32


def test_the_node_listens_where_the_contract_says() -> None:
    assert (API_DEFAULT.host, API_DEFAULT.port) == ("127.0.0.1", 4753)
    assert {(at.host, at.port) for at in MESH_DEFAULT} == {("0.0.0.0", 4754), ("::", 4754)}


def test_a_client_may_pause_fifteen_seconds_and_a_process_is_back_soon() -> None:
    assert Limits().write_s > 15
    assert RESTART_WAIT_S_MAX <= 10
