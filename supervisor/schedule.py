"""When the generator's records are due, as a function of time alone: what the broker does never moves the schedule."""

import sys
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """Times are seconds since the load's start."""

    def due(self, elapsed: float, /) -> int:
        """How many records are to have been sent by `elapsed`."""
        ...

    def at(self, number: int, /) -> float:
        """When record `number`, from 0, is due."""
        ...


@dataclass(frozen=True, slots=True)
class Steady:
    """The same rate throughout, in records a second."""

    rate: float

    def due(self, elapsed: float, /) -> int:
        return int(elapsed * self.rate + 1e-6)  # 0.3 s at 10/s are 3 records, whatever binary fractions say

    def at(self, number: int, /) -> float:
        return (number + 1) / self.rate


@dataclass(frozen=True, slots=True)
class Unlimited:
    """As fast as it goes: every record is due at once."""

    def due(self, _elapsed: float, /) -> int:
        return sys.maxsize

    def at(self, _number: int, /) -> float:
        return 0.0
