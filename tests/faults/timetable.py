"""What is to be done when, in one thread: a child process must not outlive the thread that started it."""

import heapq
import threading
from collections.abc import Callable
from itertools import count
from time import monotonic

Action = Callable[[], None]


class Timetable:
    """Actions with their times."""

    def __init__(self) -> None:
        self.begun = monotonic()
        self._due: list[tuple[float, int, Action]] = []
        self._numbers = count()
        self._never = threading.Event()

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return monotonic() - self.begun

    def after(self, seconds: float, action: Action) -> None:
        """Do this in so many seconds."""
        heapq.heappush(self._due, (monotonic() + seconds, next(self._numbers), action))

    def run(self, between: Action, every: float = 0.2) -> None:
        """Do all, those actions too that others add; `between` is called every so many seconds meanwhile."""
        while self._due:
            pause = self._due[0][0] - monotonic()
            if pause > 0:
                self._never.wait(min(pause, every))
                between()
                continue
            heapq.heappop(self._due)[2]()
