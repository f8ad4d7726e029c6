"""Three whole nodes on a bridge: a laptop without a model, the same person's home, and somebody else's office."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

from tests.integration.namespaces import bridged
from tests.integration.whole_nodes import API, WholeNode, enrol, up_with_models, wait_until, whole_node

NO_MODEL = "[embedded]\nenabled = false\n"


@dataclass(frozen=True, slots=True)
class Three:
    laptop: WholeNode
    home: WholeNode
    office: WholeNode


@contextmanager
def three_nodes(directory: Path) -> Iterator[Three]:
    """They have found each other by multicast, enrolled with codes, and believe each other's statements."""
    with ExitStack() as stack:
        one, two, other = stack.enter_context(bridged(3))
        laptop = stack.enter_context(whole_node(one, directory, "laptop", NO_MODEL))
        home = stack.enter_context(whole_node(two, directory, "home"))
        office = stack.enter_context(whole_node(other, directory, "office"))
        person = laptop.call("GET", "/api/status")["person"]
        joined = enrol(laptop, home, person, "personal")
        assert (joined["person"], joined["tier"]) == (person, "personal")
        joined = enrol(laptop, office, "grace", "edge")
        assert (joined["person"], joined["tier"]) == ("grace", "edge")
        wait_until("laptop sees both", lambda: up_with_models(laptop) == {"home", "office"})
        yield Three(laptop, home, office)


def chat(node: WholeNode, prompt: str, **members: Any) -> Any:
    def ask() -> Any:
        with openai.OpenAI(base_url=f"http://{API}/v1", api_key=node.key("inference"), max_retries=0) as client:
            messages: Any = [{"role": "user", "content": prompt}]
            raw = client.chat.completions.with_raw_response.create(model="auto", messages=messages, **members)
            return raw.headers, raw.parse()

    return node.here(ask)
