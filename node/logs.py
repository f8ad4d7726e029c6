"""Structured logs: one JSON object a line, on stderr. Only what a caller names goes in; never prompt or answer text."""

import json
import logging
import sys
from typing import TextIO

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}

OURS = ("islandrun", "node", "protocol")


class JsonLines(logging.Formatter):
    """Time in Unix seconds, level, logger, message, and the fields that the caller gave as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **fields,
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__  # its text may quote what it was working on
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """For a whole process. `level` is for this project alone: libraries log requests, and are held at warnings."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for ours in OURS:
        logging.getLogger(ours).setLevel(level)
