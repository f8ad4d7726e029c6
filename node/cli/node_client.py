"""How a verb talks to the node of this user: its local API, with a key that the verb reads itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from node.cli.settings import settings
from node.store.api_keys import KeyKind
from protocol.errors import StateError

ANSWER_S = 30.0
CONNECT_S = 5.0
NOT_RUNNING = "no node runs here: start it with `islandrun start`"


@contextmanager
def node_client(kind: KeyKind = KeyKind.OWNER, timeout_s: float | None = ANSWER_S) -> Iterator[httpx.Client]:
    """A client of the running node. Raises StateError where none runs, or where it goes away."""
    found = settings()
    headers = {"authorization": f"Bearer {found.key(kind).token}"}
    timeout = httpx.Timeout(timeout_s, connect=CONNECT_S)
    # trust_env: a proxy of the environment must never see the key of this node
    with httpx.Client(base_url=found.api_url, headers=headers, timeout=timeout, trust_env=False) as client:
        try:
            yield client
        except httpx.ConnectError as error:
            raise StateError(f"{found.api_url}: {NOT_RUNNING}") from error
        except httpx.HTTPError as error:
            raise StateError(f"{found.api_url}: the node did not answer: {type(error).__name__}") from error


def checked(response: httpx.Response) -> Any:
    """The JSON of an answer, streamed or not. Raises StateError with the node's own words where it refused."""
    response.read()
    try:
        body = response.json()
    except ValueError:
        raise StateError(f"{response.url.path}: status {response.status_code}, not JSON") from None
    if response.is_error:
        raise StateError(error_text(body))
    return body


def error_text(body: Any) -> str:
    """What an error of the OpenAI shape says, with the reasons of each offer."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "the node refused without a reason"
    lines = [str(error.get("message", ""))]
    for offer in error.get("islandrun") or []:
        reasons = "; ".join(f"{r['agent']}: {r['detail']}" for r in offer["reasons"])
        lines.append(f"  {offer['offer']} ({offer['tier']}): {reasons}")
    return "\n".join(lines)
