"""What a model is told of the values beside their tokens: the order in time of the dates that were taken out.

Tokens are numbered by first appearance, so that equal histories number equally; their numbers cannot tell which date is
the earlier one. The legend tells that, and nothing else: no date, no distance between two. It is said to the model
alone, ahead of the conversation, and is no text of anybody's. Source: specs/decisions/privacy-02-what-tokens-tell.md.
"""

from typing import Any

from node.privacy.findings import FindingType
from node.privacy.moments import in_order
from node.privacy.vault import Vault
from protocol.chat import ChatRequest

DATES_MAX = 64  # the first ones; comparing is quadratic, and a line that nobody reads to its end tells nothing
_DATE = FindingType.DATE.trait.token
_INSTRUCTING = ("system", "developer")


def legend(vault: Vault) -> str | None:
    """One line, the same for the same vault. None where no two dates can be compared."""
    groups = in_order(_dates(vault))
    if sum(map(len, groups)) < 2:
        return None
    return f"Order of the dates withheld: {' < '.join(' = '.join(group) for group in groups)}"


def with_legend(request: ChatRequest, line: str) -> ChatRequest:
    """Behind the instructions that the conversation begins with, where there are any: many models take only one
    message of that kind, and only at the beginning."""
    first, *rest = request.body["messages"]
    if first["role"] in _INSTRUCTING and first.get("content"):
        return request.with_body(messages=[{**first, "content": _followed(first["content"], line)}, *rest])
    return request.with_body(messages=[{"role": "system", "content": line}, first, *rest])


def _followed(content: str | list[Any], line: str) -> str | list[Any]:
    if isinstance(content, str):
        return f"{content}\n\n{line}"
    return [*content, {"type": "text", "text": line}]


def _dates(vault: Vault) -> dict[str, str]:
    """Token to date; of each number the first spelling that was sent."""
    first: dict[int, tuple[str, str]] = {}
    for entry in vault:
        if entry.placeholder.type == _DATE and len(first) < DATES_MAX:
            first.setdefault(entry.placeholder.number, (entry.placeholder.token(), entry.value))
    return dict(first.values())
