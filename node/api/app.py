"""The HTTP edge as one ASGI application: a table of endpoints, and one place where errors become answers.

A table of some thirty paths needs no framework: Starlette's router, request and response were left out because they add
more to a request than everything else here.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from node.api.anthropic_messages import AnthropicMessages
from node.api.completions import Completions
from node.api.connection import KNOWN_SENDER, Receive, Send
from node.api.dashboard import PAGES, Dashboard
from node.api.embeddings import Embeddings
from node.api.exchange import Exchange
from node.api.faults import INTERNAL, Dialect, fault_of, where
from node.api.management import ManagementRoutes
from node.api.ollama import OllamaChat
from node.api.ollama_models import OllamaModels
from node.api.openai_chat import Clock, OpenAiChat
from node.api.ports import Execution, Management, Metric, StoredResponses
from node.api.response import Message
from node.api.responses import Responses
from node.api.security import Access, Guard, Keys, check_json
from protocol.errors import CutAnswerError, HttpError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path and method. A path that ends in `/*` takes what follows as `Exchange.rest`."""

    method: str
    path: str
    access: Access
    handle: Callable[[Exchange], Awaitable[None]]
    dialect: Dialect = Dialect.OPENAI


class Api:
    """`async def __call__(scope, receive, send)`: ASGI 3. `port` is the one that clients name in Host."""

    def __init__(
        self,
        execution: Execution,
        management: Management,
        stored: StoredResponses,
        *,
        keys: Keys,
        port: int,
        clock: Clock,
    ) -> None:
        self.answered: Counter[tuple[str, int]] = Counter()  # by path of the endpoint and status; for the metrics
        self._guard = Guard(port, keys)
        self._exact: dict[str, dict[str, Endpoint]] = {}
        self._below: dict[str, dict[str, Endpoint]] = {}
        for endpoint in _endpoints(execution, management, stored, clock, self.metrics):
            table = self._below if endpoint.path.endswith("*") else self._exact
            table.setdefault(endpoint.path.rstrip("*"), {})[endpoint.method] = endpoint

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        path = "-"
        try:
            self._guard.check_sender(exchange.headers)
            endpoint = self._find(exchange)
            path = endpoint.path
            exchange.dialect = endpoint.dialect
            exchange.key_name = self._guard.check_key(exchange.headers, endpoint.access)
            if endpoint.access is not Access.OPEN:
                scope.get("extensions", {}).get(KNOWN_SENDER, _nothing)()
            if endpoint.method == "POST":
                check_json(exchange.headers)
            await endpoint.handle(exchange)
        except Exception as error:  # noqa: BLE001 - every error is told to the client here, or cuts its stream
            await _tell(exchange, error)
        finally:
            self.answered[path, exchange.status] += 1

    def metrics(self) -> Sequence[Metric]:
        samples = [({"path": path, "status": str(status)}, count) for (path, status), count in self.answered.items()]
        return (Metric("islandrun_http_requests_total", "counter", "Requests by path and status.", samples),)

    def _find(self, exchange: Exchange) -> Endpoint:
        methods = self._exact.get(exchange.path)
        if methods is None:
            for prefix, below in self._below.items():
                if exchange.path.startswith(prefix) and len(exchange.path) > len(prefix):
                    methods, exchange.rest = below, exchange.path.removeprefix(prefix)
        if methods is None:
            raise HttpError(404, "not_found", "no such path on this node")
        endpoint = methods.get("GET" if exchange.method == "HEAD" else exchange.method)
        if endpoint is None:
            raise HttpError(405, "method_not_allowed", "not with this method", headers=(("allow", ", ".join(methods)),))
        return endpoint


def _nothing() -> None:
    """What another ASGI server offers in place of the extension."""


async def _tell(exchange: Exchange, error: Exception) -> None:
    fault = fault_of(error)
    if fault is None:
        log.error("a handler failed: %s", where(error))
    if not await exchange.tell(fault or INTERNAL):
        raise CutAnswerError("answer_cut", "the answer ended after it had begun") from error


def _endpoints(
    execution: Execution,
    management: Management,
    stored: StoredResponses,
    clock: Clock,
    metrics: Callable[[], Sequence[Metric]],
) -> list[Endpoint]:
    chat = OpenAiChat(execution, management, clock)
    responses = Responses(execution, stored, clock)
    models = OllamaModels(management)
    ollama = OllamaChat(execution, models, clock)
    manage = ManagementRoutes(management, metrics)
    dashboard = Dashboard()
    inference, owner = Access.INFERENCE, Access.OWNER
    return [
        Endpoint("POST", "/v1/chat/completions", inference, chat.complete),
        Endpoint("POST", "/v1/completions", inference, Completions(execution, clock).complete),
        Endpoint("POST", "/v1/embeddings", inference, Embeddings(execution).create),
        Endpoint("POST", "/v1/messages", inference, AnthropicMessages(execution).create, Dialect.ANTHROPIC),
        Endpoint("POST", "/v1/responses", inference, responses.create),
        Endpoint("GET", "/v1/responses/*", inference, responses.retrieve),
        Endpoint("DELETE", "/v1/responses/*", inference, responses.remove),
        Endpoint("GET", "/v1/models", inference, chat.models),
        Endpoint("GET", "/v1/models/*", inference, chat.model),
        Endpoint("POST", "/api/chat", inference, ollama.chat, Dialect.OLLAMA),
        Endpoint("POST", "/api/generate", inference, ollama.generate, Dialect.OLLAMA),
        Endpoint("GET", "/api/tags", inference, models.tags, Dialect.OLLAMA),
        Endpoint("POST", "/api/show", inference, models.show, Dialect.OLLAMA),
        Endpoint("GET", "/api/version", inference, models.version, Dialect.OLLAMA),
        Endpoint("GET", "/api/status", owner, manage.status),
        Endpoint("GET", "/api/islands", owner, manage.islands),
        Endpoint("POST", "/api/explain", owner, manage.explain),
        Endpoint("GET", "/api/ledger", owner, manage.ledger),
        Endpoint("GET", "/api/ledger/*", owner, manage.ledger_entry),
        Endpoint("GET", "/api/events", owner, manage.events),
        Endpoint("GET", "/api/pair", owner, manage.pair_state),
        Endpoint("POST", "/api/pair", owner, manage.pair_open),
        Endpoint("DELETE", "/api/pair", owner, manage.pair_cancel),
        Endpoint("POST", "/api/pair/join", owner, manage.pair_join),
        Endpoint("POST", "/api/revoke", owner, manage.revoke),
        Endpoint("GET", "/api/data", owner, manage.data_list),
        Endpoint("POST", "/api/data", owner, manage.data_add),
        Endpoint("POST", "/api/data/*", owner, manage.data_grant),
        Endpoint("DELETE", "/api/data/*", owner, manage.data_remove),
        Endpoint("GET", "/api/conversations", owner, manage.conversations),
        Endpoint("DELETE", "/api/conversations", owner, manage.conversations_remove),
        Endpoint("DELETE", "/api/conversations/*", owner, manage.conversation_remove),
        Endpoint("POST", "/api/reload", owner, manage.reload),
        Endpoint("GET", "/metrics", owner, manage.metrics),
        Endpoint("GET", "/health", Access.OPEN, dashboard.health),
        *(Endpoint("GET", path, Access.OPEN, dashboard.page) for path in PAGES),
    ]
