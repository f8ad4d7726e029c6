"""E-mail as text: one message, or a mailbox of many, and what is attached. For a process that may be killed."""

import io
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from typing import BinaryIO

from node.collections.docx import docx_parts
from node.collections.extraction import Format, format_of, part_of, suffix_of, text_of, unread_reason
from node.collections.parts import Part, Unread
from node.collections.pdf import pdf_parts
from protocol.errors import DocumentError

PARTS_MAX = 1_000  # of one message
MESSAGES_MAX = 100_000
MESSAGE_DEPTH_MAX = 16  # messages attached to messages, and parts in parts
_SHOWN_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_HEADER_CHARACTERS_MAX = 4_096
_FROM = re.compile(rb"From \S+ .*\d{4}\s*$")  # the line between two messages of a mailbox
_QUOTED_FROM = re.compile(rb">+From ")
_MESSAGE = "message/rfc822"
_FORMATS = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "text/html": ".html",
    "text/markdown": ".md",
}


def message_parts(file: BinaryIO) -> Iterator[Part]:
    """One message. Raises DocumentError."""
    yield from _message(message_from_bytes(file.read()), "")


def mailbox_parts(file: BinaryIO) -> Iterator[Part]:
    """Many messages, each with its number. Raises DocumentError."""
    for number, data in enumerate(_messages(file), 1):
        if number > MESSAGES_MAX:
            raise DocumentError(Unread.TOO_MUCH_TEXT)
        yield from _one_of_many(data, f"message {number}")


def _one_of_many(data: bytes, within: str) -> list[Part]:
    """A message that nobody can read says so in its place and hides no other."""
    try:
        return list(_message(message_from_bytes(data), within))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 -- the parser lets errors of every layer through; the line below tells
        why = error.why if isinstance(error, DocumentError) else Unread.DAMAGED
        return [Part([(1, "", f"Message not read ({why})")], within=within)]


def _messages(file: BinaryIO) -> Iterator[bytes]:
    held: list[bytes] = []
    begun, after_blank = False, True
    for line in file:
        if after_blank and _FROM.match(line):
            if begun:
                yield _whole(held)
            held, begun = [], True
        elif begun:
            held.append(line[1:] if _QUOTED_FROM.match(line) else line)
        elif line.strip():
            raise DocumentError(Unread.DAMAGED)  # it begins with no message
        after_blank = not line.strip()
    if begun:
        yield _whole(held)


def _whole(lines: list[bytes]) -> bytes:
    """Without the empty line that parts two messages."""
    if lines and not lines[-1].strip():
        lines.pop()
    return b"".join(lines)


def _message(message: Message, within: str) -> Iterator[Part]:
    subject = _header(message, "Subject")
    unread: list[str] = []
    parts = []
    for number, leaf in enumerate(_leaves(message, 0), 1):
        if number > PARTS_MAX:
            raise DocumentError(Unread.TOO_DEEP)
        name = _name(leaf)
        place = ", ".join(filter(None, (within, f"part {number}", name)))
        try:
            parts += [_under(subject, part) for part in _read(leaf, name, place)]
        except DocumentError as error:
            unread.append(f"Attached, not read ({error.why}): {name or leaf.get_content_type()}")
    yield _headed(message, subject, unread, ", ".join(filter(None, (within, "headers"))))
    yield from parts


def _headed(message: Message, subject: str, unread: list[str], within: str) -> Part:
    """The headers that a reader sees, and what nobody could read of the message: it must not seem not to be there."""
    shown = [f"{name}: {value}" for name in _SHOWN_HEADERS if (value := _header(message, name))]
    return Part([(number, subject, line) for number, line in enumerate(shown + unread, 1)], within=within)


def _under(subject: str, part: Part) -> Part:
    """The subject heads what has no heading of its own. Reads the part: what is wrong with it shows here."""
    return Part([(number, heading or subject, text) for number, heading, text in part.lines], part.unit, part.within)


def _leaves(message: Message, depth: int) -> Iterator[Message]:
    """Parts that hold something themselves, in order; of alternatives the plain one."""
    if depth > MESSAGE_DEPTH_MAX:
        raise DocumentError(Unread.TOO_DEEP)
    if not message.is_multipart() or message.get_content_type() == _MESSAGE:
        yield message
    if not message.is_multipart():
        return
    below = _attached(message)
    if message.get_content_type() == "multipart/alternative":
        plain = [part for part in below if part.get_content_type() == "text/plain" and _text(part, "").strip()]
        below = plain[:1] or below
    for part in below:
        yield from _leaves(part, depth + 1)


def _attached(message: Message) -> list[Message]:
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _read(leaf: Message, name: str, place: str) -> Iterator[Part]:
    """Raises DocumentError where nothing can be read of it."""
    kind = leaf.get_content_type()
    if leaf.is_multipart():
        yield from (_headed(message, _header(message, "Subject"), [], place) for message in _attached(leaf))
        return
    path = name if suffix_of(name) else name + _FORMATS.get(kind, "")
    form, why = format_of(path), unread_reason(path, len(_bytes(leaf)))
    if why is not None and why is not Unread.EMPTY:
        raise DocumentError(why)
    if form in (Format.PDF, Format.DOCX):
        yield from _document(form, leaf, place)
    elif kind.startswith("text/") or (form is Format.TEXT and suffix_of(path)):
        text = _text(leaf, path)
        if text.strip():
            yield part_of("part.html" if kind == "text/html" else path, text, place)
    else:
        raise DocumentError(Unread.OTHER_FORMAT)


def _document(form: Format, leaf: Message, place: str) -> Iterator[Part]:
    file = io.BytesIO(_bytes(leaf))
    try:
        for part in pdf_parts(file, place) if form is Format.PDF else docx_parts(file, place):
            yield Part(list(part.lines), part.unit, part.within)
    except (DocumentError, MemoryError, RecursionError):
        raise
    except Exception as error:  # a parser's error of any kind: this attachment is damaged, the message is not
        raise DocumentError(Unread.DAMAGED) from error


def _text(leaf: Message, path: str) -> str:
    data, charset = _bytes(leaf), leaf.get_content_charset()
    if leaf.get_content_maintype() != "text" or charset is None:
        text = text_of(path or "part.txt", data)
        if text is None:
            raise DocumentError(Unread.NOT_TEXT)
        return text
    try:
        return data.decode(charset, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _bytes(leaf: Message) -> bytes:
    payload = leaf.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _name(leaf: Message) -> str:
    name = leaf.get_filename() or ""
    return _decoded(name).replace("\\", "/").rpartition("/")[2]


def _header(message: Message, name: str) -> str:
    value = message.get(name)
    return "" if value is None else " ".join(_decoded(str(value)).split())


def _decoded(value: str) -> str:
    value = value[:_HEADER_CHARACTERS_MAX].encode("utf-8", "replace").decode("utf-8")
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError, MessageError):  # a charset nobody knows, or no encoded word after all
        return value
