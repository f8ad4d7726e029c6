"""What one client may ask of the HTTP edge. Source: specs/decisions on the edge; design, section 4."""

from dataclasses import dataclass

HEADER_BYTES_MAX = 16_384  # request line and headers, as sent
HEADER_S_MAX = 10.0  # from the first byte (from the connection, for its first request) to the empty line
BODY_BYTES_MAX = 8 * 1024 * 1024  # the bound of protocol.chat too
BODY_S_MAX = 30.0
CONNECTIONS_MAX = 64
PIPELINED_MAX = 8  # requests of one connection that wait for their turn; no client in use sends more than one
IDLE_S_MAX = 75.0  # a kept-alive connection without a request
WRITE_S_MAX = 300.0  # a reader that pauses: 15 s must lose nothing, and a laptop's lid is not our business
LINGER_S_MAX = 2.0  # reading on after an early answer, so that a reset does not eat it
LINGER_BYTES_MAX = 2 * BODY_BYTES_MAX

RECEIVE_BYTES = 65_536

assert HEADER_S_MAX < IDLE_S_MAX
assert WRITE_S_MAX >= 10 * 15


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force; tests shrink them."""

    header_bytes: int = HEADER_BYTES_MAX
    header_s: float = HEADER_S_MAX
    body_bytes: int = BODY_BYTES_MAX
    body_s: float = BODY_S_MAX
    connections: int = CONNECTIONS_MAX
    idle_s: float = IDLE_S_MAX
    write_s: float = WRITE_S_MAX
    linger_s: float = LINGER_S_MAX
