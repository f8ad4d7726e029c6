"""What several walls need."""

import io
import logging
from collections.abc import Iterator

import pytest

from node import logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that is logged at any level, tracebacks included, as a node's process writes it."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    logs.set_up(stream, logging.DEBUG)
    try:
        yield stream
    finally:
        root.handlers[:], root.level = before
        for ours in logs.OURS:
            logging.getLogger(ours).setLevel(logging.NOTSET)
