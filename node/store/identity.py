"""Who this island is, on disk: its two secret keys, how often it started, and that it runs only once.

`identity.key` is one line of text: `islandrun-identity-1 <base64 of seed ‖ sealing secret ‖ check>`. The check is the
first 8 bytes of the BLAKE2b of the rest, so that a flipped bit is noticed and never becomes a stranger's identity.
"""

import base64
import binascii
import fcntl
import hashlib
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from node.store.files import PRIVATE_FILE, Entropy, StateDirectory, create_atomic, read_private, write_atomic
from protocol.errors import StateError

SECRET_BYTES = 32
_HEADER = b"islandrun-identity-1 "
_CHECK_BYTES = 8
BOOT_MAX = 2**53 - 2  # integers of records stay within 2**53 - 1


@dataclass(frozen=True, slots=True)
class Identity:
    """The raw secrets: an Ed25519 seed, which is also the libp2p identity, and an X25519 sealing secret."""

    seed: bytes = field(repr=False)
    sealing_secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SECRET_BYTES or len(self.sealing_secret) != SECRET_BYTES:
            raise ValueError(f"both secrets have {SECRET_BYTES} bytes")


def load_or_create_identity(directory: StateDirectory, entropy: Entropy) -> Identity:
    """This island's identity; a fresh one only where nothing was ever there.

    Raises StateError where the file is corrupt (it is set aside), missing beside a state that had one, or readable by
    others: a lost identity is the owner's to decide about, never replaced in silence.
    """
    data = read_private(directory.identity)
    if data is None:
        _refuse_lost_identity(directory)
        identity = Identity(entropy(SECRET_BYTES), entropy(SECRET_BYTES))
        if create_atomic(directory.identity, _encode(identity)):
            return identity
        data = read_private(directory.identity)
    identity_or_none = _decode(data) if data is not None else None
    if identity_or_none is None:
        aside = _quarantine(directory.identity)
        raise StateError(
            f"{directory.identity}: corrupt; it is now {aside.name}. Put a copy back as {directory.identity.name}, "
            f"or remove {aside} to start as a new island, which has to be enrolled again"
        )
    return identity_or_none


def replace_identity(directory: StateDirectory, identity: Identity) -> None:
    """Makes `identity` this island's, at once or not at all."""
    write_atomic(directory.identity, _encode(identity))


def next_boot(directory: StateDirectory, wall_s: int) -> int:
    """The number of this start: above every earlier one. Call it once a start, with the lock held.

    It is at least the wall clock, so that statements of a node whose counter was lost or restored are still the newest.
    """
    data = read_private(directory.boot)
    try:
        last = int(data) if data is not None else 0
    except ValueError:
        last = 0
    if not 0 <= last < BOOT_MAX:
        last = 0
    boot = max(last + 1, wall_s)
    write_atomic(directory.boot, b"%d\n" % boot)
    return boot


class StateLock:
    """Holds the state for this process as long as it lives: the kernel lets go however the process ends."""

    def __init__(self, directory: StateDirectory) -> None:
        self._path = directory.lock
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises StateError that names the process which holds the state already."""
        with ExitStack() as undo:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
                undo.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                raise StateError(f"{self._path.parent}: process {holder} runs already on this state") from None
            except OSError as error:
                raise StateError(f"{self._path}: cannot be locked: {error.strerror}") from error
            undo.pop_all()
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def running_process(directory: StateDirectory) -> int | None:
    """The process that holds the state, None when nobody does."""
    try:
        descriptor = os.open(directory.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(descriptor)
    return None


def _encode(identity: Identity) -> bytes:
    secrets = identity.seed + identity.sealing_secret
    return _HEADER + base64.b64encode(secrets + _check(secrets)) + b"\n"


def _decode(data: bytes) -> Identity | None:
    if not data.startswith(_HEADER):
        return None
    try:
        body = base64.b64decode(data.removeprefix(_HEADER).removesuffix(b"\n"), validate=True)
    except binascii.Error:
        return None
    secrets, check = body[: 2 * SECRET_BYTES], body[2 * SECRET_BYTES :]
    if len(secrets) != 2 * SECRET_BYTES or check != _check(secrets):
        return None
    return Identity(secrets[:SECRET_BYTES], secrets[SECRET_BYTES:])


def _check(secrets: bytes) -> bytes:
    return hashlib.blake2b(_HEADER + secrets, digest_size=_CHECK_BYTES).digest()


def _refuse_lost_identity(directory: StateDirectory) -> None:
    asides = sorted(directory.path.glob(f"{directory.identity.name}.corrupt-*"))
    if asides:
        raise StateError(
            f"{directory.identity}: missing, and {asides[0].name} is corrupt. Put a copy back as "
            f"{directory.identity.name}, or remove {asides[0]} to start as a new island, which has to be enrolled again"
        )
    if directory.database.exists():
        raise StateError(
            f"{directory.identity}: missing beside {directory.database.name}. Put a copy back, or move "
            f"{directory.database} away to start as a new island, which has to be enrolled again"
        )


def _quarantine(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    path.rename(aside)
    return aside
