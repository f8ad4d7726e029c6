"""Puts tokens in the place of what was found, in every text of a request, the whole history included."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from node.privacy.findings import NAMES, Finding, FindingType
from node.privacy.json_text import JsonShape, holds_json, readable, value_of
from node.privacy.legend import legend, with_legend
from node.privacy.occurrences import KnownValues
from node.privacy.plural import is_plural
from node.privacy.policy import Level, is_masked
from node.privacy.sensitivity import Assessed
from node.privacy.tokens import lookalikes
from node.privacy.vault import Vault
from protocol.chat import ChatRequest, TextPart
from protocol.placeholders import Placeholder, find


@dataclass(frozen=True, slots=True)
class Sanitized:
    """`request` as it may cross down in trust, with the legend of its tokens where there is one to tell; `vault` brings
    the values back; `count` tokens were put."""

    request: ChatRequest
    vault: Vault
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """What one token replaces, in characters of the text."""

    start: int
    end: int
    type: FindingType
    score: float


@dataclass(frozen=True, slots=True)
class SanitizedText:
    text: str
    spans: tuple[Span, ...]


def sanitize(request: ChatRequest, assessed: Assessed, level: Level, kept: Vault | None = None) -> Sanitized:
    """`assessed` is of this very request, with the names run: without them nothing may be sent on as sanitised.

    `kept`: the vault of a lasting conversation. It numbers on, and its values are masked wherever they stand; what
    comes back is still only what this request sends.
    """
    if not assessed.names_run:
        raise ValueError("sanitising needs an assessment in which the name models ran")
    findings = {part.path: part.findings for part in assessed.parts}
    texts = [part for part in request.texts() if part.text]
    given = [(part, findings[part.path]) for part in texts]
    vault, done = sanitize_texts(given, level, personal=assessed.personal, kept=kept)
    changed = {part.path: result.text for part, result in zip(texts, done, strict=True) if result.spans}
    sent = request.with_texts(changed)
    line = legend(vault)
    return Sanitized(
        sent if line is None else with_legend(sent, line), vault, sum(len(result.spans) for result in done)
    )


def sanitize_texts(
    texts: Iterable[tuple[TextPart, tuple[Finding, ...]]], level: Level, *, personal: bool, kept: Vault | None = None
) -> tuple[Vault, list[SanitizedText]]:
    """The texts of one conversation in their order, each with its findings (of the text as `readable` gives it).

    The vault that is returned holds what was put into these texts, and nothing else.
    """
    vault = Vault() if kept is None else kept
    known = KnownValues.of(vault)
    given = list(texts)
    pending = [_Pending(part) for part, _ in given]
    for work, (_, findings) in zip(pending, given, strict=True):
        work.add(Span(*literal) for literal in _literals(work.text, vault))
        work.add(Span(f.start, f.end, f.type, f.score) for f in findings if is_masked(f, level, personal=personal))
        work.learn(known)
        work.add_known(known)
        work.number(vault)
    for work in pending:
        work.add_known(known)  # what was learnt after this text
        work.number(vault)
    if not any(work.masks() for work in pending):
        return Vault(), [SanitizedText(work.original, ()) for work in pending]
    done = [work.result(vault) for work in pending]
    if kept is None:
        return vault, done
    sent = {placeholder for work in pending for placeholder in work.placeholders(vault)}
    return Vault.continued(entry for entry in vault if entry.placeholder in sent), done


def _literals(text: str, vault: Vault) -> Iterator[tuple[int, int, FindingType, float]]:
    """What the text itself holds of tokens. What only resembles one keeps its number free, if that is still free."""
    exact = [(start, end) for start, end, _ in find(text)]
    for start, end in exact:
        yield start, end, FindingType.LITERAL, 1.0
    for start, end, placeholder in lookalikes(text):
        inside = any(first <= start and end <= last for first, last in exact)
        if not inside and not vault.reserve(placeholder):
            yield start, end, FindingType.LITERAL, 1.0


class _Pending:
    """One text on its way."""

    def __init__(self, part: TextPart) -> None:
        self.original = part.text
        self.text = readable(part)
        self._json = JsonShape(self.text) if holds_json(part.path, part.text) else None
        self._spans: list[Span] = []

    def add(self, spans: Iterable[Span]) -> None:
        self._spans = [self._counted(span) for span in merged([*self._spans, *self._inside(spans)])]

    def add_known(self, known: KnownValues) -> None:
        taken = bytearray(len(self.text))
        for span in self._spans:
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
        found = [
            Span(start, end, type_, 1.0) for start, end, type_ in known.find(self.text) if not any(taken[start:end])
        ]
        if found:
            self.add(found)

    def masks(self) -> bool:
        """Whether anything is taken out; where nothing is, lookalikes of tokens may stay."""
        return any(span.type is not FindingType.LITERAL for span in self._spans)

    def learn(self, known: KnownValues) -> None:
        for span in self._spans:
            if span.type is not FindingType.LITERAL:
                known.add(span.type, self.text[span.start : span.end])

    def number(self, vault: Vault) -> None:
        for span in self._spans:
            vault.put(span.type, self._value(span))

    def placeholders(self, vault: Vault) -> Iterator[Placeholder]:
        """What `result` puts into the text."""
        return (vault.put(span.type, self._value(span)) for span in self._spans)

    def result(self, vault: Vault) -> SanitizedText:
        out, at = [], 0
        for span in self._spans:
            token = vault.put(span.type, self._value(span)).token()
            out += [self.text[at : span.start], f'"{token}"' if self._is_number(span) else token]
            at = span.end
        return SanitizedText("".join(out) + self.text[at:], tuple(self._spans))

    def _counted(self, span: Span) -> Span:
        """A name that stands for several people says so in its token."""
        if span.type not in NAMES or not is_plural(self.text, span.start, span.end):
            return span
        return replace(span, type=FindingType.PEOPLE)

    def _inside(self, spans: Iterable[Span]) -> Iterator[Span]:
        for span in spans:
            if self._json is None:
                yield span
                continue
            for start, end, _ in self._json.pieces(span.start, span.end):
                yield Span(start, end, span.type, span.score)

    def _is_number(self, span: Span) -> bool:
        return self._json is not None and any(is_number for _, _, is_number in self._json.pieces(span.start, span.end))

    def _value(self, span: Span) -> str:
        value = self.text[span.start : span.end]
        return value_of(value) if self._json is not None and not self._is_number(span) else value


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order, without overlaps: those that overlap become one, of the most sensitive type among them."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if result and span.start < result[-1].end:
            last = result[-1]
            chosen = max(
                last, span, key=lambda s: (s.type.trait.level, s.type is not FindingType.LITERAL, s.end - s.start)
            )
            result[-1] = Span(last.start, max(last.end, span.end), chosen.type, max(last.score, span.score))
        else:
            result.append(span)
    return result
