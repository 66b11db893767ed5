"""When a worker that died is replaced: a pure policy, apart from the pool that carries it out."""

import random as _random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """At once after a first death; then with exponential back-off and jitter while deaths follow soon on starts.

    Args:
        first: seconds of the first back-off, which doubles with each further death.
        longest: seconds that no back-off exceeds.
        settled: seconds that a worker must have lived for its death to count as a first one again.
    """

    first: float = 0.25
    longest: float = 30.0
    settled: float = 30.0

    def deaths_in_row(self, before: int, lived: float, *, got_on: bool = False) -> int:
        """How many deaths in a row there are now.

        Args:
            before: how many there were until this one.
            lived: seconds that the worker lived.
            got_on: whether it died of another record than the one before: then what killed that one is overcome.
        """
        return 1 if got_on or lived >= self.settled else before + 1

    def delay(self, deaths: int, random: Callable[[], float] = _random.random) -> float:
        """Seconds to wait after the `deaths`th death in a row: half fixed, half drawn, so that a crowd spreads."""
        if deaths <= 1:
            return 0.0
        bound = min(self.longest, self.first * 2.0 ** min(deaths - 2, 32))
        return float(bound * (0.5 + 0.5 * random()))
