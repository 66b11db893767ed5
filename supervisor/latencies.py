"""Percentiles of durations in a fixed amount of memory, in the layout of HdrHistogram with three significant digits.

Not the package of that name: it has no wheel for Linux on ARM, and brings setuptools into every installation.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, Self

_DIGITS: Final = 11
"""Binary digits of a duration, in microseconds, that are kept: 1 in 1024."""


class Latencies:
    """Durations in seconds, to the microsecond; a percentile is right within 0.1 %."""

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0
        """The longest duration, in seconds, exactly."""
        self._buckets: defaultdict[int, int] = defaultdict(int)

    def add(self, seconds: float, count: int = 1) -> None:
        """Count a duration, as often as `count` says; one below zero counts as zero."""
        self.count += count
        self.longest = max(self.longest, seconds)
        self._buckets[_place(seconds)] += count

    def percentile(self, share: float) -> float | None:
        """The duration in seconds below which `share` (0 to 1) of all lie; None where there are none."""
        rank = max(1, math.ceil(self.count * share))
        seen = 0
        for place in sorted(self._buckets):
            seen += self._buckets[place]
            if seen >= rank:
                return min(_middle(place), self.longest)
        return None

    def merge(self, other: Self) -> None:
        """Add all durations of another."""
        self.count += other.count
        self.longest = max(self.longest, other.longest)
        for place, count in other._buckets.items():
            self._buckets[place] += count

    def take(self) -> Self:
        """All that was added since the last call, as an object of its own; this one is then empty."""
        taken = type(self)()
        taken.__dict__, self.__dict__ = self.__dict__, taken.__dict__
        return taken

    @property
    def buckets(self) -> Mapping[int, int]:
        """How often each place of the layout was met; for `restore`, in another process."""
        return self._buckets

    @classmethod
    def restore(cls, buckets: Mapping[int, int], longest: float) -> Self:
        """What `buckets` and `longest` were taken from."""
        found = cls()
        found._buckets.update(buckets)
        found.count = sum(buckets.values())
        found.longest = longest
        return found


def _place(seconds: float) -> int:
    microseconds = int(seconds * 1e6) if seconds > 0 else 0
    shift = microseconds.bit_length() - _DIGITS
    return microseconds if shift <= 0 else (shift << (_DIGITS - 1)) + (microseconds >> shift)


def _middle(place: int) -> float:
    shift = max(0, (place >> (_DIGITS - 1)) - 1)
    lowest = (place - (shift << (_DIGITS - 1))) << shift
    return (lowest + (1 << shift) / 2) / 1e6


def milliseconds(seconds: float | None) -> str:
    """A duration for a reader: `3.1 ms`, `1,234 ms`, or a dash where there is none."""
    if seconds is None:
        return "-"
    thousandths = seconds * 1000
    return f"{thousandths:,.0f} ms" if thousandths >= 100 else f"{thousandths:.1f} ms"
