"""About how long texts are, in tokens, where no tokenizer is asked. Pure."""

from protocol.chat import ChatRequest

BYTES_PER_TOKEN = 3  # of UTF-8; English has about 4, code and other scripts fewer: rather too many tokens
TOKENS_PER_MESSAGE = 8


def prompt_tokens(request: ChatRequest) -> int:
    """About how many tokens the request has; rather too many."""
    texts = sum(about_tokens(part.text) + 1 for part in request.texts())
    return texts + TOKENS_PER_MESSAGE * (len(request.body["messages"]) + 1)


def about_tokens(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN
