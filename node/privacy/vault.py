"""The map from token to value, of one conversation. It never leaves this node and is never logged.

One value has one number; another spelling of it (identity.py) has the same number and a letter, so that what comes back
is what was written. Numbers are given by first appearance, so that equal histories number equally.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from node.privacy.findings import FindingType
from node.privacy.identity import Identities, identities
from protocol.errors import PlaceholderError
from protocol.placeholders import NUMBER_MAX, SPELLING_MAX, Placeholder


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """What one token stands for. Its representation hides the value."""

    placeholder: Placeholder
    value: str
    type: FindingType

    def __repr__(self) -> str:
        return f"Entry({self.placeholder})"


class Vault:
    """Filled by the sanitiser, read by the restorer."""

    def __init__(self) -> None:
        self._entries: dict[Placeholder, Entry] = {}
        self._by_value: dict[tuple[str, str], Placeholder] = {}  # (token type, value as written)
        self._identities: dict[str, Identities] = {}  # of each token type
        self._spellings: dict[tuple[str, int], int] = {}
        self._last: dict[str, int] = {}
        self._reserved: set[tuple[str, int]] = set()

    @classmethod
    def continued(cls, entries: Iterable[Entry]) -> "Vault":
        """A vault of these entries, in the order in which they were numbered: it numbers on behind them.

        Raises PlaceholderError where two of them have one token.
        """
        vault = cls()
        for entry in entries:
            vault._take(entry)
        return vault

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """In the order of first appearance."""
        return iter(self._entries.values())

    def __repr__(self) -> str:
        return f"Vault({len(self)} values)"

    def get(self, placeholder: Placeholder) -> Entry | None:
        return self._entries.get(placeholder)

    def reserve(self, placeholder: Placeholder) -> bool:
        """Keeps a lookalike's number from being given out. False when it was given out already."""
        if (placeholder.type, placeholder.number) in self._spellings:
            return False
        self._reserved.add((placeholder.type, placeholder.number))
        return True

    def put(self, type_: FindingType, value: str) -> Placeholder:
        """The token of `value`. Raises PlaceholderError when the conversation has run out of numbers."""
        token_type = type_.trait.token
        known = self._by_value.get((token_type, value))
        if known is not None:
            return known
        number = self._number(token_type, value)
        spelling = self._spellings.get((token_type, number), -1) + 1
        if spelling > SPELLING_MAX:
            number, spelling = self._new_number(token_type), 0
        self._spellings[token_type, number] = spelling
        placeholder = Placeholder(token_type, number, spelling)
        self._entries[placeholder] = Entry(placeholder, value, type_)
        self._by_value[token_type, value] = placeholder
        return placeholder

    def _take(self, entry: Entry) -> None:
        """Everything as `put` left it when it gave this token out."""
        placeholder, value = entry.placeholder, entry.value
        token_type, number = placeholder.type, placeholder.number
        if placeholder in self._entries:
            raise PlaceholderError("a token given out twice")
        self._entries[placeholder] = entry
        self._by_value.setdefault((token_type, value), placeholder)
        self._spellings[token_type, number] = max(self._spellings.get((token_type, number), 0), placeholder.spelling)
        self._last[token_type] = max(self._last.get(token_type, 0), number)
        self._of_type(token_type).learn(number, value)

    def _number(self, token_type: str, value: str) -> int:
        known = self._of_type(token_type)
        number = known.find(value)
        if number is None:
            number = self._new_number(token_type)
        known.learn(number, value)
        return number

    def _of_type(self, token_type: str) -> Identities:
        known = self._identities.get(token_type)
        if known is None:
            known = self._identities[token_type] = identities(token_type)
        return known

    def _new_number(self, token_type: str) -> int:
        number = self._last.get(token_type, 0) + 1
        while (token_type, number) in self._reserved:
            number += 1
        if number > NUMBER_MAX:
            raise PlaceholderError(f"more than {NUMBER_MAX} values of one type")
        self._last[token_type] = number
        return number
