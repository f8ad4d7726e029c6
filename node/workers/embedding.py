"""An embedding model of the owner's: llama.cpp in a process of its own. `python -m node.workers.embedding FD …`.

The frames are those of node/workers/llama.py; a request's body is a chat of one message for each text, and each `delta`
holds the vector of one of them, in their order (node/vectors.py). A text is given to llama.cpp by itself, so that a
cancel is seen between two.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from node.link import BlockingLink
from node.vectors import delta_of, packed, texts_of
from node.workers.llama import Job, LlamaWorker, failure_of, open_server, usable_cpus
from protocol.answers import Finished
from protocol.chat import ChatRequest
from protocol.errors import LinkError, StateError

SLOTS = 1  # a text is one batch, which takes all threads
CHECK = "a"  # a text that every model reads: whether the file gives vectors shows when it is asked for one
POOLINGS = {"mean": "MEAN", "cls": "CLS", "last": "LAST"}


class EmbeddingWorker(LlamaWorker):
    """A worker whose answers are vectors."""

    def __init__(self, link: BlockingLink, server: Any) -> None:
        super().__init__(link, server, SLOTS)
        self._embedding = server

    def read(self, data: bytes, max_tokens: int) -> dict[str, Any]:
        return {"texts": texts_of(ChatRequest.parse(data).body)}

    def work(self, job: Job, body: Mapping[str, Any]) -> Finished | None:
        tokens = 0
        for text in body["texts"]:
            if job.cancelled:
                return None
            answer = self._embedding.handle_embeddings({"input": text, "encoding_format": "base64"})
            if (error := answer.get("error")) is not None:
                job.failure = failure_of(error)
                return None
            if not self.relay(job, delta_of(packed(answer["data"][0]["embedding"]))):
                return None
            tokens += int(answer["usage"]["prompt_tokens"])
        return Finished("stop", tokens, 0)


def open_embedding(model: Path, pooling: str | None, context_tokens: int, threads: int) -> Any:
    """llama.cpp with the model loaded, and seen to give a vector. Raises StateError."""
    server = open_server(model, SLOTS, context_tokens, threads, partial(_for_vectors, pooling, context_tokens))
    if server.handle_embeddings({"input": CHECK}).get("error") is not None:
        raise StateError(
            f'{model.name} gives no vectors: not an embedding model, or `pooling = "last"` (or mean, cls) is missing'
        )
    return server


def _for_vectors(pooling: str | None, context_tokens: int, parameters: Any) -> None:
    import xllamacpp

    parameters.embedding = True
    parameters.n_batch = parameters.n_ubatch = context_tokens  # such a model reads a text in one batch or not at all
    if pooling is not None:
        parameters.pooling_type = xllamacpp.llama_pooling_type[f"LLAMA_POOLING_TYPE_{POOLINGS[pooling]}"]


def serve(link: BlockingLink, options: argparse.Namespace) -> None:
    """Loads the model and answers until the core is gone. Raises LinkError when it went during the loading.

    Ends the process where the file gives no vectors.
    """
    try:
        server = open_embedding(options.model, options.pooling, options.context, options.threads)
    except StateError as error:
        link.send("unusable", why=str(error))
        os._exit(0)  # freed this soon after its start, llama.cpp's server waits for ever for its own listener
    link.send("ready", model=options.model.stem, context_tokens=options.context, slots=SLOTS)
    EmbeddingWorker(link, server).run()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="node.workers.embedding")
    parser.add_argument("fd", type=int)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file; its name without .gguf is the model's")
    parser.add_argument("--pooling", choices=sorted(POOLINGS), help="as the file says where it is not given")
    parser.add_argument("--context", type=int, required=True, help="tokens of one text")
    parser.add_argument("--threads", type=int, default=usable_cpus())
    options = parser.parse_args(arguments)
    with contextlib.suppress(LinkError):  # the core is gone
        serve(BlockingLink.from_fd(options.fd), options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
