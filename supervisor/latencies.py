"""Percentiles of durations in a fixed amount of memory: a histogram whose buckets widen by 2 % each."""

import math
from typing import Final

_SMALLEST: Final = 1e-6
_GROWTH: Final = math.log(1.02)
_BUCKETS: Final = 1200
"""Enough for a microsecond to some hours."""


class Latencies:
    """Durations in seconds; a percentile is right within 1 %."""

    def __init__(self) -> None:
        self.count = 0
        self._buckets = [0] * _BUCKETS

    def add(self, seconds: float) -> None:
        self.count += 1
        place = int(math.log(seconds / _SMALLEST) / _GROWTH) if seconds > _SMALLEST else 0
        self._buckets[min(place, _BUCKETS - 1)] += 1

    def percentile(self, share: float) -> float | None:
        """The duration in seconds below which `share` (0 to 1) of all lie; None where there are none."""
        rank = math.ceil(self.count * share)
        seen = 0
        for place, count in enumerate(self._buckets):
            seen += count
            if count and seen >= rank:
                return _SMALLEST * math.exp((place + 0.5) * _GROWTH)
        return None


def milliseconds(seconds: float | None) -> str:
    """A duration for a reader: `3.1 ms`, `1,234 ms`, or a dash where there is none."""
    if seconds is None:
        return "-"
    thousandths = seconds * 1000
    return f"{thousandths:,.0f} ms" if thousandths >= 100 else f"{thousandths:.1f} ms"
