"""What comes back for a request, one event at a time, whoever answers: a backend here, a peer, or a cloud.

An answer is any number of `Delta`, then exactly one `Finished`. Everything else is a failure and is raised.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer, of choice `index`.

    `extra` is the UTF-8 JSON object of the other members of an OpenAI `choices[].delta` (`tool_calls`, `refusal`,
    `reasoning_content`), empty when there are none; its `tool_calls` follow OpenAI's chunk format.
    """

    content: str
    extra: bytes = b""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer is there. Tokens are what the backend counted; `reason` is OpenAI's `finish_reason`.

    `estimated`: it counted none, or nonsense, and they are worked out from bytes, rather too many.
    """

    reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    estimated: bool = False


AnswerEvent = Delta | Finished
