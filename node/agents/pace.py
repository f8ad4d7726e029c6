"""How soon offers answer, as far as no request is needed to tell. Source: specs/09-decision.md, "Resources"."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from node.agents.columns import Floats, Ints, Mask

RETRY_S = 10.0  # what an attempt that fails costs before the next one begins


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """What the seconds of service are multiplied by, and what comes on top. NaN where an estimate is none."""

    waiting: Floats  # 1 where a slot is free; for each that comes before, a service shared among the slots
    worse: Floats  # the bad end of the doubt
    better: Floats  # the good end
    failing_s: Floats  # what the attempts that fail are expected to cost

    @classmethod
    def of(
        cls,
        *,
        slots: Ints,
        free: Ints,
        queue: Ints,
        ttft_s: Floats,
        prefill_tokens_per_s: Floats,
        tokens_per_s: Floats,
        doubt: Floats,
        failure_rate: Floats,
        probation: Mask,
    ) -> Self:
        sound = (ttft_s >= 0) & (prefill_tokens_per_s > 0) & (tokens_per_s > 0)
        sound &= (doubt >= 0) & (doubt <= 1) & (failure_rate >= 0) & (failure_rate < 1)
        believed = np.where(probation, 1.0, doubt)
        waiting = np.where(free > 0, 1.0, 1.0 + (queue + 1) / np.maximum(slots, 1))
        with np.errstate(all="ignore"):
            failing_s = failure_rate / (1.0 - failure_rate) * RETRY_S
        return cls(np.where(sound, waiting, np.nan), 1.0 + believed, 1.0 - believed, failing_s)
