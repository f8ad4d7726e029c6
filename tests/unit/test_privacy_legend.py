"""What a model is told of the order of the dates that it does not see."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.backends.anthropic_body import request_body as anthropic_body
from node.backends.openai_http import request_body as openai_body
from node.configuration.values import OutputLimit
from node.facts import prompt_tokens
from node.privacy.findings import FindingType
from node.privacy.legend import DATES_MAX, legend
from node.privacy.moments import Order, day, in_order, period
from node.privacy.policy import Level, PrivacyPolicy
from node.privacy.restorer import Restorer
from node.privacy.vault import Vault
from protocol.chat import ChatRequest
from tests.unit.privacy_texts import chat, sanitized

STRICT = PrivacyPolicy(level=Level.STRICT)
BIRTHS = "Ada was born on 3 May 1999, Grace was born on 1999-02-01."
LINE = "Order of the dates withheld: [DATE_2] < [DATE_1]"


def of(*dates: str) -> str | None:
    vault = Vault()
    for date in dates:
        vault.put(FindingType.DATE, date)
    return legend(vault)


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["3 May 1999", "1999-02-01"], "[DATE_2] < [DATE_1]"),
        (["3 May 1999", "1998", "June 1999"], "[DATE_2] < [DATE_1] < [DATE_3]"),
        (["3 May 1999", "03.05.1999", "2000"], "[DATE_1] < [DATE_2]"),  # two spellings of one date are one
        (["13/05/1999", "03/05/1999", "4 May 1999"], "[DATE_2] < [DATE_3] < [DATE_1]"),  # so the day is first
        (["03/05/1999", "May 13, 1999", "05/03/1999", "31/01/1999"], "[DATE_4] < [DATE_3] < [DATE_1] < [DATE_2]"),
        (["3 May 1999", "03/05/1999", "31/01/1999"], "[DATE_3] < [DATE_1] = [DATE_2]"),
        (["03/05/1999", "04/06/2001"], "[DATE_1] < [DATE_2]"),  # whichever comes first
        (["2001年3月4日", "2000년 3월 4일"], "[DATE_2] < [DATE_1]"),
    ],
)
def test_order_of_dates_that_can_be_compared(dates: list[str], order: str) -> None:
    assert of(*dates) == f"Order of the dates withheld: {order}"


@pytest.mark.parametrize(
    "dates",
    [
        [],
        ["3 May 1999"],
        ["3 May 1999", "03.05.1999"],
        ["3 May", "4 May"],  # of which years?
        ["3 May 1999", "10:30", "next Monday", "May"],
        ["3 May 1999", "May 1999", "1999"],  # one within the other
        ["03/05/1999", "05/03/1999"],  # either may be the earlier
        ["01/02/24", "01/02/25"],  # of which century?
        ["31 April 1999", "1 May 1999"],
        ["after 3 May 1999", "1998-01-01"],
    ],
)
def test_what_cannot_be_told_is_not_told(dates: list[str]) -> None:
    assert of(*dates) is None


def test_no_more_dates_are_ordered_than_a_reader_takes_in() -> None:
    line = of(*(f"{year}-01-01" for year in range(3_000, 2_800, -1)))
    assert line is not None
    assert line.count("DATE_") == DATES_MAX


def days() -> st.SearchStrategy[tuple[int, int, int]]:
    return st.tuples(st.integers(1900, 2030), st.integers(1, 12), st.integers(1, 28))


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FORMATS = (
    lambda y, m, d: f"{y}-{m:02}-{d:02}",
    lambda y, m, d: f"{d:02}.{m:02}.{y}",
    lambda y, m, d: f"{d} {MONTHS[m - 1]} {y}",
    lambda y, m, d: f"{d:02}/{m:02}/{y}",
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(days(), st.sampled_from(FORMATS)), max_size=8))
def test_what_is_told_is_true_and_all_days_without_doubt_are_in_it(
    given_: list[tuple[tuple[int, int, int], object]],
) -> None:
    moments = {str(number): moment for number, (moment, _) in enumerate(given_)}
    written = {str(number): form(*moment) for number, (moment, form) in enumerate(given_)}  # type: ignore[operator]
    groups = in_order(written)
    assert [{moments[name] for name in group} for group in groups] == [{moments[group[0]]} for group in groups]
    firsts = [moments[group[0]] for group in groups]
    assert firsts == sorted(set(firsts))
    if not any("/" in date for date in written.values()):
        assert sum(map(len, groups)) == len(written)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789-/. ,MayJunestthd年月日", max_size=20))
def test_any_text_is_read_or_not_and_never_wrongly(text: str) -> None:
    found = day(text)
    for order in Order:
        assert found is None or period(text, order) in (found, None)


def test_legend_follows_the_instructions_and_leaves_every_other_message_as_it_is() -> None:
    plain, instructed = chat(BIRTHS, "ok"), _with_system("Be brief.")
    for request in (plain, instructed):
        result = sanitized(request)
        first, *rest = result.request.body["messages"]
        assert first["role"] == "system"
        assert first["content"] == (LINE if request is plain else f"Be brief.\n\n{LINE}")
        assert rest[0] == {
            "role": "user",
            "content": "[PERSON_1] was born on [DATE_1], [PERSON_2] was born on [DATE_2].",
        }
        assert len(rest) == len(request.body["messages"]) - (request is instructed)
        assert result.count == 4
    parts = sanitized(_with_system([{"type": "text", "text": "Be brief."}])).request
    assert parts.body["messages"][0]["content"] == [{"type": "text", "text": t} for t in ("Be brief.", LINE)]


def _with_system(content: object) -> ChatRequest:
    messages = [{"role": "system", "content": content}, {"role": "user", "content": BIRTHS}]
    return ChatRequest.parse({"model": "auto", "messages": messages})


def test_legend_is_the_same_for_the_same_conversation_and_counts_as_tokens() -> None:
    request = chat(BIRTHS)
    result = sanitized(request)
    assert result.request == sanitized(request).request
    without = [message for message in result.request.body["messages"] if message["role"] != "system"]
    assert prompt_tokens(result.request) > prompt_tokens(result.request.with_body(messages=without))


def test_legend_tells_no_date_and_no_distance() -> None:
    near, far = chat("born 3 May 1999, born 1999-05-04"), chat("born 3 May 1999, born 2020-01-31")
    assert sanitized(near).request == sanitized(far).request


def test_legend_reaches_every_providers_form() -> None:
    sent = sanitized(_with_system("Be brief.")).request
    assert json.loads(anthropic_body(sent, "m", 10))["system"] == f"Be brief.\n\n{LINE}"
    assert json.loads(anthropic_body(sanitized(chat(BIRTHS)).request, "m", 10))["system"] == LINE
    openai = json.loads(openai_body(sent, "m", 10, OutputLimit.MAX_TOKENS))
    assert openai["messages"][0] == {"role": "system", "content": f"Be brief.\n\n{LINE}"}


def test_without_two_dates_to_compare_nothing_is_added() -> None:
    for text in ("Ada was born on 3 May 1999.", "Grace Hopper", "Was it on 3 May 1999 or 4 May 1999?"):
        assert [m["role"] for m in sanitized(chat(text)).request.body["messages"]] == ["user"]
    strict = sanitized(chat("Was it on 3 May 1999 or 4 May 1999?"), STRICT)
    assert strict.request.body["messages"][0]["content"] == "Order of the dates withheld: [DATE_1] < [DATE_2]"


def test_an_answer_that_uses_the_legend_gets_its_dates() -> None:
    restorer = Restorer(sanitized(chat(BIRTHS)).vault)
    assert restorer.feed("Grace, since [DATE_2] < [DATE_1].") == "Grace, since 1999-02-01 < 3 May 1999."
