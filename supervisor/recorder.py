"""What became of the generator's records, as the brokers told it."""

import time
from collections import deque
from collections.abc import Iterator

from confluent_kafka import KafkaError, Message

from supervisor.latencies import Latencies
from supervisor.tally import UNSENT, Tally


class Recorder(Tally):
    """Counts acknowledgements; its memory does not grow with their number."""

    def __init__(self) -> None:
        super().__init__()
        self.latencies = Latencies()
        """From the moment at which a record was due to its acknowledgement."""
        self._handed: deque[tuple[int, float]] = deque()
        self._lost = 0
        """Of those, failures that are not taken out yet."""

    def delivered(self, due: float, error: KafkaError | None, _message: Message) -> None:
        """Take one delivery report, where there is one for each record.

        Args:
            due: when the record was to be sent, in seconds of the monotonic clock.
            error: None: acknowledged.
        """
        if error is not None:
            self.failures[error.name()] += 1
            return
        self.acknowledged += 1
        self.latencies.add(time.monotonic() - due)

    def handed_over(self, due: float, count: int) -> None:
        """Note records of which only a failure will be reported: the first of them was to be sent at `due`."""
        self.sent += count
        self._handed.append((count, due))

    def undelivered(self, error: KafkaError | None, _message: Message) -> None:
        """Take the delivery report of a failure, where there is none for others."""
        if error is not None:
            self.failures[error.name()] += 1
            self._lost += 1

    def settled(self, outstanding: int) -> None:
        """Conclude from how many are still out how many are acknowledged, as if in the order of their sending."""
        now = time.monotonic()
        news = self.outstanding - outstanding
        self.acknowledged += max(0, news)
        for _ in self._take(self._lost):
            pass  # the oldest ones: what is given up has waited longest
        self._lost = 0
        for count, due in self._take(news):
            self.latencies.add(now - due, count)

    def _take(self, most: int) -> Iterator[tuple[int, float]]:
        """Take out so many of what was handed over, from the first."""
        while most > 0 and self._handed:
            count, due = self._handed.popleft()
            if count > most:
                self._handed.appendleft((count - most, due))
                count = most
            most -= count
            yield count, due

    def refused(self, error: KafkaError) -> None:
        """Count a record that the producer did not even take."""
        self.sent += 1
        self.failures[error.name()] += 1

    def unsent(self, count: int) -> None:
        """Count records that were due and will not be sent."""
        if count:
            self.failures[UNSENT] += count
