"""The collections that this island holds, and who may ask them.

The certificate is the authority: a person's islands carry the random ids of what they may ask. Whoever may not is told
the same as of a collection that does not exist.
"""

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from node.agents.policy import DEFAULT_CLEARANCE, Clearance
from node.collections.index import Index
from node.collections.terms import COLLECTION_ID_BYTES, CollectionId, Grant, Held, Indexed, Notice, Passage
from node.collections.update import Progress
from node.store.files import PRIVATE_DIRECTORY, Entropy
from protocol.errors import RefusedError, StateError
from protocol.members import Member
from protocol.terms import Sensitivity, Tier

_log = logging.getLogger(__name__)

COLLECTION_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
PASSAGES_DEFAULT = 8


def covers(clearance: Sequence[Clearance], tier: Tier, label: Sensitivity) -> bool:
    """Whether text of this label may be seen at this tier as it is."""
    most = clearance[tier].as_is
    return most is not None and label <= most


class Collections:
    """All methods block on the disk: call them in a thread. `add` runs one at a time.

    `own` and `visible_to` alone are quick enough for an event loop once they were called: they look whether a file has
    changed, and read only what has.
    """

    def __init__(self, directory: Path, clearance: Sequence[Clearance] = DEFAULT_CLEARANCE) -> None:
        self._directory = directory
        self.clearance = tuple(clearance)
        self._adding = threading.Lock()
        self._known: dict[Path, tuple[tuple[int, ...], Notice | None]] = {}

    def add(
        self, name: str, root: Path, label: Sensitivity, entropy: Entropy, progress: Progress | None = None
    ) -> Indexed:
        """Makes a collection of the folder, or brings the one of that name up to date with it. Raises StateError."""
        if not COLLECTION_NAME.fullmatch(name):
            raise StateError(f"collection {name!r}: expected small letters, digits, dot, dash and underscore")
        root = root.absolute()
        if not root.is_dir():
            raise StateError(f"{root}: no such folder")
        with self._alone():
            index = self._find(name)
            if index is None:
                self._directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
                collection = CollectionId(entropy(COLLECTION_ID_BYTES))
                index = Index.create(self._path(collection), collection, name, label, root)
            else:
                index.describe(label, root)
            return index.update(self._directory, progress)

    def remove(self, name: str) -> bool:
        """Forgets a collection without trace; the documents stay. False when there is none of that name.

        Raises StateError while one is being read: what is taken away then would be written anew.
        """
        with self._alone():
            index = self._find(name)
            if index is not None:
                index.erase()
            return index is not None

    def grant(self, name: str, person: str) -> Grant:
        """What must go into new certificates before the person's islands may ask. Raises StateError."""
        index = self._find(name)
        if index is None:
            raise StateError(f"no collection {name}: `islandrun data list` names those that are held here")
        return Grant(person, index.notice().id)

    def held(self) -> tuple[Held, ...]:
        """For the owner: every collection, by name."""
        return tuple(sorted((index.held() for index in self._indices()), key=lambda held: held.notice.name))

    def own(self) -> tuple[Notice, ...]:
        """For requests of this island itself, which need no grant: nothing crosses to anybody."""
        notices = [notice for index in self._indices() if (notice := self._notice(index)) is not None]
        return tuple(sorted(notices, key=lambda notice: notice.name))

    def visible_to(self, member: Member, tier: Tier) -> tuple[Notice, ...]:
        """What a member is told of: granted by its certificate, and of a label that its tier covers. Nothing else."""
        return tuple(notice for notice in self.own() if self._may_ask(member, tier, notice))

    def answer(
        self, member: Member, tier: Tier, collection: CollectionId, question: str, limit: int = PASSAGES_DEFAULT
    ) -> tuple[Notice, tuple[Passage, ...]]:
        """The best passages for a member's question, and what they raise the request to (the notice's label).

        Raises RefusedError, in the same words for a collection that is not granted and for one that is not here.
        """
        index = Index(self._path(collection))
        notice = self._notice(index) if len(collection) == COLLECTION_ID_BYTES else None
        if notice is None or not self._may_ask(member, tier, notice):
            raise RefusedError("unknown_collection", "no such collection is held here for this person", reachable=True)
        return notice, index.search(question, limit)

    def search(self, collection: CollectionId, question: str, limit: int = PASSAGES_DEFAULT) -> tuple[Passage, ...]:
        """For requests of this island itself. Raises StateError when the collection is not held."""
        index = Index(self._path(collection))
        if not index.path.exists():
            raise StateError("no such collection is held here")
        return index.search(question, limit)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._adding.acquire(blocking=False):
            raise StateError("a collection is being read: try again when it is done")
        try:
            yield
        finally:
            self._adding.release()

    def _notice(self, index: Index) -> Notice | None:
        mark = index.mark()
        if mark is None:
            self._known.pop(index.path, None)
            return None
        known = self._known.get(index.path)
        if known is None or known[0] != mark:
            known = (mark, _readable_notice(index))
            self._known[index.path] = known
        return known[1]

    def _may_ask(self, member: Member, tier: Tier, notice: Notice) -> bool:
        return notice.id in member.grants and covers(self.clearance, tier, notice.label)

    def _path(self, collection: CollectionId) -> Path:
        return self._directory / f"{collection.hex()}.db"

    def _indices(self) -> tuple[Index, ...]:
        return tuple(Index(path) for path in sorted(self._directory.glob("*.db")))

    def _find(self, name: str) -> Index | None:
        named = ((index, self._notice(index)) for index in self._indices())
        return next((index for index, notice in named if notice is not None and notice.name == name), None)


def _readable_notice(index: Index) -> Notice | None:
    """A collection whose file is damaged is not there; the others are."""
    try:
        return index.notice()
    except StateError as error:
        _log.error("collection_unreadable", extra={"why": str(error)})
        return None
