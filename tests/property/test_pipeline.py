"""Whatever the offers are and however they fail: clearance holds, money is spent once, every request has an end."""

import tempfile
from collections import Counter
from pathlib import Path

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from node.agents.policy import DEFAULT_CLEARANCE
from node.agents.table import Offer
from node.ports import Call, Emit
from node.store.ledger import Outcome
from protocol.errors import BackendFailure, CutAnswerError, RefusedError
from protocol.terms import Sensitivity, Tier
from tests.offers import offer, paid
from tests.pipelines import (
    FailingNames,
    KnownNames,
    RecordingSink,
    Script,
    a_store,
    fails,
    hangs,
    open_node,
    order,
    says,
)
from tests.unit.privacy_texts import assessed, chat

TEXTS = {
    "What is the capital of Portugal?": (),
    "Thank Grace for the cake.": ("Grace",),
    "Write to Ada Lovelace at ada@example.org about the meeting.": ("Ada", "example.org"),
    "Is the card 4111 1111 1111 1111 valid?": ("4111",),
    "My mother has diabetes. What may she eat?": ("diabetes",),
    "Why is my key sk-proj-Zx81kQpLm20vTyRw77abCD refused?": ("Zx81",),
}
DEFINITE = (BackendFailure.NOT_CONNECTED, BackendFailure.REFUSED)
ENDS = ["whole", *BackendFailure, "silent", "cut"]


def script_of(end: object) -> Script:
    match end:
        case "whole":
            return says("an ", "answer")
        case "silent":
            return hangs()
        case "cut":
            return fails(BackendFailure.AMBIGUOUS, 1)
        case BackendFailure():
            return fails(end)
    raise AssertionError(end)


async def one_request(
    directory: Path, rows: tuple[Offer, ...], ends: list[object], text: str, names: bool
) -> tuple[list[tuple[Offer, object, str]], str, list[Outcome]]:
    """Who was sent what, in order and with what end; what the client got; and the receipts' outcomes."""
    sent: list[tuple[Offer, object, str]] = []

    def recorded(row: Offer, end: object) -> Script:
        async def script(call: Call, emit: Emit) -> None:
            sent.append((row, end, call.request.to_json().decode()))
            await script_of(end)(call, emit)

        return script

    sink = RecordingSink()
    with a_store(directory) as store:
        pairs = [(row, recorded(row, end)) for row, end in zip(rows, ends, strict=False)]
        node = await open_node(store, *pairs, names=KnownNames() if names else FailingNames())
        try:
            await node.ask(order(text), sink)
            got = "whole"
            assert (sink.text, sink.whole) == ("an answer", True)
        except RefusedError as error:
            got = "refused" if error.should_retry else "in doubt"
            assert sink.events == []
        except CutAnswerError:
            got = "cut"
            assert not sink.whole
        receipts = await node.receipts()
        booked = node.money.spent_today(node.pipeline.clock())
        assert [receipt.id for receipt in receipts] == [sink.decision]
        assert receipts[0].cost == booked
    return sent, got, [receipt.outcome for receipt in receipts]


@st.composite
def tables(draw: st.DrawFn) -> tuple[Offer, ...]:
    """Mostly sound offers: what a table may hold otherwise is the router's tests' matter."""
    rows = []
    for number in range(draw(st.integers(1, 5))):
        made = draw(st.sampled_from([offer, paid]))
        changes: dict[str, object] = {"tier": draw(st.sampled_from(Tier)), "ttft_s": draw(st.floats(0.1, 30.0))}
        if draw(st.integers(0, 9)) == 0:
            changes[draw(st.sampled_from(["member_live", "fresh", "alive"]))] = False
        if draw(st.integers(0, 9)) == 0:
            changes |= {"input_price": None, "output_price": None}
        rows.append(made(f"island{number}", quality=draw(st.floats(0.0, 1.0)), **changes))
    return tuple(rows)


@given(
    tables(),
    st.lists(st.sampled_from(ENDS), min_size=5, max_size=5),
    st.sampled_from(sorted(TEXTS)),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_no_offer_gets_what_it_is_not_cleared_for_and_no_paid_request_is_sent_twice(
    rows: tuple[Offer, ...], ends: list[object], text: str, names: bool
) -> None:
    clock = trio.testing.MockClock()
    with tempfile.TemporaryDirectory() as directory:
        sent, got, outcomes = trio.run(one_request, Path(directory), rows, ends, text, names, clock=clock)

    found = assessed(chat(text))
    for row, _, read in sent:
        clearance = DEFAULT_CLEARANCE[row.tier]
        assert row.member_live
        assert row.fresh
        assert row.alive
        if not names:
            assert clearance.as_is is Sensitivity.RESTRICTED
        if clearance.as_is is None or found.sensitivity > clearance.as_is:
            assert clearance.sanitised is not None
            assert found.after <= clearance.sanitised
            assert not [word for word in TEXTS[text] if word in read]

    assert max(Counter(row.name for row, _, _ in sent).values(), default=0) <= 1, "each offer is tried once"
    in_doubt = [index for index, (row, end, _) in enumerate(sent) if row.paid and end not in (*DEFINITE, "whole")]
    assert len(in_doubt) <= 1
    if in_doubt:
        assert not any(row.paid for row, _, _ in sent[in_doubt[0] + 1 :])
    assert all(end not in ("whole", "cut") for _, end, _ in sent[:-1]), "nothing follows a first token"

    last = sent[-1][1] if sent else None
    expected = {"whole": "whole", "cut": "cut"}.get(str(last), "in doubt" if in_doubt else "refused")
    assert got == expected
    doubt = Outcome.AMBIGUOUS if in_doubt else None
    outcome = {"whole": Outcome.ANSWERED, "cut": doubt or Outcome.CUT}.get(got, doubt or Outcome.REFUSED)
    assert outcomes == [outcome]
