"""Files that must be whole, private, or both: atomic writes, 0600 reads, the state directory.

A plain overwrite on a full disk leaves an empty file, so everything is written beside its place, synced, and
moved there.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import StateError

Entropy = Callable[[int], bytes]
"""Gives that many random bytes; shells hand in `os.urandom`, tests a seeded one."""

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700
PRIVATE_BYTES_MAX = 65_536


def write_atomic(path: Path, data: bytes) -> None:
    """Puts `data` at `path`, mode 0600, or leaves what was there. Raises StateError when the disk refuses."""
    temporary = _temporary(path)
    try:
        _write_synced(temporary, data)
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise StateError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def create_atomic(path: Path, data: bytes) -> bool:
    """Like `write_atomic`, but never replaces: False when `path` is already there, whole, by somebody else's hand."""
    temporary = _temporary(path)
    try:
        _write_synced(temporary, data)
        try:
            # A hard link appears with its whole content or not at all, and refuses to replace.
            os.link(temporary, path)
        except FileExistsError:
            return False
        _sync_directory(path.parent)
    except OSError as error:
        raise StateError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return True


def read_private(path: Path) -> bytes | None:
    """The file's bytes; None when there is no such file. Raises StateError when others may read or replace it."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            refuse_shared(path, state)
            data = file.read(PRIVATE_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > PRIVATE_BYTES_MAX:
        raise StateError(f"{path}: longer than {PRIVATE_BYTES_MAX} bytes: not a file of IslandRun")
    return data


def refuse_shared(path: Path, state: os.stat_result) -> None:
    """Raises StateError unless the file is this user's alone."""
    if state.st_uid != os.geteuid():
        raise StateError(f"{path}: belongs to another user: expected a file of the user who runs the node")
    mode = stat.S_IMODE(state.st_mode)
    if mode & 0o077:
        raise StateError(f"{path}: mode {mode:04o}: others can read it: expected 0600 (chmod 600 {path})")


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """Where a node keeps what it is and what it did; nobody else's to read."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> "StateDirectory":
        """Makes the directory, or tightens one of ours to 0700. Raises StateError."""
        try:
            path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            state = path.stat()
            if state.st_uid != os.geteuid():
                raise StateError(f"{path}: belongs to another user: expected a directory of the user who runs the node")
            if stat.S_IMODE(state.st_mode) & 0o077:
                path.chmod(PRIVATE_DIRECTORY)
        except OSError as error:
            raise StateError(f"{path}: cannot hold the state: {error.strerror}") from error
        return cls(path)

    @property
    def identity(self) -> Path:
        return self.path / "identity.key"

    @property
    def database(self) -> Path:
        return self.path / "islandrun.db"

    @property
    def conversations_key(self) -> Path:
        return self.path / "conversations.key"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def boot(self) -> Path:
        return self.path / "boot"

    @property
    def named_keys(self) -> Path:
        return self.path / "keys"

    @property
    def collections(self) -> Path:
        return self.path / "collections"


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.new")


def _write_synced(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
