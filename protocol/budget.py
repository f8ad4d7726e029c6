"""A token bucket on a clock that is handed in: how much of something a peer may cost us."""


class Budget:
    """`per_s` tokens a second, at most `burst` of them saved up. Counts in thousandths, so that no float drifts."""

    __slots__ = ("_burst", "_per_s", "_thousandths", "_updated_ms")

    def __init__(self, per_s: int, burst: int, now_ms: int) -> None:
        self._per_s = per_s
        self._burst = burst * 1000
        self._thousandths = self._burst
        self._updated_ms = now_ms

    def take(self, now_ms: int) -> bool:
        """Takes one token, if there is one."""
        grown = max(0, now_ms - self._updated_ms) * self._per_s
        self._thousandths = min(self._burst, self._thousandths + grown)
        self._updated_ms = max(now_ms, self._updated_ms)
        if self._thousandths < 1000:
            return False
        self._thousandths -= 1000
        return True
