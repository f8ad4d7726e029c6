"""Whatever is done to a document, its reader gives passages or a reason, and reads the next one."""

import io
import tempfile
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.collections.chunks import chunks
from node.collections.extraction import Format
from node.collections.mail import mailbox_parts
from node.collections.parts import Unread
from node.collections.reader import DocumentReader
from protocol.errors import DocumentError
from tests.documents import docx, paragraph, pdf


def _message() -> bytes:
    made = EmailMessage()
    made["Subject"] = "The roof"
    made.set_content("It leaks.\n")
    made.add_attachment(pdf(["lease"]), maintype="application", subtype="pdf", filename="lease.pdf")
    made.add_attachment(docx(paragraph("keys")), maintype="application", subtype="zip", filename="keys.docx")
    return bytes(made)


SOUND = {
    Format.PDF: pdf(["The tenant pays.", "The roof leaks."]),
    Format.DOCX: docx(paragraph("The tenant pays.") + paragraph("Deposit", "Heading1")),
    Format.MESSAGE: _message(),
    Format.MAILBOX: b"From a Mon Mar  2 10:00:00 2026\n" + _message(),
}
_CUTS = st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 40), st.binary(max_size=12)), max_size=6)


@pytest.fixture(scope="module")
def reader() -> Iterator[DocumentReader]:
    with DocumentReader() as made:
        yield made


def read(reader: DocumentReader, form: Format, data: bytes) -> list[tuple[str, str]] | str:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            return reader.passages(form, file.fileno(), lambda: None)
        except DocumentError as error:
            return error.why


def test_each_is_read_while_it_is_sound(reader: DocumentReader) -> None:
    for form, data in SOUND.items():
        assert isinstance(read(reader, form, data), list)


@settings(max_examples=120, deadline=None)
@given(form=st.sampled_from(sorted(SOUND)), cuts=_CUTS, end=st.integers(0, 5_000))
def test_document_hurt_anywhere_gives_passages_or_a_reason(
    reader: DocumentReader, form: Format, cuts: list[tuple[int, int, bytes]], end: int
) -> None:
    data = bytearray(SOUND[form])
    for at, length, new in cuts:
        data[at : at + length] = new
    found = read(reader, form, bytes(data[: len(data) - end // 50]))
    if isinstance(found, str):
        assert found in set(Unread) - {Unread.CRASHED, Unread.TOO_SLOW, Unread.TOO_MUCH_MEMORY}
    else:
        assert found
        assert all(place.isprintable() and text.strip() for place, text in found)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([b"From a Mon Mar  2 10:00:00 2026\n", b"\n", b"From here\n", b">From b\n", b"x\n"])))
def test_no_line_of_a_mailbox_is_lost(lines: list[bytes]) -> None:
    data = b"From a Mon Mar  2 10:00:00 2026\n\nfirst\n" + b"".join(lines)
    texts = "\n".join(text for _, text in chunks(mailbox_parts(io.BytesIO(data))))
    assert "first" in texts
    assert texts.count("x") == lines.count(b"x\n")
