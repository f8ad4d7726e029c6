"""What every frame between islands has in common: canonical bytes of one map, whose member `t` names its kind."""

from collections.abc import Iterator
from contextlib import contextmanager

from protocol.errors import EncodingError, PeerError, RecordError, Reply

KIND = "t"


@contextmanager
def peers_fault(where: str, fault: type[PeerError] = PeerError, reply: Reply = Reply.RESET_STREAM) -> Iterator[None]:
    """Inside it, whatever a peer's bytes break is that peer's fault, and earns `reply`."""
    try:
        yield
    except RecordError as error:
        raise fault(error.field, error.problem, reply) from None
    except EncodingError as error:
        raise fault(where, str(error), reply) from None
