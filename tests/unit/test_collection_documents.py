"""PDF, DOCX and e-mail: read with the place that an answer cites; hostile ones are named and stop nothing."""

import io
import os
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from node.collections import reader as reader_module
from node.collections.chunks import chunks
from node.collections.docx import DEPTH_MAX, XML_BYTES_MAX, docx_parts
from node.collections.extraction import Format
from node.collections.holder import Collections
from node.collections.mail import mailbox_parts, message_parts
from node.collections.parts import Unread
from node.collections.pdf import pdf_parts
from node.collections.reader import DocumentReader
from protocol.errors import DocumentError
from protocol.terms import Sensitivity
from tests.documents import docx, paragraph, pdf, styles

Found = list[tuple[str, str]]


def read_pdf(data: bytes) -> Found:
    return list(chunks(pdf_parts(io.BytesIO(data))))


def read_docx(data: bytes) -> Found:
    return list(chunks(docx_parts(io.BytesIO(data))))


def refusal(data: bytes) -> str:
    with pytest.raises(DocumentError) as caught:
        read_docx(data)
    return caught.value.why


def encrypted(data: bytes, password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(password, "owner", algorithm="AES-256")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def letter(subject: str = "The roof", text: str = "The roof leaks.\n") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "ada@example.org", "grace@example.org", subject
    made["Date"] = "Mon, 2 Mar 2026 10:00:00 +0000"
    made.set_content(text)
    return made


def mailbox(*messages: EmailMessage) -> bytes:
    return b"".join(b"From ada@example.org Mon Mar  2 10:00:00 2026\n" + bytes(one) + b"\n" for one in messages)


# PDF


def test_pdf_is_found_with_its_page() -> None:
    assert read_pdf(pdf(["The tenant pays\nrent.", "", "The deposit is due."])) == [
        ("page 1", "The tenant pays\nrent."),
        ("page 3", "The deposit is due."),
    ]


def test_pdf_that_only_forbids_printing_is_read_and_one_with_a_password_is_not() -> None:
    assert read_pdf(encrypted(pdf(["quokka"]), "")) == [("page 1", "quokka")]
    with pytest.raises(DocumentError, match="encrypted"):
        read_pdf(encrypted(pdf(["quokka"]), "secret"))


# DOCX


def test_docx_is_found_with_paragraph_and_heading() -> None:
    body = (
        paragraph("Lease", "berschrift1")
        + paragraph("The tenant &amp; the landlord.")
        + paragraph("  ")
        + paragraph("Deposit", "berschrift1")
        + "<w:p><w:r><w:t>Three</w:t><w:tab/><w:t>months</w:t><w:br/><w:t>rent.</w:t></w:r></w:p>"
    )
    assert read_docx(docx(body, members={"word/styles.xml": styles({"berschrift1": "heading 1"})})) == [
        ("paragraphs 1-2, Lease", "Lease\nThe tenant & the landlord."),
        ("paragraphs 3-4, Deposit", "Deposit\nThree\tmonths rent."),
    ]


def test_docx_shows_what_its_reader_sees() -> None:
    inner = f"<w:txbxContent>{paragraph('in a box')}</w:txbxContent>"
    box = f"<w:p><w:r><w:t>before </w:t>{inner}<w:t>after</w:t></w:r></w:p>"
    gone = (
        "<w:p><w:del><w:r><w:delText>canary</w:delText></w:r></w:del><w:r><w:instrText>canary</w:instrText></w:r></w:p>"
    )
    twice = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<mc:Choice>{paragraph('once')}</mc:Choice><mc:Fallback>{paragraph('canary')}</mc:Fallback></mc:AlternateContent>"
    )
    (found,) = read_docx(docx(box + gone + twice))
    assert found == ("paragraphs 1-3", "in a box\nbefore after\nonce")


def test_notes_and_headers_of_a_docx_come_after_its_text() -> None:
    note = '<w:n xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main">' + paragraph("a note") + "</w:n>"
    found = read_docx(docx(paragraph("text"), members={"word/footnotes.xml": note.encode(), "word/media/x.xml": b"<"}))
    assert found == [("paragraph 1", "text"), ("footnotes, paragraph 1", "a note")]


def test_docx_with_entities_is_refused_before_one_is_read() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    assert refusal(docx(paragraph("&b;"), before=bomb)) == Unread.DAMAGED
    outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    assert refusal(docx(paragraph("&a;"), before=outside)) == Unread.DAMAGED


def test_docx_that_unpacks_to_more_than_is_read_is_refused() -> None:
    assert refusal(docx(" " * (XML_BYTES_MAX + 1))) == Unread.TOO_MUCH_TEXT


def test_docx_nested_too_deeply_is_refused() -> None:
    deep = (DEPTH_MAX - 4) * "<w:sdt>", (DEPTH_MAX - 4) * "</w:sdt>"
    assert read_docx(docx(deep[0] + "<w:p><w:t>x</w:t></w:p>" + deep[1])) == [("paragraph 1", "x")]
    assert refusal(docx(3 * deep[0] + paragraph("x") + 3 * deep[1])) == Unread.TOO_DEEP


def test_docx_with_a_password_is_named_so() -> None:
    assert refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)) == Unread.ENCRYPTED


# E-mail


def test_message_is_found_with_its_part_and_subject() -> None:
    message = letter()
    message.add_attachment(pdf(["The lease ends."]), maintype="application", subtype="pdf", filename="lease.pdf")
    message.add_attachment(docx(paragraph("Keys")), maintype="application", subtype="octet-stream", filename="k.docx")
    message.add_attachment("# Costs\n\nTen euros\n", subtype="markdown", filename="costs.md")
    headers = "From: ada@example.org\nTo: grace@example.org\nDate: Mon, 02 Mar 2026 10:00:00 +0000\nSubject: The roof"
    assert list(chunks(message_parts(io.BytesIO(bytes(message))))) == [
        ("headers, lines 1-4, The roof", headers),
        ("part 1, line 1, The roof", "The roof leaks."),
        ("part 2, lease.pdf, page 1, The roof", "The lease ends."),
        ("part 3, k.docx, paragraph 1, The roof", "Keys"),
        ("part 4, costs.md, lines 1-3, Costs", "# Costs\n\nTen euros"),
    ]


def test_message_names_what_nobody_could_read_of_it() -> None:
    message = letter()
    message.add_attachment(b"\x89PNG\0", maintype="image", subtype="png", filename="roof.png")
    message.add_attachment(b"nothing", maintype="application", subtype="pdf", filename="../torn.pdf")
    message.add_attachment(b"\x50\x4b", maintype="application", subtype="zip", filename="all.xlsx")
    (_, headers), *rest = chunks(message_parts(io.BytesIO(bytes(message))))
    assert "Attached, not read (not text): roof.png" in headers
    assert "Attached, not read (damaged, or not what its name says): torn.pdf" in headers
    assert "Attached, not read (of a format that is not read): all.xlsx" in headers
    assert [text for _, text in rest] == ["The roof leaks."]


def test_of_a_message_that_says_the_same_twice_the_plain_text_is_read() -> None:
    message = letter()
    message.add_alternative("<p>The roof <b>leaks</b></p>", subtype="html")
    assert [text for _, text in chunks(message_parts(io.BytesIO(bytes(message))))][1:] == ["The roof leaks."]
    only = EmailMessage()
    only.set_content("<h1>Roof</h1><p>It leaks &amp; drips</p>", subtype="html")
    assert list(chunks(message_parts(io.BytesIO(bytes(only)))))[-1] == (
        "part 1, line 1, Roof",
        "Roof\nIt leaks & drips",
    )


def test_mailbox_is_found_with_message_and_part() -> None:
    data = mailbox(letter(), letter("Grüße", "From here\n>From there\nto there\n"))
    found = [place for place, _ in chunks(mailbox_parts(io.BytesIO(data)))]
    assert found == [
        "message 1, headers, lines 1-4, The roof",
        "message 1, part 1, line 1, The roof",
        "message 2, headers, lines 1-4, Grüße",
        "message 2, part 1, lines 1-3, Grüße",
    ]


def test_message_forwarded_as_a_whole_is_read_with_its_own_headers() -> None:
    outer = letter("Fwd", "See below.\n")
    outer.add_attachment(letter("Inner", "The cellar floods.\n"))
    texts = [text for _, text in chunks(message_parts(io.BytesIO(bytes(outer))))]
    assert "Subject: Inner" in texts[2]
    assert texts[3] == "The cellar floods."


def test_a_message_nobody_can_read_hides_no_other_of_its_mailbox() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000))
    data = b"From x Mon Mar  2 10:00:00 2026\n" + deep + b"\n\n" + mailbox(letter())
    found = list(chunks(mailbox_parts(io.BytesIO(data))))
    assert found[0][0] == "message 1, line 1"
    assert found[0][1].startswith("Message not read (")
    assert found[-1] == ("message 2, part 1, line 1, The roof", "The roof leaks.")


@pytest.mark.parametrize("data", [b"no mailbox\nat all\n", b"\0\xff" * 50])
def test_what_only_ends_like_a_mailbox_is_none(data: bytes) -> None:
    with pytest.raises(DocumentError, match="damaged"):
        list(chunks(mailbox_parts(io.BytesIO(data))))


def test_hostile_headers_come_to_nothing_worse_than_their_text() -> None:
    message = (
        b"Subject: =?nonsense?b?AAAA?= =?utf-8?b?!!!?=\nFrom: =?utf-8?q?=FF?=\n"
        b"Content-Type: text/plain; charset=rot13\n\nx"
    )
    found = list(chunks(message_parts(io.BytesIO(message))))
    assert found[-1][1] == "x"
    control = b"Subject: a\x1b[31m\x00b\n\nx"
    assert all(place.isprintable() for place, _ in chunks(message_parts(io.BytesIO(control))))


# The process that reads them


@pytest.fixture
def reader() -> Iterator[DocumentReader]:
    with DocumentReader() as made:
        yield made


def ask(reader: DocumentReader, form: Format, data: bytes, place: Path) -> Found | str:
    (place / "document").write_bytes(data)
    descriptor = os.open(place / "document", os.O_RDONLY)
    try:
        return reader.passages(form, descriptor, lambda: None)
    except DocumentError as error:
        return error.why
    finally:
        os.close(descriptor)


def test_process_reads_every_format_and_lives_through_what_is_merely_unread(
    reader: DocumentReader, tmp_path: Path
) -> None:
    assert ask(reader, Format.PDF, pdf(["quokka"]), tmp_path) == [("page 1", "quokka")]
    assert ask(reader, Format.DOCX, docx(paragraph("bilby")), tmp_path) == [("paragraph 1", "bilby")]
    assert ask(reader, Format.PDF, pdf(["", ""]), tmp_path) == Unread.NO_TEXT
    assert ask(reader, Format.PDF, encrypted(pdf(["quokka"]), "secret"), tmp_path) == Unread.ENCRYPTED
    assert ask(reader, Format.PDF, b"%PDF-1.7 torn", tmp_path) == Unread.DAMAGED
    assert ask(reader, Format.DOCX, b"PK\3\4 torn", tmp_path) == Unread.DAMAGED
    assert ask(reader, Format.MAILBOX, mailbox(letter()), tmp_path)[-1][1] == "The roof leaks."


def test_long_document_comes_whole(reader: DocumentReader, tmp_path: Path) -> None:
    message = letter(text="".join(f"line {number} of a long letter\n" for number in range(60_000)))
    found = ask(reader, Format.MESSAGE, bytes(message), tmp_path)
    assert isinstance(found, list)
    assert "".join(text for _, text in found[1:]).count("of a long letter") == 60_000


def test_halves_of_characters_and_zeros_never_leave_the_process(reader: DocumentReader, tmp_path: Path) -> None:
    message = b"Content-Type: text/plain; charset=unicode_escape\n\na\\ud800b\\0c"
    (_, text) = ask(reader, Format.MESSAGE, message, tmp_path)[-1]
    assert text == "a?b c"


def test_document_that_takes_too_much_memory_is_named_and_the_next_is_read(
    reader: DocumentReader, tmp_path: Path
) -> None:
    assert ask(reader, Format.PDF, pdf(["quokka"]), tmp_path) == [("page 1", "quokka")]
    lines = b"Subject: x\n\n" + b"a\n" * 25_000_000
    assert ask(reader, Format.MESSAGE, lines, tmp_path) == Unread.TOO_MUCH_MEMORY
    assert ask(reader, Format.PDF, pdf(["quokka"]), tmp_path) == [("page 1", "quokka")]


@pytest.mark.parametrize("content", [b" " * 200_000_000, b"[" * 10_000_000, b"<<" * 1_000_000, b"q " * 5_000_000])
def test_pdf_that_unpacks_to_much_or_nests_deeply_is_named(
    reader: DocumentReader, tmp_path: Path, content: bytes
) -> None:
    bomb = pdf(["x"], streams={0: zlib.compress(content)})
    assert ask(reader, Format.PDF, bomb, tmp_path) in (Unread.DAMAGED, Unread.NO_TEXT)
    assert ask(reader, Format.PDF, pdf(["quokka"]), tmp_path) == [("page 1", "quokka")]


def test_document_that_takes_too_long_is_named_and_the_next_is_read(
    reader: DocumentReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(reader, Format.PDF, pdf(["quokka"]), tmp_path) == [("page 1", "quokka")]
    monkeypatch.setattr(reader_module, "READ_S_MAX", 0.5)
    slow = pdf(["x"], streams={0: zlib.compress(b"BT /F1 12 Tf " + b"(a) Tj 1 0 Td " * 1_000_000 + b" ET")})
    assert ask(reader, Format.PDF, slow, tmp_path) == Unread.TOO_SLOW
    monkeypatch.undo()
    assert ask(reader, Format.PDF, pdf(["quokka"]), tmp_path) == [("page 1", "quokka")]


def test_whoever_waits_for_a_document_can_stop(reader: DocumentReader, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["quokka"]))

    def stop() -> None:
        raise KeyboardInterrupt

    descriptor = os.open(tmp_path / "a.pdf", os.O_RDONLY)
    with pytest.raises(KeyboardInterrupt):
        reader.passages(Format.PDF, descriptor, stop)
    os.close(descriptor)
    assert ask(reader, Format.PDF, pdf(["quokka"]), tmp_path) == [("page 1", "quokka")]


def test_one_bad_file_names_itself_and_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a torn.pdf").write_bytes(b"%PDF-1.4\n" + os.urandom(2_000))
    (folder / "b locked.pdf").write_bytes(encrypted(pdf(["quokka"]), "secret"))
    (folder / "c bomb.docx").write_bytes(docx(" " * (XML_BYTES_MAX + 1)))
    (folder / "d lease.pdf").write_bytes(pdf(["one", "The quokka pays rent"]))
    (folder / "e.docx").write_bytes(docx(paragraph("The quokka moves out")))
    (folder / "f.eml").write_bytes(bytes(letter("quokka", "It is gone.\n")))
    collections = Collections(tmp_path / "held")
    done = collections.add("papers", folder, Sensitivity.CONFIDENTIAL, os.urandom)
    assert [(one.file, one.why) for one in done.not_read] == [
        ("a torn.pdf", Unread.DAMAGED),
        ("b locked.pdf", Unread.ENCRYPTED),
        ("c bomb.docx", Unread.TOO_MUCH_TEXT),
    ]
    assert done.read == 3
    found = {(one.file, one.place) for one in collections.search(done.notice.id, "quokka")}
    assert {("d lease.pdf", "page 2"), ("e.docx", "paragraph 1")} < found
    again = collections.add("papers", folder, Sensitivity.CONFIDENTIAL, os.urandom)
    assert (again.read, again.unchanged, again.not_read) == (0, 6, done.not_read)
