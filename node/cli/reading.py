"""Reads one chat body in this process, with the detectors of the node: for verbs that need no node."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import trio

from node.agents.explain import Reading as Assessment
from node.configuration.lines import Lines
from node.configuration.privacy import read_privacy
from node.configuration.section import Section
from node.configuration.source import Source
from node.detection import Detection, PrivacyPolicy
from node.facts import output_tokens, prompt_tokens
from node.names_worker import NamesPort, NamesText
from node.privacy.names import Reading
from node.workers.name_models import NameModels
from protocol.chat import ChatRequest
from protocol.errors import DetectorError

OUTPUT_TOKENS_DEFAULT = 1_024
NOT_KEPT = bytes(32)  # keys the memory of findings, which ends with this process


class NamesHere:
    """The name models without their worker process; it ends with one verb anyway."""

    def __init__(self) -> None:
        self._models = NameModels()

    async def find(self, texts: Sequence[NamesText]) -> Sequence[Reading]:
        def run() -> Sequence[Reading]:
            return self._models.find([text.text for text in texts], [text.segments for text in texts])

        return await trio.to_thread.run_sync(run)


def stated_policy(privacy: Mapping[str, Any]) -> PrivacyPolicy:
    """[privacy] as the input of `explain --offline` holds it. No file is read for it. Raises ConfigError."""
    root = Section(Source("request.privacy", Lines("")), (), {"privacy": privacy})
    return read_privacy(root, _no_file, Path(), Path())


def _no_file(_path: Path) -> None:
    return None


def read(request: ChatRequest, policy: PrivacyPolicy) -> Assessment:
    """Where a name model is missing the text is restricted, as in a node."""
    names: NamesPort | None
    try:
        names = NamesHere()
    except DetectorError:
        names = None
    detection = Detection(names, NOT_KEPT, policy)

    async def assess() -> Assessment:
        found = await detection.assess(request, names=True)
        return Assessment(
            sensitivity=found.sensitivity,
            sensitivity_after=found.after,
            names_known=True,
            prompt_tokens=prompt_tokens(request),
            max_output_tokens=output_tokens(request, OUTPUT_TOKENS_DEFAULT),
            answers=request.choices,
        )

    return trio.run(assess)
