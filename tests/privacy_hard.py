"""Our own hard cases: each line of privacy_cases.jsonl with its expectation, and what fails of it today.

`python -m tests.privacy_hard` says what fails; `--write` notes it down in privacy_known_limits.txt, which the tests
hold exact both ways. Everything in the cases is invented.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import trio

from node.detection import Detection, PrivacyPolicy
from node.names_worker import NamesText
from node.privacy.languages import Guess
from node.privacy.names import Reading
from node.privacy.policy import Level
from node.workers.name_models import NameModels
from protocol.chat import ChatRequest
from protocol.errors import DetectorError
from protocol.placeholders import find
from protocol.terms import Sensitivity, Tier

FOLDER = Path(__file__).parent
CASES = FOLDER / "privacy_cases.jsonl"
LIMITS = FOLDER / "privacy_known_limits.txt"
LIMITS_HEAD = """\
# The hard cases (privacy_cases.jsonl) that fail today, each with what fails. Held exact both ways by a test: one that
# passes is to be taken off. Written by `python -m tests.privacy_hard --write`.
"""


@dataclass(frozen=True, slots=True)
class Case:
    """`hidden` must not be readable in what is sent on, `kept` must."""

    id: str
    messages: tuple[tuple[str, str], ...]  # role, text
    level: Level
    hidden: tuple[str, ...]
    kept: tuple[str, ...]
    at_least: Sensitivity
    at_most: Sensitivity

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        messages = row.get("messages") or [["user", row["text"]]]
        return cls(
            id=row["id"],
            messages=tuple((role, text) for role, text in messages),
            level=Level(row["level"]),
            hidden=tuple(row["hidden"]),
            kept=tuple(row["kept"]),
            at_least=Sensitivity.parse(row["sensitivity_at_least"]),
            at_most=Sensitivity.parse(row.get("sensitivity_at_most", "restricted")),
        )

    @property
    def text(self) -> str:
        return "\n\n".join(text for _, text in self.messages)

    @property
    def is_harmless(self) -> bool:
        return not self.hidden and self.at_most < Sensitivity.CONFIDENTIAL

    @property
    def request(self) -> ChatRequest:
        messages = [
            {"role": role, "content": text} | ({"tool_call_id": "call_1"} if role == "tool" else {})
            for role, text in self.messages
        ]
        return ChatRequest.parse({"model": "auto", "messages": messages})

    def failures(self, sent: str, sensitivity: Sensitivity | None) -> list[str]:
        """What of the expectation does not hold. None: nothing was said of the sensitivity, so it is not judged."""
        found = [f"readable: {value!r}" for value in self.hidden if is_readable(value, sent)]
        found += [f"lost: {value!r}" for value in self.kept if value not in sent]
        if sensitivity is not None and not self.at_least <= sensitivity <= self.at_most:
            found.append(f"called {sensitivity.label}")
        return found


def is_readable(value: str, sent: str) -> bool:
    """In any case, outside the tokens."""
    bare, at = "", 0
    for start, end, _ in find(sent):
        bare, at = f"{bare}{sent[at:start]}\n", end
    return value.casefold() in (bare + sent[at:]).casefold()


def cases() -> tuple[Case, ...]:
    return tuple(Case.of(json.loads(line)) for line in CASES.read_text(encoding="utf-8").splitlines())


def known_limits() -> tuple[str, ...]:
    """Ids of the cases that fail."""
    lines = LIMITS.read_text(encoding="utf-8").splitlines()
    return tuple(line.split("  ")[0] for line in lines if line and not line.startswith("#"))


class _Names:
    """Collects what is asked at first; answers it once the models have read it all in one batch."""

    def __init__(self) -> None:
        self.readings: dict[tuple[str, tuple[Guess | str, ...]], Reading] = {}
        self.asked: dict[Any, NamesText] = {}

    async def find(self, texts: Sequence[NamesText]) -> Sequence[Reading]:
        keys = [(text.text, tuple(text.segments)) for text in texts]
        self.asked.update(zip(keys, texts, strict=True))
        if any(key not in self.readings for key in keys):
            raise DetectorError("not read yet")
        return [self.readings[key] for key in keys]

    def read(self) -> None:
        texts = list(self.asked.values())
        found = NameModels().find([text.text for text in texts], [text.segments for text in texts])
        self.readings = dict(zip(self.asked, found, strict=True))


@dataclass(frozen=True, slots=True)
class Outcome:
    sent: str
    sensitivity: Sensitivity


def run(of: Iterable[Case]) -> dict[Case, Outcome]:
    """Rules and real name models in this process, everything in one batch."""
    names, wanted = _Names(), list(of)

    async def both() -> dict[Case, Outcome]:
        for case in wanted:
            await Detection(names, bytes(32), PrivacyPolicy(level=case.level)).assess(case.request, names=True)
        await trio.to_thread.run_sync(names.read)
        return {case: await _outcome(case, names) for case in wanted}

    return trio.run(both)


async def _outcome(case: Case, names: _Names) -> Outcome:
    detection = Detection(names, bytes(32), PrivacyPolicy(level=case.level))
    assessed = await detection.assess(case.request, names=True)
    sent = detection.sanitize(case.request, assessed, Tier.CLOUD).request
    return Outcome("\n\n".join(message["content"] for message in sent.body["messages"]), assessed.sensitivity)


def failing() -> dict[str, list[str]]:
    """By id, in the cases' order."""
    outcomes = run(cases())
    found = {case.id: case.failures(outcome.sent, outcome.sensitivity) for case, outcome in outcomes.items()}
    return {id_: failures for id_, failures in found.items() if failures}


def main() -> None:
    found = failing()
    lines = [f"{id_}  {'; '.join(failures)}" for id_, failures in found.items()]
    print("\n".join(lines))
    print(f"{len(found)} of {len(cases())} fail")
    if "--write" in sys.argv[1:]:
        LIMITS.write_text(LIMITS_HEAD + "".join(line + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
