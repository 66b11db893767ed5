"""Whether a client still tries to reach its brokers."""

from collections.abc import Callable
from time import monotonic
from typing import Final

REPORTS: Final = 6
SECONDS: Final = 30.0
"""Without a connection, and without an attempt at one, in so many reports and seconds: there will be none any more."""
BACKOFFS: Final = 3
"""Nor before so many times `reconnect.backoff.max.ms`, which attempts are apart at most."""

GIVEN_UP: Final = "the client has stopped connecting to its brokers, though it has something to do"


class Connection:
    """Notices a client that has given up.

    librdkafka 2.16 can count a broker as connected that it has just dropped, because the brokers did not name it any
    more: a cluster's only one, as it shuts down or comes back. It then waits for that connection for ever.

    Args:
        backoff: the most seconds between two attempts.
        clock: gives seconds.
    """

    def __init__(self, backoff: float = 0.0, clock: Callable[[], float] = monotonic) -> None:
        self.given_up = False
        self._patience = max(SECONDS, BACKOFFS * backoff)
        self._clock = clock
        self._attempts = -1
        self._reports = 0
        self._since = clock()

    def report(self, *, up: bool, attempts: int) -> None:
        """Take what the client has just told.

        Args:
            up: whether it has a connection to any broker.
            attempts: how often it has tried to connect to those that it knows.
        """
        if up or attempts != self._attempts:
            self._attempts, self._reports, self._since = attempts, 0, self._clock()
        self._reports += 1
        self.given_up = self._reports > REPORTS and self._clock() - self._since >= self._patience
