"""A steady load in the background of a test."""

import threading
import time
from types import TracebackType
from typing import Self

from tests.support.readings import reading
from tests.support.topics import Sender, Topics
from tests.support.wait import wait_for

_TURN = 0.005


class Stream:
    """Sends readings at a rate, from its context's beginning until `stop` or its end.

    Args:
        topics: where the topic lies.
        name: the topic.
        rate: records a second, over all partitions.
        count: the most records to send; None: until stopped.
        devices: how many keys there are.
        first: the first record's number.
    """

    def __init__(
        self, topics: Topics, name: str, *, rate: int, count: int | None = None, devices: int = 40, first: int = 0
    ) -> None:
        self._sender = Sender(topics.bootstrap, name, len(topics.partitions(name)))
        self._rate = rate
        self._count = count
        self._devices = devices
        self._first = first
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    @property
    def sent(self) -> int:
        """How many records have been handed over so far."""
        return self._sender.sent

    def wait_sent(self, count: int, *, within: float = 60.0) -> None:
        """Wait until that many records were handed over."""
        wait_for(lambda: self.sent >= count, within, lambda: f"{self.sent} of {count} records sent")

    def stop(self) -> int:
        """Send no more, and wait until all is acknowledged; how many records were sent."""
        self._stopping.set()
        return self.wait()

    def wait(self) -> int:
        """Wait until `count` records are sent and acknowledged; how many they were."""
        self._thread.join()
        with self._sender:
            return self._sender.sent

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        while not self._stopping.wait(_TURN):
            due = int((time.monotonic() - begun) * self._rate)
            if self._count is not None:
                due = min(due, self._count)
            while self._sender.sent < due:
                self._sender.send(reading(self._first + self._sender.sent, devices=self._devices))
            if self._sender.sent == self._count:
                return
