"""One TCP connection under libp2p: its address is known for IPv6 too, a stranger's bytes are counted, it can be cut."""

import contextlib
import socket
from collections.abc import Sequence

import trio
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError

from node.mesh.endpoint import Endpoint
from protocol.errors import LinkError

STRANGER_BYTES_MAX = 64 * 1024  # the greeting (16 KiB) and its wrapping, four times over
READ_BYTES = 64 * 1024
BACKLOG = 64
# A cable that is pulled says nothing: the system notices after about 15 s.
KEEPALIVE_IDLE_S = 6
KEEPALIVE_INTERVAL_S = 3
KEEPALIVE_PROBES = 3
UNACKNOWLEDGED_MS_MAX = 15_000


class Wire(ReadWriteCloser):  # type: ignore[misc]
    """What libp2p reads and writes. py-libp2p's own knows no IPv6 address and cannot be closed while a write blocks."""

    def __init__(self, stream: trio.SocketStream, *, dialled: bool) -> None:
        self._stream = stream
        self._reading = trio.Lock()
        self._writing = trio.Lock()
        self._allowance: int | None = None if dialled else STRANGER_BYTES_MAX
        self.dialled = dialled
        self.closed = trio.Event()
        self.remote = _endpoint(stream.socket.getpeername())
        _harden(stream.socket)

    def trust(self) -> None:
        """The other side is a member: its bytes are counted no longer."""
        self._allowance = None

    async def read(self, n: int | None = None) -> bytes:
        async with self._reading:
            if n == 0:
                return b""
            try:
                data = bytes(await self._stream.receive_some(min(n or READ_BYTES, READ_BYTES)))
            except trio.BrokenResourceError as error:
                raise ConnectionClosedError("reset by the peer", transport="tcp") from error
            except trio.ClosedResourceError:
                return b""
        if self._allowance is not None:
            self._allowance -= len(data)
            if self._allowance < 0:
                self.cut()
                return b""
        return data

    async def write(self, data: bytes) -> None:
        async with self._writing:
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise ConnectionClosedError("connection closed", transport="tcp") from error

    async def close(self) -> None:
        self.cut()
        await trio.lowlevel.checkpoint()

    def cut(self) -> None:
        """Closes the socket at once, whatever waits on it."""
        self._stream.socket.close()
        self.closed.set()

    def get_remote_address(self) -> tuple[str, int]:
        return self.remote.host, self.remote.port


async def connect(endpoint: Endpoint) -> Wire:
    """Raises LinkError. Bounded by the caller's deadline."""
    family = socket.AF_INET6 if endpoint.is_ipv6 else socket.AF_INET
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        address: tuple[object, ...] = (endpoint.host, endpoint.port)
        if endpoint.is_ipv6:
            host, _, zone = endpoint.host.partition("%")
            address = (host, endpoint.port, 0, socket.if_nametoindex(zone) if zone else 0)
        await sock.connect(address)
        return Wire(trio.SocketStream(sock), dialled=True)
    except OSError as error:
        sock.close()
        raise LinkError(f"{endpoint}: {error.strerror or error}") from error
    except BaseException:
        sock.close()
        raise


def listen(endpoint: Endpoint) -> trio.SocketListener:
    """Raises LinkError that names the address. A port in use is refused: py-libp2p would share it in silence."""
    sock = socket.socket(socket.AF_INET6 if endpoint.is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.is_ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((endpoint.host, endpoint.port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
        return trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    except OSError as error:
        sock.close()
        raise LinkError(f"{endpoint}: {error.strerror or error}") from error


def usable(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Without those of IPv6 on a machine that has none, as long as others are left."""
    if any(not endpoint.is_ipv6 for endpoint in endpoints) and not _has_ipv6():
        return tuple(endpoint for endpoint in endpoints if not endpoint.is_ipv6)
    return tuple(endpoints)


def bound_endpoint(listener: trio.SocketListener) -> Endpoint:
    return _endpoint(listener.socket.getsockname())


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _endpoint(address: tuple[object, ...]) -> Endpoint:
    """As the system gives it; a link-local address means something only with its interface."""
    host, port = str(address[0]).partition("%")[0], address[1]
    if host.startswith("::ffff:") and "." in host:
        host = host[len("::ffff:") :]
    scope = address[3] if len(address) == 4 else 0
    if isinstance(scope, int) and scope:
        host = f"{host}%{socket.if_indextoname(scope)}"
    return Endpoint(host, int(str(port)))


def _harden(sock: trio.socket.SocketType) -> None:
    options = [
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", KEEPALIVE_PROBES),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", UNACKNOWLEDGED_MS_MAX),
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    ]
    for level, name, value in options:
        if hasattr(socket, name):  # macOS lacks some
            with contextlib.suppress(OSError):
                sock.setsockopt(level, getattr(socket, name), value)
