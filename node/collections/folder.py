"""The documents below a folder: regular files, no links, nothing hidden, nothing of ours."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file. `path` is below the folder, with slashes."""

    path: str
    size: int
    mtime_ns: int


def documents(root: Path, excluded: Path) -> Iterator[Entry]:
    """Every document, in a fixed order. Links are not followed: they lead out of what the owner named.

    Hidden files hold settings and keys, not documents; `excluded` is where the index itself is kept.
    """
    count = 0
    for directory, names, files in os.walk(root, followlinks=False):
        here = Path(directory)
        names[:] = sorted(name for name in names if not name.startswith(".") and here / name != excluded)
        for name in sorted(files):
            if name.startswith("."):
                continue
            try:
                state = (here / name).lstat()
                path = (here / name).relative_to(root).as_posix()
                path.encode("utf-8")
            except (OSError, UnicodeEncodeError):
                continue  # gone meanwhile, or a name that no answer could cite
            if stat.S_ISREG(state.st_mode) and count < FILES_MAX:
                count += 1
                yield Entry(path, state.st_size, state.st_mtime_ns)


def read_document(root: Path, entry: Entry, bytes_max: int) -> bytes | None:
    """The file's bytes; None when it went away, became something else, or may not be read."""
    try:
        descriptor = os.open(root / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        try:
            data = file.read(bytes_max + 1)
        except OSError:
            return None
    return data if len(data) <= bytes_max else None
