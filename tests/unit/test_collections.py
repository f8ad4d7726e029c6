"""Collections: reading, cutting, indexing, finding, forgetting."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from node.collections import documents as documents_module
from node.collections import index as index_module
from node.collections import update as update_module
from node.collections.augment import augment, question
from node.collections.chunks import PASSAGE_CHARACTERS_MAX, chunks
from node.collections.extraction import TEXT_BYTES_MAX, part_of, text_of, unread_reason
from node.collections.folder import open_document
from node.collections.holder import Collections
from node.collections.parts import Part
from node.collections.terms import Indexed, NotRead, Passage, Progressed
from protocol.chat import ChatRequest
from protocol.errors import RequestError, StateError
from protocol.terms import Sensitivity


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    (made / "sub").mkdir(parents=True)
    (made / "lease.md").write_text("# Lease\n\nThe tenant pays rent.\n\n## Deposit\n\nThree months' rent, quokka.\n")
    (made / "sub" / "letter.txt").write_text("Dear Ada,\nthe roof of the boathouse leaks.\n")
    (made / "page.html").write_text("<title>Fees</title><h1>Fees</h1><p>A wombat costs&nbsp;<b>ten</b> euros</p>")
    (made / "tool.py").write_text("def boathouse():\n    return 'numbat'\n")
    return made


@pytest.fixture
def collections(tmp_path: Path) -> Collections:
    return Collections(tmp_path / "collections")


def add(collections: Collections, folder: Path, label: Sensitivity = Sensitivity.CONFIDENTIAL) -> Indexed:
    return collections.add("papers", folder, label, os.urandom)


def find(collections: Collections, words: str) -> list[tuple[str, str]]:
    (notice,) = collections.own()
    return [(passage.file, passage.place) for passage in collections.search(notice.id, words)]


def test_documents_are_found_with_file_and_place(collections: Collections, folder: Path) -> None:
    done = add(collections, folder)
    assert (done.read, done.unchanged, done.removed, dict(done.skipped)) == (4, 0, 0, {})
    assert find(collections, "quokka?") == [("lease.md", "lines 5-7, Deposit")]
    assert find(collections, "How much is a WOMBAT") == [("page.html", "line 1, Fees")]
    assert find(collections, "numbat") == [("tool.py", "lines 1-2")]
    assert {file for file, _ in find(collections, "boathouse")} == {"sub/letter.txt", "tool.py"}
    assert find(collections, "thylacine") == []


def test_best_passage_comes_first_and_scores_fall(collections: Collections, folder: Path) -> None:
    (folder / "much.txt").write_text("boathouse leaks " * 5)
    add(collections, folder)
    (notice,) = collections.own()
    found = collections.search(notice.id, "the boathouse leaks")
    assert found[0].file in ("much.txt", "sub/letter.txt")
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    assert len(collections.search(notice.id, "the boathouse leaks", 1)) == 1


def test_accents_and_capitals_do_not_matter(collections: Collections, folder: Path) -> None:
    (folder / "fr.txt").write_text("La forêt ÉTOILÉE\n")
    add(collections, folder)
    assert find(collections, "foret etoilee") == find(collections, "FORÊT") == [("fr.txt", "line 1")]


def test_only_what_changed_is_read_again(collections: Collections, folder: Path) -> None:
    first = add(collections, folder)
    assert add(collections, folder).unchanged == 4
    (folder / "sub" / "letter.txt").write_text("Dear Ada,\nthe cellar floods.\n")
    (folder / "tool.py").unlink()
    os.utime(folder / "lease.md")
    (folder / "new.txt").write_text("bilby")
    done = add(collections, folder)
    assert (done.read, done.unchanged, done.removed) == (2, 2, 1)
    assert done.notice.id == first.notice.id
    assert done.notice.digest != first.notice.digest
    assert find(collections, "boathouse numbat") == []
    assert find(collections, "cellar bilby") != []
    assert find(collections, "quokka") == [("lease.md", "lines 5-7, Deposit")]


def test_digest_tells_the_documents_and_not_when_they_were_read(tmp_path: Path, folder: Path) -> None:
    one, two = (Collections(tmp_path / name) for name in ("one", "two"))
    assert add(one, folder).notice.digest == add(two, folder).notice.digest
    (folder / "tool.py").rename(folder / "tool2.py")
    assert add(one, folder).notice.digest != add(two, folder.parent / "documents" / "sub").notice.digest


def test_another_folder_of_the_same_name_is_read_anew(collections: Collections, folder: Path, tmp_path: Path) -> None:
    add(collections, folder)
    other = tmp_path / "other"
    other.mkdir()
    (other / "tool.py").write_text("def boathouse():\n    return 'dugong'\n")
    state = (folder / "tool.py").stat()
    os.utime(other / "tool.py", ns=(state.st_mtime_ns, state.st_mtime_ns))
    assert add(collections, other).removed == 3
    assert find(collections, "dugong") == [("tool.py", "lines 1-2")]


def test_label_follows_the_owners_last_word(collections: Collections, folder: Path) -> None:
    assert add(collections, folder).notice.label is Sensitivity.CONFIDENTIAL
    assert add(collections, folder, Sensitivity.RESTRICTED).notice.label is Sensitivity.RESTRICTED
    (held,) = collections.held()
    assert (held.notice.name, held.files, held.passages, held.root) == ("papers", 4, 6, str(folder))


def test_removed_document_leaves_no_trace_in_the_index(collections: Collections, folder: Path, tmp_path: Path) -> None:
    (folder / "secret.txt").write_text("the canary xylophonequartz sings\n" * 100)
    for number in range(50):
        (folder / f"other{number}.txt").write_text(f"something else {number}\n" * 50)
    add(collections, folder)
    stored = tmp_path / "collections"
    assert any(b"xylophonequartz" in path.read_bytes() for path in stored.iterdir())
    (folder / "secret.txt").unlink()
    assert add(collections, folder).removed == 1
    assert not any(b"xylophonequartz" in path.read_bytes() for path in stored.iterdir())
    assert not any(b"xylophone" in path.read_bytes() for path in stored.iterdir())


def test_changed_document_leaves_no_trace_of_what_it_said(
    collections: Collections, folder: Path, tmp_path: Path
) -> None:
    (folder / "tool.py").write_text("xylophonequartz = 1\n")
    add(collections, folder)
    (folder / "tool.py").write_text("nothing = 1\n")
    add(collections, folder)
    assert not any(b"xylophone" in path.read_bytes() for path in (tmp_path / "collections").iterdir())


def test_removed_collection_leaves_no_file(collections: Collections, folder: Path, tmp_path: Path) -> None:
    add(collections, folder)
    (notice,) = collections.own()
    assert collections.remove("papers")
    assert not collections.remove("papers")
    assert list((tmp_path / "collections").iterdir()) == []
    assert (folder / "lease.md").exists()
    with pytest.raises(StateError, match="no such collection"):
        collections.search(notice.id, "rent")


def test_what_cannot_be_read_is_skipped_and_said_why(collections: Collections, folder: Path, tmp_path: Path) -> None:
    (folder / "sheet.xlsx").write_bytes(b"PK")
    (folder / "image.png").write_bytes(b"\x89PNG\0\0")
    (folder / "latin.bin").write_bytes(b"caf\xe9")
    (folder / "empty.txt").touch()
    (folder / ".env").write_text("KEY=canary")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("canary")
    (tmp_path / "outside.txt").write_text("canary")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.txt")
    done = add(collections, folder)
    assert dict(done.skipped) == {
        "of a format that is not read": 1,
        "not text": 2,
        "empty": 1,
    }
    assert done.not_read == (
        NotRead("empty.txt", "empty"),
        NotRead("image.png", "not text"),
        NotRead("latin.bin", "not text"),
        NotRead("sheet.xlsx", "of a format that is not read"),
    )
    assert find(collections, "canary") == []
    again = add(collections, folder)
    assert again.skipped == done.skipped
    assert again.not_read == done.not_read
    assert again.unchanged == 8


def test_index_never_reads_itself(tmp_path: Path) -> None:
    collections = Collections(tmp_path / "held")
    (tmp_path / "a.txt").write_text("quokka")
    assert add(collections, tmp_path).read == 1
    assert add(collections, tmp_path).unchanged == 1


def test_folder_that_is_away_changes_nothing(collections: Collections, folder: Path, tmp_path: Path) -> None:
    add(collections, folder)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="no such folder"):
        add(collections, folder)
    assert find(collections, "quokka") != []


@pytest.mark.parametrize("name", ["", "Papers", "a/b", "a b", "../x", "x" * 65])
def test_name_that_no_model_could_carry_is_refused(collections: Collections, folder: Path, name: str) -> None:
    with pytest.raises(StateError, match="expected small letters"):
        collections.add(name, folder, Sensitivity.PUBLIC, os.urandom)


def test_stopped_indexing_goes_on_where_it_was(
    collections: Collections, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_module, "BATCH_BYTES", 1)
    seen: list[Progressed] = []

    def stop(progressed: Progressed) -> None:
        seen.append(progressed)
        if progressed.files == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collections.add("papers", folder, Sensitivity.PUBLIC, os.urandom, stop)
    assert [(told.files, told.files_total) for told in seen] == [(1, 4), (2, 4), (3, 4)]
    assert 0 < seen[0].bytes < seen[-1].bytes < seen[-1].bytes_total
    done = collections.add("papers", folder, Sensitivity.PUBLIC, os.urandom)
    assert (done.read, done.unchanged) == (1, 3)
    assert len(collections.held()) == 1


def test_index_of_a_newer_version_is_refused(collections: Collections, folder: Path, tmp_path: Path) -> None:
    add(collections, folder)
    (path,) = (tmp_path / "collections").glob("*.db")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(StateError, match="newer IslandRun"):
        collections.held()


def test_collections_are_for_their_owner_alone(collections: Collections, folder: Path, tmp_path: Path) -> None:
    add(collections, folder)
    stored = tmp_path / "collections"
    assert stored.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in stored.iterdir()} == {0o600}
    assert not any("papers" in path.name for path in stored.iterdir())


@pytest.mark.parametrize(
    ("path", "data", "text"),
    [
        ("a.txt", "grün".encode(), "grün"),
        ("a.txt", b"\xef\xbb\xbfx", "x"),
        ("a.txt", "grün".encode("utf-16"), "grün"),
        ("a.txt", "grün".encode("cp1252"), "grün"),
        ("a.py", "grün".encode("cp1252"), None),
        ("a.txt", b"a\0b", None),
        ("Makefile", b"all:", "all:"),
    ],
)
def test_text_is_what_decodes_as_text(path: str, data: bytes, text: str | None) -> None:
    assert text_of(path, data) == text


def test_file_too_long_is_not_opened() -> None:
    assert unread_reason("a.txt", TEXT_BYTES_MAX) is None
    assert unread_reason("a.txt", TEXT_BYTES_MAX + 1) == "too long"
    assert unread_reason("a.pdf", TEXT_BYTES_MAX + 1) is None


def test_html_is_read_as_its_reader_sees_it() -> None:
    text = (
        "<html><head><style>p {}</style><script>var canary;</script></head>\n<body><h2>Our &amp; your</h2>\n"
        "<p>One<br>two <i>three</i></p><ul><li>four<li>five</ul>\n<template>canary</template></h3>&lt;b"
    )
    assert list(part_of("a.html", text).lines) == [
        (2, "Our & your", "Our & your"),
        (3, "Our & your", "One"),
        (3, "Our & your", "two three"),
        (3, "Our & your", "four"),
        (3, "Our & your", "five"),
        (4, "Our & your", "<b"),
    ]


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("a.html", text) for text in ("<a ", "<!--", "</", "<![CDATA[", "<script>", "&#", "<a href='", "<h1>", "&amp")]
    + [("a.md", "# a" + " " * 5_000), ("a.md", "#" * 500 + " "), ("a.md", "```")],
)
def test_hostile_document_takes_time_by_its_length_alone(path: str, pattern: str) -> None:
    started = time.process_time()
    list(chunks([part_of(path, pattern * (1_000_000 // len(pattern)))]))
    assert time.process_time() - started < 5


def test_headings_in_fenced_code_are_none() -> None:
    text = "# One #\n```sh\n# not one\n~~~\n```\n## Two\nx"
    found = [heading for _, heading, _ in part_of("a.md", text).lines]
    assert found == ["One", "One", "One", "One", "One", "Two", "Two"]


def test_overlong_line_is_cut_at_white_space() -> None:
    line = "word " * 1000
    found = list(chunks([Part([(7, "", line)])]))
    assert {place for place, _ in found} == {"line 7"}
    assert all(len(text) <= PASSAGE_CHARACTERS_MAX for _, text in found)
    assert "".join(text for _, text in found) == line


def passage(number: int, size: int = 10) -> Passage:
    return Passage(f"file{number}.txt", "line 1", f"text {number} " + "x" * size, 1.0)


def ask(*messages: dict[str, object]) -> ChatRequest:
    return ChatRequest.parse({"model": "auto@papers", "messages": list(messages)})


def test_passages_go_before_the_question_with_their_sources() -> None:
    request = ask({"role": "system", "content": "s"}, {"role": "user", "content": "What?"})
    before, after = augment(request, [passage(1), passage(2)], 1000).body["messages"]
    assert before == {"role": "system", "content": "s"}
    assert after["content"].endswith("\n\nQuestion: What?")
    assert after["content"].index("Source 1: file1.txt, line 1") < after["content"].index("Source 2: file2.txt, line 1")
    assert request.body["messages"][1]["content"] == "What?"


def test_passages_go_before_a_question_of_parts_too() -> None:
    parts = [{"type": "text", "text": "Look"}, {"type": "text", "text": "there"}]
    request = ask({"role": "user", "content": parts}, {"role": "assistant", "content": "a"})
    assert question(request) == "Look\nthere"
    (message, _) = augment(request, [passage(1)], 1000).body["messages"]
    assert message["content"][1:] == parts
    assert "file1.txt" in message["content"][0]["text"]


def test_passages_keep_to_the_budget_of_tokens_best_first() -> None:
    request = ask({"role": "user", "content": "What?"})
    whole = augment(request, [passage(1, 600), passage(2, 600)], 700).body["messages"][0]["content"]
    assert "file2.txt" in whole
    short = augment(request, [passage(1, 600), passage(2, 600)], 300).body["messages"][0]["content"]
    assert "file1.txt" in short
    assert "file2.txt" not in short
    assert len(short) <= 300 * 3 + len("\n\nQuestion: What?")
    assert augment(request, [passage(1, 600)], 50) is request
    assert augment(request, [], 1000) is request


def test_request_without_a_question_is_refused() -> None:
    request = ask({"role": "system", "content": "s"})
    assert question(request) == ""
    with pytest.raises(RequestError, match="a message of the user"):
        augment(request, [passage(1)], 1000)


def test_what_another_process_changes_is_seen_at_once(collections: Collections, folder: Path, tmp_path: Path) -> None:
    add(collections, folder)
    first = collections.own()
    other = Collections(tmp_path / "collections")
    (folder / "new.txt").write_text("bilby")
    done = add(other, folder, Sensitivity.PUBLIC)
    assert collections.own() == (done.notice,) != first
    other.remove("papers")
    assert collections.own() == ()


def test_damaged_collection_is_left_out_and_hides_no_other(
    collections: Collections, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(collections, folder)
    (tmp_path / "collections" / f"{'0' * 32}.db").write_bytes(b"something else " * 1000)
    again = Collections(tmp_path / "collections")
    assert [notice.name for notice in again.own()] == ["papers"]
    assert add(again, folder).unchanged == 4
    assert len([record for record in caplog.records if record.message == "collection_unreadable"]) == 1
    with pytest.raises(StateError, match="not a database"):
        again.held()


def test_words_that_a_reader_holds_back_are_gone_with_the_next_update(
    collections: Collections, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "secret.txt").write_text("the canary xylophonequartz sings\n" * 50)
    add(collections, folder)
    stored = tmp_path / "collections"
    (path,) = stored.glob("*.db")
    monkeypatch.setattr(index_module, "BUSY_SECONDS_MAX", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM files").fetchall()
        (folder / "secret.txt").unlink()
        assert add(collections, folder).removed == 1
        assert find(collections, "xylophonequartz") == []
        reader.execute("COMMIT")
        assert add(collections, folder).removed == 0
        assert {path.name for path in stored.iterdir()} > {path.name}  # the log is there, and was looked at
        assert not any(b"xylophone" in path.read_bytes() for path in stored.iterdir())


def test_no_link_put_on_the_way_to_a_document_leads_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    found = open_document(folder, "sub/letter.txt")
    assert found is not None
    os.close(found)
    (folder / "sub").rename(tmp_path / "elsewhere")
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    assert (folder / "sub" / "letter.txt").exists()
    assert open_document(folder, "sub/letter.txt") is None
    (folder / "alias.txt").symlink_to(tmp_path / "elsewhere" / "letter.txt")
    assert open_document(folder, "alias.txt") is None


def test_folder_that_cannot_be_listed_is_named_and_nothing_of_it_is_forgotten(
    collections: Collections, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(collections, folder)
    real = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refused)
    (folder / "tool.py").unlink()
    done = add(collections, folder)
    assert (done.removed, done.not_read) == (1, (NotRead("sub/", "cannot be opened"),))
    assert find(collections, "boathouse") == [("sub/letter.txt", "lines 1-2")]


def test_document_that_could_not_be_opened_is_tried_again_though_its_time_is_the_same(
    collections: Collections, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents_module, "open_document", lambda root, path: None)
    assert len(add(collections, folder).not_read) == 4
    monkeypatch.undo()
    assert (add(collections, folder).read, find(collections, "quokka")) == (4, [("lease.md", "lines 5-7, Deposit")])


def test_what_an_older_version_could_not_read_is_tried_again(
    collections: Collections, folder: Path, tmp_path: Path
) -> None:
    add(collections, folder)
    (path,) = (tmp_path / "collections").glob("*.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM about WHERE name = 'readers'")
        connection.execute("UPDATE files SET skipped = 'PDF is not read yet' WHERE path = 'tool.py'")
    assert add(collections, folder).read == 1


def test_collection_that_is_being_read_is_neither_removed_nor_read_twice(
    collections: Collections, folder: Path
) -> None:
    seen: list[str] = []

    def at_once(_: Progressed) -> None:
        for call in (lambda: collections.remove("papers"), lambda: add(collections, folder)):
            with pytest.raises(StateError, match="being read"):
                call()
            seen.append("refused")

    collections.add("papers", folder, Sensitivity.PUBLIC, os.urandom, at_once)
    assert seen
    assert find(collections, "quokka") != []


def test_unfinished_collection_of_a_killed_node_is_none_and_makes_room(
    collections: Collections, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "collections").mkdir()
    (tmp_path / "collections" / "unfinished").write_bytes(b"half a file")
    assert collections.held() == ()
    assert add(collections, folder).read == 4
    assert not (tmp_path / "collections" / "unfinished").exists()


def test_commonest_word_is_scored_no_further_than_the_promise_allows(
    collections: Collections, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        (folder / f"common{number}.txt").write_text("everywhere")
    add(collections, folder)
    monkeypatch.setattr(index_module, "POSTINGS_MAX", 3)
    (notice,) = collections.own()
    assert len(collections.search(notice.id, "everywhere", 50)) == 3
