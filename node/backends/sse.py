"""Server-sent events, read strictly and within bounds. Source: WHATWG HTML, section 9.2.6."""

from dataclasses import dataclass

from protocol.errors import BackendError, BackendFailure

EVENT_BYTES_MAX = 1024 * 1024  # a tool call's arguments may come in one piece; nothing honest is larger


@dataclass(frozen=True, slots=True)
class ServerEvent:
    name: str  # "message" when the server gives none
    data: str


class EventReader:
    """Bytes in, events out. An event that the end cuts is never given: it has no empty line."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._name = ""
        self._data: list[str] = []
        self._data_bytes = 0
        self._first = True

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Raises BackendError (ambiguous, `broken_stream`); the reader is of no use afterwards."""
        self._buffer += data
        events = []
        while (line := self._line()) is not None:
            event = self._take(line)
            if event is not None:
                events.append(event)
        if len(self._buffer) + self._data_bytes > EVENT_BYTES_MAX:
            raise _broken(f"an event of more than {EVENT_BYTES_MAX} bytes")
        return events

    def _line(self) -> str | None:
        ends = [end for end in (self._buffer.find(b"\n"), self._buffer.find(b"\r")) if end >= 0]
        if not ends:
            return None
        end = min(ends)
        after = end + 1
        if self._buffer[end] == ord("\r"):
            if after == len(self._buffer):
                return None  # the \n of a \r\n may be on its way
            after += self._buffer[after] == ord("\n")
        try:
            line = self._buffer[:end].decode()
        except UnicodeDecodeError:
            raise _broken("not UTF-8") from None
        del self._buffer[:after]
        if self._first:
            self._first = False
            line = line.removeprefix("\ufeff")
        return line

    def _take(self, line: str) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
            self._data_bytes += len(value.encode())
            if self._data_bytes > EVENT_BYTES_MAX:
                raise _broken(f"an event of more than {EVENT_BYTES_MAX} bytes")
        elif field == "event":
            self._name = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._data_bytes = "", [], 0
        return ServerEvent(name or "message", "\n".join(data)) if data else None


def _broken(detail: str) -> BackendError:
    return BackendError(BackendFailure.AMBIGUOUS, "broken_stream", detail)
