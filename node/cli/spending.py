"""What was spent today and this month, by provider, beside the caps: the head of `ledger show`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.cli.printing import show_table
from node.configuration.values import CapsConfig
from node.store import budget
from node.store.budget import Spending
from node.store.database import Store
from protocol.terms import NANO_USD_PER_USD, NanoUsd

ALL = "all"


@dataclass(frozen=True, slots=True)
class Line:
    """One period at one provider, or at all."""

    period: str  # day | month
    provider: str
    booked: NanoUsd
    leased_out: NanoUsd
    leased_here: NanoUsd
    cap: NanoUsd | None  # of this device's configuration; None: none is set

    def to_json(self) -> Mapping[str, Any]:
        return {
            "period": self.period,
            "provider": self.provider,
            "spent_nano_usd": self.booked,
            "leased_out_nano_usd": self.leased_out,
            "leased_here_nano_usd": self.leased_here,
            "cap_nano_usd": self.cap,
        }


def spending(store: Store, caps: CapsConfig, today: int) -> tuple[Line, ...]:
    """Of the UTC day and its month: all of it first, then each provider that was paid, leased for, or is capped."""
    month = budget.month_of(today)
    days = store.peek(lambda connection: budget.spending(connection, today, today))
    months = store.peek(lambda connection: budget.spending(connection, *month))
    return (*_lines("day", days, caps), *_lines("month", months, caps))


def show(lines: Sequence[Line]) -> None:
    """A table, where there is anything to tell."""
    if any(line.booked or line.leased_out or line.leased_here or line.cap is not None for line in lines):
        columns = ("period", "provider", "spent usd", "cap usd", "leased out usd", "leased here usd")
        show_table(columns, [_row(line) for line in lines])
        print()


def _lines(period: str, found: Sequence[Spending], caps: CapsConfig) -> Iterator[Line]:
    by_name = {one.provider: one for one in found}
    nothing = NanoUsd(0)
    booked = NanoUsd(sum(one.booked for one in found))
    out, here = NanoUsd(sum(one.leased_out for one in found)), NanoUsd(sum(one.leased_here for one in found))
    yield Line(period, ALL, booked, out, here, caps.day if period == "day" else caps.month)
    for name in sorted({*by_name, *caps.providers}):
        one = by_name.get(name, Spending(name, nothing, nothing, nothing))
        own = caps.providers.get(name)
        cap = None if own is None else own.day if period == "day" else own.month
        yield Line(period, name, one.booked, one.leased_out, one.leased_here, cap)


def _row(line: Line) -> tuple[object, ...]:
    return (line.period, line.provider, *map(_usd, (line.booked, line.cap, line.leased_out, line.leased_here)))


def _usd(amount: NanoUsd | None) -> str | None:
    return None if amount is None else f"{amount / NANO_USD_PER_USD:.6f}"
