"""The documents below a folder: regular files, no links, nothing hidden, nothing of ours."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FILES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file. `path` is below the folder, with slashes."""

    path: str
    size: int
    mtime_ns: int


def documents(root: Path, excluded: Path, unopened: Callable[[str], object]) -> Iterator[Entry]:
    """Every document, in a fixed order. Links are not followed: they lead out of what the owner named.

    Hidden files hold settings and keys, not documents; `excluded` is where the index itself is kept. `unopened` is told
    of each folder below that cannot be listed: what is in it is unknown, not gone.
    """

    def failed(error: OSError) -> None:
        unopened(Path(os.fsdecode(error.filename)).relative_to(root).as_posix())

    count = 0
    for directory, names, files in os.walk(root, onerror=failed, followlinks=False):
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


def open_document(root: Path, path: str) -> int | None:
    """A descriptor of a regular file below `root`; None when it went away, became something else, or may not be opened.

    No link is followed on the way: none that was put there meanwhile leads out of the folder.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    here: int | None = None
    try:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        *folders, name = path.split("/")
        for folder in folders:
            above, here = here, os.open(folder, flags | os.O_DIRECTORY, dir_fd=here)
            os.close(above)
        found = os.open(name, flags | os.O_NONBLOCK, dir_fd=here)
    except OSError:
        return None
    finally:
        if here is not None:
            os.close(here)
    if stat.S_ISREG(os.fstat(found).st_mode):
        return found
    os.close(found)
    return None
