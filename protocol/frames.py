"""What every frame between islands has in common: canonical bytes of one map, whose member `t` names its kind."""

from collections.abc import Iterator
from contextlib import contextmanager

from protocol.encoding import Fields
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


def entries(fields: Fields, name: str, items_max: int, length: int) -> Iterator[Fields]:
    """A list of lists of `length`, whose members are read as "0", "1", …: names would be most of a digest's bytes."""
    for index, value in enumerate(fields.items(name, items_max)):
        where = f"{fields.path(name)}[{index}]"
        if type(value) is not list or len(value) != length:
            raise RecordError(where, f"expected a list of {length}")
        yield Fields({str(place): item for place, item in enumerate(value)}, where)


def blobs(fields: Fields, name: str, items_max: int, bytes_max: int) -> tuple[bytes, ...]:
    """A list of byte strings, each of at most `bytes_max`."""
    values = fields.items(name, items_max)
    for index, value in enumerate(values):
        if type(value) is not bytes or len(value) > bytes_max:
            raise RecordError(f"{fields.path(name)}[{index}]", f"expected at most {bytes_max} bytes")
    return tuple(value for value in values if type(value) is bytes)
