"""When the generator's records are due, as a function of time alone: what the broker does never moves the schedule."""

import math
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

_ROUNDING: Final = 1e-6
"""Of a record: 0.3 s at 10/s are 3 records, whatever binary fractions say."""
_SHORTEST: Final = 1e-3
"""What a recording takes at least, in seconds: also one of a single record, or of a single moment."""


class Schedule(Protocol):
    """Times are seconds since the load's start."""

    def due(self, elapsed: float, /) -> int:
        """How many records are to have been sent by `elapsed`."""
        ...

    def at(self, number: int, /) -> float:
        """When record `number`, from 0, is due; infinite where it never is."""
        ...

    @property
    def peak(self) -> float:
        """The highest rate, in records a second."""
        ...


@dataclass(frozen=True, slots=True)
class Steady:
    """The same rate throughout, in records a second."""

    rate: float

    def due(self, elapsed: float, /) -> int:
        return int(elapsed * self.rate + _ROUNDING)

    def at(self, number: int, /) -> float:
        return (number + 1) / self.rate

    @property
    def peak(self) -> float:
        return self.rate


@dataclass(frozen=True, slots=True)
class Unlimited:
    """As fast as it goes: every record is due at once."""

    def due(self, _elapsed: float, /) -> int:
        return sys.maxsize

    def at(self, _number: int, /) -> float:
        return 0.0

    @property
    def peak(self) -> float:
        return math.inf


@dataclass(frozen=True, slots=True)
class Ramp:
    """From one rate to another along a straight line, then on at the second."""

    low: float
    high: float
    seconds: float
    """How long the way takes."""

    def due(self, elapsed: float, /) -> int:
        climbing = min(elapsed, self.seconds)
        count = self.low * climbing + self._slope * climbing**2 / 2
        return int(count + (elapsed - climbing) * self.high + _ROUNDING)

    def at(self, number: int, /) -> float:
        count = number + 1
        climbed = (self.low + self.high) / 2 * self.seconds
        if count > climbed:
            return self.seconds + (count - climbed) / self.high if self.high else math.inf
        # The solution of low t + slope t²/2 = count that holds for a slope of 0, too.
        return 2 * count / (self.low + math.sqrt(max(0.0, self.low**2 + 2 * self._slope * count)))

    @property
    def peak(self) -> float:
        return max(self.low, self.high)

    @property
    def _slope(self) -> float:
        return (self.high - self.low) / self.seconds


class Pieces:
    """Constant rates one after the other.

    Args:
        pieces: pairs of a rate, in records a second, and the seconds for which it holds; together at least one record.
        again: whether they begin again after the last one, which else goes on.
    """

    def __init__(self, pieces: Sequence[tuple[float, float]], *, again: bool) -> None:
        self._rates = [rate for rate, _ in pieces]
        self._begins = [0.0]
        self._counts = [0.0]
        for rate, seconds in pieces:
            self._begins.append(self._begins[-1] + seconds)
            self._counts.append(self._counts[-1] + rate * seconds)
        self._seconds, self._count = self._begins.pop(), self._counts.pop()
        self._again = again

    def due(self, elapsed: float, /) -> int:
        rounds, elapsed = divmod(elapsed, self._seconds) if self._again else (0, elapsed)
        piece = bisect_right(self._begins, elapsed) - 1
        count = self._counts[piece] + (elapsed - self._begins[piece]) * self._rates[piece]
        return int(rounds * self._count + count + _ROUNDING)

    def at(self, number: int, /) -> float:
        rounds, count = divmod(number + 1.0, self._count) if self._again else (0, number + 1.0)
        if rounds and count < _ROUNDING:  # the last of a round, not the first of the next
            rounds, count = rounds - 1, self._count
        piece = max(0, bisect_left(self._counts, count - _ROUNDING) - 1)
        rate = self._rates[piece]
        if not rate:
            return math.inf
        return rounds * self._seconds + self._begins[piece] + (count - self._counts[piece]) / rate

    @property
    def peak(self) -> float:
        return max(self._rates)


def steps(low: float, high: float, number: int, seconds: float) -> Pieces:
    """Equal steps from one rate to another, each for so many seconds; the last one goes on."""
    rise = (high - low) / max(1, number - 1)
    return Pieces([(low + rise * step if number > 1 else high, seconds) for step in range(number)], again=False)


def bursts(low: float, high: float, length: float, every: float) -> Pieces:
    """A low rate with a burst of `length` seconds at the end of every `every` seconds."""
    return Pieces([(low, every - length), (high, length)], again=True)


class Recorded:
    """The times at which records were made once, at a multiple of their speed, again and again.

    From the last one to the first one of the next time it is as long as between two of them on the average.

    Args:
        times: ascending, in seconds; the first one begins the load.
        speed: 2: twice as fast.
    """

    def __init__(self, times: Sequence[float], speed: float = 1.0) -> None:
        self._times = [(time - times[0]) / speed for time in times]
        self._length = max(self._times[-1] * len(times) / max(1, len(times) - 1), _SHORTEST)

    def due(self, elapsed: float, /) -> int:
        rounds, elapsed = divmod(elapsed, self._length)
        return int(rounds) * len(self._times) + bisect_right(self._times, elapsed)

    def at(self, number: int, /) -> float:
        rounds, place = divmod(number, len(self._times))
        return rounds * self._length + self._times[place]

    @property
    def peak(self) -> float:
        return len(self._times) / max(self._times[-1], _SHORTEST)


@dataclass(frozen=True, slots=True)
class Share:
    """Every `of`-th record of a schedule, from record `first` on: what one of several processes sends."""

    schedule: Schedule
    first: int
    of: int

    def due(self, elapsed: float, /) -> int:
        return max(0, self.schedule.due(elapsed) - self.first + self.of - 1) // self.of

    def at(self, number: int, /) -> float:
        return self.schedule.at(number * self.of + self.first)

    @property
    def peak(self) -> float:
        return self.schedule.peak / self.of
