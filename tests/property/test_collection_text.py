"""Hostile questions find something or nothing; no document loses text on its way into passages."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from node.collections.chunks import PASSAGE_CHARACTERS_MAX, chunks
from node.collections.extraction import part_of, text_of
from node.collections.holder import Collections
from node.collections.query import match_query, words_of
from node.collections.terms import CollectionId
from protocol.terms import Sensitivity

Held = tuple[Collections, CollectionId]
_SYNTAX = st.sampled_from(
    [
        *('"', "'", "*", "(", ")", "AND", "OR", "NOT", "NEAR(", "^", ":", "+", "-", "{text}", "text:"),
        *("\0", ";", "--", "quokka", "\ud800", "\u202e", "passages"),
    ]
)


@pytest.fixture(scope="module")
def held() -> Iterator[Held]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "documents"
        folder.mkdir()
        (folder / "a.txt").write_text("the quokka and the near or not text\n")
        collections = Collections(Path(name) / "held")
        done = collections.add("papers", folder, Sensitivity.PUBLIC, os.urandom)
        yield collections, done.notice.id


@settings(max_examples=200, deadline=None)
@given(question=st.one_of(st.text(max_size=200), st.lists(_SYNTAX, max_size=10).map(" ".join)))
@example(question='quokka" OR passages MATCH "x')
@example(question="near NOT quokka " * 500)
def test_no_question_breaks_the_search(held: Held, question: str) -> None:
    collections, collection = held
    found = collections.search(collection, question)
    expected = set(words_of(question)) & {"the", "quokka", "and", "near", "or", "not", "text"}
    assert bool(found) == bool(expected)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_query_is_made_of_quoted_words_alone(question: str) -> None:
    query = match_query(question, lambda _: 1)
    terms = [] if query is None else query.split(" OR ")
    assert all(term[0] == term[-1] == '"' and term[1:-1].isalnum() for term in terms)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "é", " ", "\n", "\n\n", "# h\n", "```\n", "word " * 50, "x" * 3000]), max_size=30)
)
def test_no_text_is_lost_between_document_and_passages(pieces: list[str]) -> None:
    text = "".join(pieces)
    for path in ("a.txt", "a.md"):
        found = list(chunks([part_of(path, text)]))
        assert all(0 < len(chunk) <= PASSAGE_CHARACTERS_MAX + 1 for _, chunk in found)
        assert "".join("".join(chunk for _, chunk in found).split()) == "".join(text.split())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.html", "a.md", "a.txt", "a.py", "a"]))
@example(b"<![CDATA[<!DOCTYPE <a <", "a.html")
@example(b"<!" + b"[if " * 30, "a.html")
def test_any_file_becomes_passages_or_is_skipped(data: bytes, path: str) -> None:
    text = text_of(path, data)
    for place, passage in chunks([part_of(path, text or "")]):
        assert place.startswith("line")
        assert passage.strip()


_WORDS = ["quokka", "numbat", "bilby"]
_CHANGES = st.lists(
    st.tuples(st.sampled_from(["a.txt", "b.md", "c/d.html"]), st.lists(st.sampled_from(_WORDS), max_size=3)), max_size=8
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_CHANGES, min_size=1, max_size=4))
def test_index_says_what_the_folder_holds_after_any_changes(rounds: list[list[tuple[str, list[str]]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "documents"
        (folder / "c").mkdir(parents=True)
        collections = Collections(Path(name) / "held")
        for changes in rounds:
            for path, words in changes:
                if words:
                    (folder / path).write_text(" ".join(words))
                else:
                    (folder / path).unlink(missing_ok=True)
            done = collections.add("papers", folder, Sensitivity.PUBLIC, os.urandom)
            for word in _WORDS:
                here = {
                    path.relative_to(folder).as_posix()
                    for path in folder.rglob("*.*")
                    if path.is_file() and word in path.read_text()
                }
                assert {found.file for found in collections.search(done.notice.id, word)} == here
        (stored,) = (Path(name) / "held").glob("*.db")
        connection = sqlite3.connect(stored)
        connection.execute("INSERT INTO passages (passages) VALUES ('integrity-check')")
        connection.close()
