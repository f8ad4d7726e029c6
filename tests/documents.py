"""Documents for tests, made from nothing: PDF and DOCX as their formats define them, sound or hurt on purpose."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(pages: Sequence[str], *, streams: Mapping[int, bytes] | None = None) -> bytes:
    """A PDF with a page a text; `streams` puts raw (deflated) content in place of a page's own, by its index."""
    contents = [zlib.compress(_shown(text)) for text in pages]
    for index, raw in (streams or {}).items():
        contents[index] = raw
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for index, content in enumerate(contents):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * index} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(content), content))
    return _file(objects)


def _shown(text: str) -> bytes:
    lines = b" T* ".join(b"(%b) Tj" % line.encode("cp1252") for line in text.splitlines())
    return b"BT /F1 12 Tf 14 TL 50 800 Td %b ET" % lines


def _file(objects: Sequence[bytes]) -> bytes:
    made, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(made)


def paragraph(text: str, style: str = "") -> str:
    kind = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{kind}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def docx(body: str, *, members: Mapping[str, bytes] | None = None, before: str = "") -> bytes:
    """A DOCX whose text is `body`, with further or other members; `before` comes ahead of the root element."""
    whole = f'<?xml version="1.0"?>{before}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ({"word/document.xml": whole.encode("utf-8")} | dict(members or {})).items():
            archive.writestr(name, data)
    return made.getvalue()


def styles(names: Mapping[str, str]) -> bytes:
    """A DOCX's table of styles: ids, which are in the writer's language, and names, which are not."""
    rows = "".join(f'<w:style w:styleId="{key}"><w:name w:val="{name}"/></w:style>' for key, name in names.items())
    return f'<w:styles xmlns:w="{_WORD}">{rows}</w:styles>'.encode()
