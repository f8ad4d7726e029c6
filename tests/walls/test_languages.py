"""Design, section 2: `start` asks once for a language to accept, proposing the system's locale."""

import builtins
import locale
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli import start
from node.store import records
from node.store.database import Store
from protocol.errors import ConfigError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "island.db") as made:
        yield made


class Terminal:
    """Somebody who answers, or nobody."""

    def __init__(self, patch: pytest.MonkeyPatch, answer: str, *, there: bool = True, speaks: str = "de_DE") -> None:
        self.asked: list[str] = []

        def hears(prompt: str) -> str:
            self.asked.append(prompt)
            return answer

        patch.setattr(builtins, "input", hears)
        patch.setattr(sys.stdin, "isatty", lambda: there, raising=False)
        patch.setattr(locale, "getlocale", lambda *_: (speaks, "UTF-8"))


def test_start_asks_once_proposing_the_systems_locale(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, "")
    assert start._languages(store, None, quiet=False) == {"de"}
    assert len(terminal.asked) == 1
    assert "two letters or none [de]" in terminal.asked[0]
    assert start._languages(store, None, quiet=False) == {"de"}
    assert len(terminal.asked) == 1
    assert store.peek(records.accepted_languages) == {"de"}


def test_a_no_is_kept_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, "none", speaks="de_DE")
    assert start._languages(store, None, quiet=False) == frozenset()
    assert start._languages(store, None, quiet=False) == frozenset()
    assert len(terminal.asked) == 1


def test_english_is_not_proposed_since_it_is_covered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, "", speaks="en_US")
    assert start._languages(store, None, quiet=False) == frozenset()
    assert "[" not in terminal.asked[0]


@pytest.mark.parametrize("quiet", [True, False])
def test_where_nobody_can_answer_nothing_is_accepted(
    store: Store, monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    terminal = Terminal(monkeypatch, "de", there=quiet)
    assert start._languages(store, None, quiet=quiet) == frozenset()
    assert terminal.asked == []


def test_a_language_accepted_by_name_adds_to_those_before(store: Store) -> None:
    assert start._languages(store, "de", quiet=True) == {"de"}
    assert start._languages(store, "fr", quiet=True) == {"de", "fr"}
    with pytest.raises(ConfigError, match="two letters"):
        start._languages(store, "deutsch", quiet=True)
