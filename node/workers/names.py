"""The name models, in a process of their own.

`python -m node.workers.names FD` speaks node/link.py frames over the inherited socket: `find` {id, texts, segments} is
answered with `found` {id, readings} or `failed` {id, why}; `ready` {} is sent once the models are loaded.
"""

import logging
import sys
from collections.abc import Sequence

from node.link import BlockingLink, Frame
from node.privacy.names import Reading
from node.workers.name_models import NameModels
from protocol.errors import LinkError


def encode_reading(reading: Reading) -> dict[str, object]:
    return {
        "spans": [[s.start, s.end, s.label, s.score, s.model] for s in reading.spans],
        "guesses": [[g.language, g.confidence] for g in reading.guesses],
    }


def _answer(link: BlockingLink, models: NameModels, frame: Frame) -> None:
    texts = [str(text) for text in frame.items("texts")]
    segments = [[str(piece) for piece in of_text] for of_text in frame.items("segments") if isinstance(of_text, list)]
    try:
        readings = models.find(texts, segments)
    except Exception as error:  # noqa: BLE001 - whatever a model does, its text is restricted and the worker lives on
        link.send("failed", id=frame.number("id"), why=type(error).__name__)
        return
    link.send("found", id=frame.number("id"), readings=[encode_reading(reading) for reading in readings])


def main(arguments: Sequence[str]) -> int:
    """Ends with 0 when the core closes the link."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    link = BlockingLink.from_fd(int(arguments[0]))
    try:
        models = NameModels()
        link.send("ready")
        while True:
            frame = link.receive()
            if frame.kind == "find":
                _answer(link, models, frame)
    except LinkError:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
