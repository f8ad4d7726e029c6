"""Reads requests for the core: rules here, name models in a worker; findings are remembered, never the text.

Whatever goes wrong with a detector makes what it should have read restricted, and says so; nothing is skipped.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

import trio

from node.names_worker import NamesPort, NamesText, NamesWorker
from node.privacy import sensitivity
from node.privacy.detectors import TEXT_CHARACTERS_MAX
from node.privacy.findings import Finding, PartFindings
from node.privacy.json_text import readable
from node.privacy.languages import segments
from node.privacy.normal_form import NormalForm, normalise
from node.privacy.occurrences import KnownValues
from node.privacy.own import Own
from node.privacy.policy import PrivacyPolicy
from node.privacy.reading import Read, failed, read_by_names, read_by_own, read_by_rules
from node.privacy.sanitizer import Sanitized, sanitize
from node.privacy.sensitivity import Assessed
from node.privacy.vault import Vault
from protocol.chat import ChatRequest, TextPart
from protocol.errors import DetectorError
from protocol.terms import Sensitivity, Tier

__all__ = ["Assessed", "Detection", "NamesPort", "NamesWorker", "PrivacyPolicy", "Sanitized"]

DEADLINE_S = 5.0  # for any request, and for each KiB of text whose findings are not remembered:
DEADLINE_S_PER_KIB = 0.5
REMEMBERED_MAX = 20_000  # texts; some hundred bytes each
REMEMBERED_FINDINGS_MAX = 500_000  # over all of them
INLINE_CHARACTERS_MAX = 4_096  # the rules read so much in some 5 ms; longer texts must not stall the event loop
CACHE_KEY_BYTES = 32
_T = TypeVar("_T")


class _Remembered:
    """Findings under a keyed hash of their text, in memory; the least recently used go first."""

    def __init__(self, key: bytes) -> None:
        if len(key) != CACHE_KEY_BYTES:
            raise ValueError(f"a cache key of {CACHE_KEY_BYTES} bytes")
        self._key = key
        self._reads: OrderedDict[bytes, Read] = OrderedDict()
        self._findings = 0

    def name(self, kind: str, text: str) -> bytes:
        hashed = hashlib.blake2b(kind.encode() + b"\0", digest_size=32, key=self._key)
        hashed.update(text.encode("utf-8", "surrogatepass"))
        return hashed.digest()

    def get(self, name: bytes) -> Read | None:
        read = self._reads.get(name)
        if read is not None:
            self._reads.move_to_end(name)
        return read

    def put(self, name: bytes, read: Read) -> None:
        if name in self._reads:
            return
        self._reads[name] = read
        self._findings += len(read.findings)
        while self._reads and (len(self._reads) > REMEMBERED_MAX or self._findings > REMEMBERED_FINDINGS_MAX):
            _, gone = self._reads.popitem(last=False)
            self._findings -= len(gone.findings)


class Detection:
    """The privacy of requests. `names` is None where no name model is installed: then every text is restricted."""

    def __init__(self, names: NamesPort | None, cache_key: bytes, policy: PrivacyPolicy) -> None:
        """`cache_key`: 32 random bytes of this start of the node."""
        self._names = names
        self._remembered = _Remembered(cache_key)
        self.policy = policy
        self._threads = trio.CapacityLimiter(1)

    async def assess(self, request: ChatRequest, *, names: bool, kept: Vault | None = None) -> Assessed:
        """Never raises for a detector's failure: that is a reason for `restricted`. Cancelled: nothing is remembered of
        what was not read to its end.

        Without `names` only the rules run: the sensitivity is a lower bound. `kept`: the vault of a lasting
        conversation; what it took out before counts wherever it stands, whether a detector finds it again or not.
        """
        policy = self.policy  # one for the whole of it, also where another comes meanwhile
        parts = [part for part in request.texts() if part.text]
        texts = tuple(dict.fromkeys(readable(part) for part in parts))  # each text once
        reads = await self._read(texts, policy.own, names=names)
        if kept:
            known = KnownValues.of(kept)
            reads = {text: read + Read(_again(known, text)) for text, read in reads.items()}
        found = [_of_part(part, reads[readable(part)], policy) for part in parts]
        return sensitivity.assess(found, request.unreadable(), policy, names_run=names)

    def sanitize(self, request: ChatRequest, assessed: Assessed, tier: Tier, kept: Vault | None = None) -> Sanitized:
        """`assessed` must be of this very request, with the names run. `tier`: whose offer will read it. `kept`: the
        vault of a lasting conversation, which grows by what is found here."""
        return sanitize(request, assessed, assessed.policy.level_for(tier), kept)

    async def _read(self, texts: Sequence[str], own: Own, *, names: bool) -> dict[str, Read]:
        if sum(map(len, texts)) > TEXT_CHARACTERS_MAX:
            too_long = failed("text_too_long", f"more than {TEXT_CHARACTERS_MAX} characters of text in one request")
            return dict.fromkeys(texts, too_long)
        unknown = [text for text in texts if not self._is_remembered(text, names=names)]
        kib = sum(len(text.encode("utf-8", "surrogatepass")) for text in unknown) / 1024
        with trio.move_on_after(DEADLINE_S + DEADLINE_S_PER_KIB * kib):
            try:
                forms = {text: await self._apart(text, normalise, text) for text in texts}
            except DetectorError as error:
                return dict.fromkeys(texts, failed("detector_failed", str(error)))
            by_rules = {text: await self._by_rules(text, forms[text]) for text in texts}
            by_own = {text: await self._by_own(text, forms[text], own) for text in texts} if own else {}
            by_names = await self._by_names(texts, forms) if names else {}
            return {text: by_rules[text] + by_own.get(text, _NOTHING) + by_names.get(text, _NOTHING) for text in texts}
        return dict.fromkeys(texts, failed("detector_slow", "the detectors did not read this in time"))

    def _is_remembered(self, text: str, *, names: bool) -> bool:
        kinds = ("rules", "names") if names else ("rules",)
        return all(self._remembered.get(self._remembered.name(kind, text)) is not None for kind in kinds)

    async def _apart(self, text: str, work: Callable[..., _T], *arguments: object) -> _T:
        """`work`, beside the event loop where the text is long. Cancelled: nobody waits for its end.

        Whatever is raised there is a DetectorError here: a part of the detection that crashes has found nothing out.
        """
        try:
            if len(text) <= INLINE_CHARACTERS_MAX:
                await trio.lowlevel.checkpoint()
                return work(*arguments)
            return await trio.to_thread.run_sync(  # type: ignore[call-arg]  # trio's own types are not seen here
                work, *arguments, abandon_on_cancel=True, limiter=self._threads
            )
        except DetectorError:
            raise
        except Exception as error:  # noqa: BLE001
            raise DetectorError(f"{work.__name__}: {type(error).__name__}") from None

    async def _by_rules(self, text: str, form: NormalForm) -> Read:
        name = self._remembered.name("rules", text)
        known = self._remembered.get(name)
        if known is not None:
            return known
        try:
            read = await self._apart(text, read_by_rules, form)
        except DetectorError as error:
            return failed("detector_failed", str(error))
        self._remembered.put(name, read)
        return read

    async def _by_own(self, text: str, form: NormalForm, own: Own) -> Read:
        """What the owner named. He can change it, so what is remembered of it is remembered of that very list."""
        name = self._remembered.name(f"own {own.digest.hex()}", text)
        read = self._remembered.get(name)
        if read is not None:
            return read
        read = _NOTHING
        try:
            for step in read_by_own(form, own):
                read = read + step if step.findings else read
                await trio.lowlevel.checkpoint()  # no step is long, and the deadline stops the next one
        except DetectorError as error:
            return failed("detector_failed", str(error))
        self._remembered.put(name, read)
        return read

    async def _by_names(self, texts: Sequence[str], forms: dict[str, NormalForm]) -> dict[str, Read]:
        names = {text: self._remembered.name("names", text) for text in texts}
        reads = {text: read for text in texts if (read := self._remembered.get(names[text])) is not None}
        wanted = [text for text in texts if text not in reads]
        if not wanted:
            return reads
        if self._names is None:
            return reads | dict.fromkeys(wanted, failed("detector_missing", "no name model is running on this node"))
        try:
            asked = [
                NamesText(form.text, await self._apart(form.text, segments, form.text))
                for form in (forms[text] for text in wanted)
            ]
            readings = await self._names.find(asked)
            if len(readings) != len(asked):
                raise DetectorError("the name models left texts out")
            for text, reading in zip(wanted, readings, strict=True):
                reads[text] = await self._apart(text, read_by_names, forms[text], reading)
                self._remembered.put(names[text], reads[text])
        except DetectorError as error:
            return reads | dict.fromkeys(wanted, failed("detector_failed", str(error)))
        return reads


def _again(known: KnownValues, text: str) -> tuple[Finding, ...]:
    """What a conversation took out once is at least internal to it from then on."""
    return tuple(
        Finding(start, end, type_, 1.0, "conversation", Sensitivity.INTERNAL) for start, end, type_ in known.find(text)
    )


def _of_part(part: TextPart, read: Read, policy: PrivacyPolicy) -> PartFindings:
    return PartFindings(part.path, part.role, read.findings, read.judged(policy.languages))


_NOTHING = Read(())
