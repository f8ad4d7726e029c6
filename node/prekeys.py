"""The 24-hour keys that peers seal requests for. They live in memory: what is gone opens nothing recorded."""

from collections.abc import Mapping

from node.store.files import Entropy
from protocol.keys import KEY_BYTES, SealingPair
from protocol.records import prekey_id

PREKEY_LIFE_S = 86_400  # then a new one is stated
PREKEY_KEPT_S = PREKEY_LIFE_S + 3_600  # the old one opens what was sealed before the new one was known


class Prekeys:
    """One node's prekeys, newest last."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._pairs: list[tuple[int, SealingPair]] = []

    def newest(self, mono_ms: int) -> SealingPair:
        """The one to state now; ages run on the monotonic clock."""
        now_s = mono_ms // 1000
        self._pairs = [(made_s, pair) for made_s, pair in self._pairs if now_s - made_s < PREKEY_KEPT_S]
        if not self._pairs or now_s - self._pairs[-1][0] >= PREKEY_LIFE_S:
            self._pairs.append((now_s, SealingPair(self._entropy(KEY_BYTES))))
        return self._pairs[-1][1]

    def by_id(self) -> Mapping[bytes, SealingPair]:
        """Those that still open envelopes."""
        return {prekey_id(pair.public): pair for _, pair in self._pairs}
