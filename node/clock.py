"""The one place that reads the clocks; everything else takes a `Now`."""

import time

from protocol.terms import Now


def now() -> Now:
    """This moment. The monotonic clock stands still for nobody; it means nothing outside this boot."""
    return Now(mono_ms=time.monotonic_ns() // 1_000_000, wall_s=int(time.time()))
