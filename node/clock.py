"""The one place that reads the clocks; everything else takes a `Now`."""

import time

from protocol.terms import Now


def local_minute(moment: Now) -> int:
    """Of the week, from Monday 00:00, where this device says it is."""
    local = time.localtime(moment.wall_s)
    return (local.tm_wday * 24 + local.tm_hour) * 60 + local.tm_min


def now() -> Now:
    """This moment. The monotonic clock stands still for nobody; it means nothing outside this boot."""
    return Now(mono_ms=time.monotonic_ns() // 1_000_000, wall_s=int(time.time()))
