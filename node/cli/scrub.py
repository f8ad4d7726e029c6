"""`islandrun scrub`: takes out of a text what is private, and puts it back. Needs no node; logs go to stderr."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TextIO

from node.cli.vault_file import read_vault, write_vault
from node.config import load_rules
from node.privacy import sensitivity
from node.privacy.findings import PartFindings
from node.privacy.languages import segments
from node.privacy.normal_form import normalise
from node.privacy.policy import Level, PrivacyPolicy
from node.privacy.reading import Read, failed, read_by_names, read_by_own, read_by_rules
from node.privacy.restorer import restore_values
from node.privacy.sanitizer import SanitizedText, sanitize_texts
from node.privacy.sensitivity import Assessed
from node.privacy.vault import Vault
from node.workers.name_models import NameModels
from protocol.chat import TextPart
from protocol.errors import ConfigError, DetectorError, StateError

BATCH_CHARACTERS = 64 * 1024  # read together: enough for the models to fill their batches
BATCH_LINES_MAX = 256


class Scrubber:
    """The rules and the name models in this process."""

    def __init__(self, policy: PrivacyPolicy) -> None:
        self._policy = policy
        self._models = NameModels()

    def scrub(self, texts: Sequence[str]) -> Iterator[tuple[Assessed, Vault, SanitizedText]]:
        """Each text by itself: nothing is shared between them."""
        for text, read in zip(texts, self._read(texts), strict=True):
            part = TextPart(("text",), text, "user")
            found = PartFindings(part.path, part.role, read.findings, read.judged(self._policy.languages))
            assessed = sensitivity.assess([found], (), self._policy, names_run=True)
            given = [(part, assessed.parts[0].findings)]
            vault, (result,) = sanitize_texts(given, self._policy.level, personal=assessed.personal)
            yield assessed, vault, result

    def _read(self, texts: Sequence[str]) -> list[Read]:
        forms = [normalise(text) for text in texts]
        try:
            readings = self._models.find([form.text for form in forms], [segments(form.text) for form in forms])
            return [
                sum(read_by_own(form, self._policy.own), read_by_rules(form) + read_by_names(form, reading))
                for form, reading in zip(forms, readings, strict=True)
            ]
        except DetectorError as error:
            if len(texts) > 1:  # one bad text must not spoil its neighbours
                return [read for text in texts for read in self._read([text])]
            return [failed("detector_failed", str(error))]


def scrub(argv: Sequence[str]) -> int:
    """The verb. Returns the exit status: 0, or 1 with one line that says what failed."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.restore:
            return _restore(sys.stdin.buffer, sys.stdout.buffer, arguments.vault)
        policy = replace(load_rules({}, os.environ).privacy, level=Level(arguments.level), levels=())
        if arguments.batch:
            return _batch(_utf8(sys.stdin), _utf8(sys.stdout), policy)
        return _text(sys.stdin.buffer, sys.stdout.buffer, arguments.vault, policy)
    except (ConfigError, DetectorError, StateError, _LineError) as error:
        sys.stderr.write(f"islandrun scrub: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="islandrun scrub", description="Take out of a text (stdin, to stdout) what is private, and put it back."
    )
    parser.add_argument("--level", choices=[level.value for level in Level], default=Level.BALANCED.value)
    parser.add_argument("--vault", type=Path, metavar="FILE", help="where what was taken out is kept; a new file")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--batch", action="store_true", help='JSON lines {"id", "text"} in and out')
    which.add_argument("--restore", action="store_true", help="put back what --vault FILE holds")
    return parser


class _LineError(Exception):
    """A line of the batch that is not what it should be."""


def _utf8(stream: TextIO) -> TextIO:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="surrogatepass", newline="\n")
    return stream


def _text(source: BinaryIO, out: BinaryIO, vault_file: Path | None, policy: PrivacyPolicy) -> int:
    """Any bytes: what is no UTF-8 goes through as it is."""
    text = source.read().decode("utf-8", "surrogateescape")
    ((assessed, vault, result),) = Scrubber(policy).scrub([text])
    failures = [reason for reason in assessed.reasons if reason.code.startswith("detector_")]
    if failures:
        raise DetectorError(failures[0].detail)  # a text that was not wholly read is no safe text
    if vault_file is not None:
        write_vault(vault_file, vault)
    out.write(result.text.encode("utf-8", "surrogateescape"))
    out.flush()
    sys.stderr.write(f"{assessed.sensitivity.label}; {assessed.after.label} once sanitised\n")
    return 0


def _restore(source: BinaryIO, out: BinaryIO, vault_file: Path | None) -> int:
    if vault_file is None:
        raise StateError("--restore needs --vault FILE")
    values = read_vault(vault_file)
    text = source.read().decode("utf-8", "surrogateescape")
    out.write(restore_values(text, values).encode("utf-8", "surrogateescape"))
    out.flush()
    return 0


def _batch(lines: TextIO, out: TextIO, policy: PrivacyPolicy) -> int:
    scrubber = Scrubber(policy)
    for batch in _batches(lines):
        for (id_, _), result in zip(batch, scrubber.scrub([text for _, text in batch]), strict=True):
            assessed, _, sanitized = result
            spans = [
                {"start": s.start, "end": s.end, "type": s.type.value, "score": round(s.score, 3)}
                for s in sanitized.spans
            ]
            row = {"id": id_, "text": sanitized.text, "spans": spans, "sensitivity": assessed.sensitivity.label}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
        out.flush()
    return 0


def _batches(lines: TextIO) -> Iterator[list[tuple[object, str]]]:
    batch: list[tuple[object, str]] = []
    characters = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        batch.append(_row(number, line))
        characters += len(line)
        if characters >= BATCH_CHARACTERS or len(batch) >= BATCH_LINES_MAX:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _row(number: int, line: str) -> tuple[object, str]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise _LineError(f"line {number}: not JSON") from None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise _LineError(f'line {number}: expected an object with "id" and "text"')
    return row.get("id"), row["text"]


if __name__ == "__main__":
    sys.exit(scrub(sys.argv[1:]))
