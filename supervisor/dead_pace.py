"""How fast letters are replayed."""

import time
from collections.abc import Callable
from typing import Final

_CATCH_UP_SECONDS: Final = 0.1
"""A stall is not made up for by a burst of more than this brings."""


class Pace:
    """At most so many a second, over any second but for a tenth.

    Args:
        rate: records a second; None: as fast as it goes.
        clock: tells seconds.
    """

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 0.0 if rate is None else 1 / rate
        self._clock = clock
        self._next = clock()

    def wait(self) -> float:
        """Seconds until the next one is due; 0 or less when it is."""
        return self._next - self._clock() if self._interval else 0.0

    def sent(self) -> None:
        """One was sent."""
        self._next = max(self._next, self._clock() - _CATCH_UP_SECONDS) + self._interval
