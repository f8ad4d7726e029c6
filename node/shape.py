"""What is seen of a chat request without understanding it, for the estimate of what it needs. Pure."""

from node.agents.need import Shape, foreign_part, holds_code
from node.facts import wants_json
from protocol.chat import ChatRequest


def shape_of(request: ChatRequest, prompt_tokens: int) -> Shape:
    """Of all its messages: what came up once in a conversation is still spoken of."""
    texts = [part.text for part in request.texts() if part.path[0] == "messages"]
    return Shape(
        prompt_tokens=prompt_tokens,
        turns=sum(message["role"] == "user" for message in request.body["messages"]),
        code=any(holds_code(text) for text in texts),
        tools=request.has_tools,
        schema=wants_json(request),
        foreign_part=foreign_part("".join(texts)),
    )
