"""Which rows of a table a name means. Made once for the rows, shared by every refreshment of them."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from node.agents.standing import Standing
    from node.agents.table import Offer

Rows = npt.NDArray[np.intp]
Words = npt.NDArray[np.uint64]
K = TypeVar("K")

NO_ROWS: Rows = np.zeros(0, dtype=np.intp)


class Index:
    """Each look-up is built when it is first asked for. `standings` is what `node.agents.standing` keeps here."""

    def __init__(self, offers: Sequence["Offer"]) -> None:
        self._offers = offers
        self.standings: list[Standing] = []

    def named(self, name: str) -> int | None:
        return self._names.get(name)

    def of_model(self, model: str) -> Rows:
        return self.models.get(model, NO_ROWS)

    def of_island(self, island: str) -> Rows:
        return self._islands.get(island, NO_ROWS)

    def of_provider(self, provider: str) -> Rows:
        return self._providers.get(provider, NO_ROWS)

    def of_answerer(self, answerer: str) -> Rows:
        """By the island's id, or the name of what has none: a provider."""
        return self._answerers.get(answerer, NO_ROWS)

    def holders(self, collection: bytes) -> Rows:
        return self._holders.get(collection, NO_ROWS)

    @cached_property
    def models(self) -> dict[str, Rows]:
        return self._by(lambda offer: (offer.model,))

    @cached_property
    def words(self) -> Words:
        """Of each name, what a seed shuffles equals by."""
        return np.array([word(offer.name.encode()) for offer in self._offers], dtype=np.uint64)

    @cached_property
    def _names(self) -> dict[str, int]:
        return {offer.name: row for row, offer in enumerate(self._offers)}

    @cached_property
    def _islands(self) -> dict[str, Rows]:
        return self._by(lambda offer: (offer.island,))

    @cached_property
    def _providers(self) -> dict[str, Rows]:
        return self._by(lambda offer: (offer.provider,) if offer.provider else ())

    @cached_property
    def _answerers(self) -> dict[str, Rows]:
        return self._by(lambda offer: (offer.island_id or offer.island,))

    @cached_property
    def _holders(self) -> dict[bytes, Rows]:
        return self._by(lambda offer: offer.collections)

    def _by(self, keys: "Callable[[Offer], Iterable[K]]") -> dict[K, Rows]:
        found: dict[K, list[int]] = {}
        for row, offer in enumerate(self._offers):
            for key in keys(offer):
                found.setdefault(key, []).append(row)
        return {key: np.array(rows, dtype=np.intp) for key, rows in found.items()}


def word(data: bytes) -> np.uint64:
    """64 bits that stand for `data`: the first 8 bytes of its BLAKE2b of that length, big-endian."""
    return np.uint64(int.from_bytes(blake2b(data, digest_size=8).digest(), "big"))
