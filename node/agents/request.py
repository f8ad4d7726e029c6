"""What a decision knows of a request: facts, and no text of it. Source: specs/09-decision.md, "The request"."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np

from node.agents.columns import Mask
from node.agents.hours import WEEK_MINUTES
from node.agents.index import NO_ROWS, Rows
from node.agents.table import ANSWERS_MAX, TOKENS_MAX, OfferTable
from protocol.errors import RequestError
from protocol.terms import NanoUsd, Sensitivity, Tier

OUTPUT_TOKENS_EXPECTED = 256  # what a chat's answer is reckoned at, where its limit allows more
SEED_BYTES_MAX = 64
SELECTOR_CHARACTERS_MAX = 256
MAX_COST_NANO_USD_MAX = 10**18


class Selection(StrEnum):
    """What the `model` of a request asks for."""

    AUTO = "auto"
    COLLECTION = "collection"  # auto@COLLECTION
    NAMED = "named"  # MODEL
    PINNED = "pinned"  # ISLAND/MODEL


@dataclass(frozen=True, slots=True)
class ModelSelector:
    """The `model` of a request, read. `text` is the collection's or the model's name; empty for `auto`."""

    kind: Selection
    text: str = ""
    island: str = ""  # of a pin

    @classmethod
    def parse(cls, model: str, islands: Collection[str]) -> Self:
        """`islands`: the names of those that the asker knows. One of them before the first slash makes a pin.

        Names of models hold slashes themselves, and a member may call its model what it likes: only who has the name
        of an island answers for it. Raises RequestError for an empty or overlong name and for `auto@` that names
        nothing.
        """
        if not 0 < len(model) <= SELECTOR_CHARACTERS_MAX:
            raise RequestError("model", f"expected 1 to {SELECTOR_CHARACTERS_MAX} characters")
        if model == "auto":
            return cls(Selection.AUTO)
        if model.startswith("auto@"):
            if model == "auto@":
                raise RequestError("model", "expected the name of a collection after auto@")
            return cls(Selection.COLLECTION, model.removeprefix("auto@"))
        island, slash, name = model.partition("/")
        if slash and island in islands:
            return cls(Selection.PINNED, name, island)
        return cls(Selection.NAMED, model)

    @property
    def names_model(self) -> bool:
        """Whether the client, and not this node, chose the model."""
        return self.kind in (Selection.NAMED, Selection.PINNED)

    def __str__(self) -> str:
        return f"{self.island}/{self.text}" if self.kind is Selection.PINNED else self.text

    def matches(self, table: OfferTable) -> Mask:
        if not self.names_model:
            return np.ones(len(table), dtype=np.bool_)
        rows = table.index.of_model(self.text)
        if self.kind is Selection.PINNED:
            rows = np.intersect1d(rows, table.index.of_island(self.island))
        found = np.zeros(len(table), dtype=np.bool_)
        found[rows] = True
        return found


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """One request as the agents see it.

    `sensitivity_after` is what would remain after sanitising, None where that cannot be told. `names_known` is False
    while the name models have not read the text: then only an offer that is cleared for everything may take it.
    `max_output_tokens` is always bounded before it gets here.
    """

    sensitivity: Sensitivity
    sensitivity_after: Sensitivity | None
    selector: ModelSelector
    prompt_tokens: int
    max_output_tokens: int
    answers: int = 1  # choices asked for at once: each is billed
    names_known: bool = True
    collection_beside: bool = False  # the request names one beside its model
    collection: bytes | None = None  # the random id of the collection that is named, as far as it is known
    label: Sensitivity | None = None  # of that collection
    carried: bool = False  # passages of that collection are in the request: nobody has to hold it any more
    needs_tools: bool = False
    max_tier: Tier = Tier.CLOUD
    max_cost: NanoUsd | None = None  # for the whole answer
    unpaid_only: bool = False  # after an ambiguous paid attempt
    excluded: frozenset[str] = frozenset()  # offers, by name, that were tried already
    seed: bytes = b""
    previous_island: str = ""  # who answered this conversation last: an island's id, a provider's name
    previous_model: str = ""  # and with which model; "" where only the island is known
    previous_tokens: int = 0  # so many of the prompt's first tokens that model has read before
    need: float = 1.0  # quality that the request needs, 0 to 1, as far as its shape tells
    local_minute: int | None = None  # of the owner's week, from Monday 00:00; None: rules with hours refuse
    embeds: bool = False  # vectors are asked for, and no answer
    longest_input_tokens: int = 0  # of the texts that vectors are asked for, each of which stands alone

    def __post_init__(self) -> None:
        """Raises RequestError that names the field."""
        for field in ("prompt_tokens", "max_output_tokens", "longest_input_tokens", "previous_tokens"):
            if not 0 <= getattr(self, field) <= TOKENS_MAX:
                raise RequestError(field, f"expected 0 to {TOKENS_MAX}")
        if not 1 <= self.answers <= ANSWERS_MAX:
            raise RequestError("answers", f"expected 1 to {ANSWERS_MAX}")
        if self.max_cost is not None and not 0 <= self.max_cost <= MAX_COST_NANO_USD_MAX:
            raise RequestError("max_cost", f"expected 0 to {MAX_COST_NANO_USD_MAX} nano-USD")
        if not 0 <= self.need <= 1:
            raise RequestError("need", "expected 0 to 1")
        if self.local_minute is not None and not 0 <= self.local_minute < WEEK_MINUTES:
            raise RequestError("local_minute", f"expected 0 to {WEEK_MINUTES - 1}")
        if len(self.seed) > SEED_BYTES_MAX:
            raise RequestError("seed", f"expected at most {SEED_BYTES_MAX} bytes")

    @property
    def level(self) -> Sensitivity:
        """Retrieved text raises the request to its collection's label; an unknown label is the highest."""
        return max(self.sensitivity, self._raised())

    @property
    def level_after(self) -> Sensitivity | None:
        """None where vectors are asked for: one of sanitised text cannot be restored, and leaks what it was made of."""
        if self.embeds or self.sensitivity_after is None:
            return None
        return max(self.sensitivity_after, self._raised())

    @property
    def names_collection(self) -> bool:
        """Whether it is to be answered from a collection, known or not."""
        return self.selector.kind is Selection.COLLECTION or self.collection_beside

    def _raised(self) -> Sensitivity:
        if not self.names_collection:
            return Sensitivity.PUBLIC
        return Sensitivity.RESTRICTED if self.label is None else self.label

    def answered_before(self, table: OfferTable) -> Rows:
        """The offers of whoever answered this conversation last: of that model, where one is known."""
        rows = table.index.of_answerer(self.previous_island) if self.previous_island else NO_ROWS
        if not self.previous_model or not len(rows):
            return rows
        return np.array([row for row in rows.tolist() if table.rows[row].model == self.previous_model], dtype=np.intp)

    @property
    def context_tokens(self) -> int:
        """What must fit at once."""
        return self.longest_input_tokens if self.embeds else self.prompt_tokens + self.max_output_tokens

    @property
    def output_tokens_expected(self) -> int:
        return min(self.max_output_tokens, OUTPUT_TOKENS_EXPECTED)
