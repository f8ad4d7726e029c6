"""Requests and readings that the privacy tests share."""

from collections.abc import Mapping, Sequence

from node.names_worker import NamesText
from node.privacy import sensitivity
from node.privacy.findings import FindingType, PartFindings
from node.privacy.json_text import readable
from node.privacy.names import RAMPART, SPACY, ModelSpan, Reading
from node.privacy.normal_form import normalise
from node.privacy.policy import PrivacyPolicy
from node.privacy.reading import read_by_names, read_by_rules
from node.privacy.sanitizer import Sanitized, sanitize
from node.privacy.sensitivity import Assessed
from protocol.chat import ChatRequest

BALANCED = PrivacyPolicy()


def chat(*texts: str, **members: object) -> ChatRequest:
    """A conversation: user and assistant in turns."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]
    return ChatRequest.parse({"model": "auto", "messages": messages, **members})


def reading(text: str, names: Mapping[str, str]) -> Reading:
    """What a model would say that knows exactly these names: text → the label of the model that has it."""
    spans = []
    for name, label in names.items():
        at = text.find(name)
        while at >= 0:
            model = SPACY if label in ("ORG", "GPE", "PERSON") else RAMPART
            spans.append(ModelSpan(at, at + len(name), label, 0.9, model))
            at = text.find(name, at + 1)
    return Reading(tuple(spans), ())


PEOPLE = {"Ada Lovelace": "GIVEN_NAME", "Grace Hopper": "GIVEN_NAME", "Ada": "GIVEN_NAME", "Grace": "GIVEN_NAME"}


class KnownNames:
    """A names port that knows a handful of people."""

    def __init__(self, names: Mapping[str, str] = PEOPLE) -> None:
        self.names = names
        self.asked: list[str] = []

    async def find(self, texts: Sequence[NamesText]) -> Sequence[Reading]:
        self.asked += [text.text for text in texts]
        return [reading(text.text, self.names) for text in texts]


def assessed(request: ChatRequest, policy: PrivacyPolicy = BALANCED, names: Mapping[str, str] = PEOPLE) -> Assessed:
    """Rules and known names, without a shell."""
    parts = []
    for part in request.texts():
        form = normalise(readable(part))
        read = read_by_rules(form) + read_by_names(form, reading(form.text, names))
        parts.append(PartFindings(part.path, part.role, read.findings, read.judged(policy.languages)))
    return sensitivity.assess(parts, request.unreadable(), policy, names_run=True)


def sanitized(request: ChatRequest, policy: PrivacyPolicy = BALANCED, names: Mapping[str, str] = PEOPLE) -> Sanitized:
    return sanitize(request, assessed(request, policy, names), policy.level)


def texts_of(request: ChatRequest) -> list[str]:
    return [part.text for part in request.texts()]


def found_by_rules(text: str) -> set[tuple[FindingType, str]]:
    """Types and words, in the original text, of what the rules find."""
    return {(f.type, text[f.start : f.end]) for f in read_by_rules(normalise(text)).findings}
