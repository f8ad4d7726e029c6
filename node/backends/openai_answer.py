"""OpenAI's answers, streamed or whole, to events. Pure: HTTP servers and llama.cpp's callback share it."""

from collections.abc import Mapping

from protocol.answers import Delta, Finished
from protocol.errors import BackendError, BackendFailure, RequestError
from protocol.strict_json import dump_json, parse_json

CHOICES_MAX = 128  # OpenAI's own bound of `n`
TOKENS_MAX = 1 << 40
BYTES_PER_TOKEN_MIN = 2  # where a server counts nothing, its tokens are rather over- than understated
_DONE = "[DONE]"
_NOTHING: tuple[object, ...] = (None, "", [])


class AnswerReader:
    """Chunks in, Deltas out; whole only when every choice that was begun has its `finish_reason`."""

    def __init__(self, request_bytes: int) -> None:
        self._request_bytes = request_bytes
        self._answer_bytes = 0
        self._reasons: dict[int, str | None] = {}
        self._usage: Mapping[str, object] | None = None
        self.done = False

    def feed_text(self, data: str) -> list[Delta]:
        """One event's data; what follows [DONE] is not read. Raises BackendError (ambiguous): `broken_stream` or
        `provider_error`."""
        if self.done or data.strip() == _DONE:
            self.done = True
            return []
        return self.feed(read_json(data))

    def feed(self, chunk: object) -> list[Delta]:
        """One `chat.completion.chunk`."""
        return [delta for delta in self._feed(chunk, "delta") if delta.content or delta.extra]

    def feed_whole(self, answer: object) -> list[Delta]:
        """A `chat.completion`, from a server that does not stream."""
        return self._feed(answer, "message")

    def finish(self) -> Finished:
        """Raises BackendError (ambiguous, `cut`) when the answer is not whole."""
        if not self._reasons or any(reason is None for reason in self._reasons.values()):
            raise BackendError(BackendFailure.AMBIGUOUS, "cut", "the answer ended without a finish_reason")
        reason = self._reasons[min(self._reasons)]
        assert reason is not None
        usage = self._usage or {}
        details = usage.get("prompt_tokens_details")
        prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        return Finished(
            reason,
            _estimate(self._request_bytes) if prompt is None else prompt,
            _estimate(self._answer_bytes) if completion is None else completion,
            _count(details if isinstance(details, dict) else {}, "cached_tokens") or 0,
            estimated=prompt is None or completion is None,
        )

    def _feed(self, chunk: object, member: str) -> list[Delta]:
        if not isinstance(chunk, dict):
            raise broken("not a JSON object")
        if chunk.get("error") is not None:
            raise BackendError(BackendFailure.AMBIGUOUS, "provider_error", "the server reported an error in its answer")
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = usage
        choices = chunk.get("choices")
        if choices is None:
            choices = []
        if not isinstance(choices, list) or len(choices) > CHOICES_MAX:
            raise broken("choices")
        return [self._choice(choice, member) for choice in choices]

    def _choice(self, choice: object, member: str) -> Delta:
        if not isinstance(choice, dict):
            raise broken("choices[]")
        index = choice.get("index", 0)
        piece = choice.get(member) or {}
        if type(index) is not int or not 0 <= index < CHOICES_MAX or not isinstance(piece, dict):
            raise broken(f"choices[].{member}")
        content = piece.get("content")
        if content is not None and not isinstance(content, str):
            raise broken(f"choices[].{member}.content")
        self._close(index, choice.get("finish_reason"))
        content = _clean(content or "")
        rest = {key: value for key, value in piece.items() if key not in ("role", "content") and value not in _NOTHING}
        if isinstance(calls := rest.get("tool_calls"), list) and member == "message":
            rest["tool_calls"] = [{"index": i, **call} for i, call in enumerate(calls) if isinstance(call, dict)]
        extra = _dump(rest) if rest else b""
        self._answer_bytes += len(content.encode()) + len(extra)
        return Delta(content, extra, index)

    def _close(self, index: int, reason: object) -> None:
        if reason is not None and not isinstance(reason, str):
            raise broken("choices[].finish_reason")
        self._reasons[index] = reason or self._reasons.get(index)


def read_json(text: str | bytes) -> object:
    """Raises BackendError (ambiguous, `broken_stream`); never quotes the text."""
    try:
        return parse_json(text if isinstance(text, bytes) else text.encode(errors="replace"))
    except RequestError:
        raise broken("not JSON") from None


def broken(detail: str) -> BackendError:
    """The server's answer is not of its format."""
    return BackendError(BackendFailure.AMBIGUOUS, "broken_stream", detail)


def _dump(value: object) -> bytes:
    try:
        return dump_json(value)
    except (ValueError, RecursionError):
        raise broken("text that is not Unicode") from None


def _clean(text: str) -> str:
    """Half a surrogate pair is no text: nothing behind this could encode it."""
    return text.encode(errors="replace").decode()


def _estimate(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN_MIN)


def _count(fields: Mapping[str, object], name: str) -> int | None:
    value = fields.get(name)
    return value if type(value) is int and 0 <= value < TOKENS_MAX else None
