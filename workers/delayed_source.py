"""A retry topic's partition, of which nothing is given before it is due."""

from collections import deque
from time import monotonic, time
from typing import Protocol

from confluent_kafka import Message

from workers.queues import AHEAD, Most
from workers.source import Batch, Source


class PausableSource(Source, Protocol):
    """A source that can be told to fetch nothing for a while."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class DelayedSource:
    """Holds each record back until `delay` seconds after it was written; all are written in the order of their times.

    A poll never waits for that: it finds nothing, as on an idle partition, and so a drain waits no longer either.

    Args:
        source: what is read.
        delay: seconds.
        ahead: how much is read ahead of its time.
        most: how many records a poll gives.
    """

    def __init__(self, source: PausableSource, delay: float, ahead: Most = AHEAD, most: int = 1000) -> None:
        self._most = most
        self._ahead = ahead
        self._source = source
        self._delay = delay
        self._held: deque[tuple[float, Message]] = deque()
        """Each with when it is due, on the monotonic clock."""
        self._bytes = 0
        self._end: int | None = None
        self._paused = False

    def poll(self, patience: float | None = None) -> Batch:
        room = len(self._held) < self._ahead.records and self._bytes < self._ahead.size
        if room is self._paused:
            (self._source.resume if room else self._source.pause)()
            self._paused = not room
        # Also where nothing can come: what the client has to tell arrives by it, and it takes a moment.
        found = self._source.poll(0.0 if self._held and self._held[0][0] <= monotonic() else patience)
        self._end = found.end or self._end
        for message in found.messages:
            self._hold(message)
        due = self._due()
        end = None if self._held else self._end
        return Batch(due, end, behind=len(due) == self._most)

    def serve(self) -> None:
        self._source.serve()

    def high_watermark(self) -> int:
        return self._source.high_watermark()

    def rewind(self, offset: int) -> None:
        self._held.clear()
        self._bytes, self._end = 0, None
        if self._paused:
            self._source.resume()
            self._paused = False
        self._source.rewind(offset)

    def _hold(self, message: Message) -> None:
        # Never longer than the delay, whatever the clock of its writer said.
        _, written_ms = message.timestamp()
        left = min(max(written_ms / 1000 + self._delay - time(), 0.0), self._delay)
        self._held.append((monotonic() + left, message))
        self._bytes += len(message)

    def _due(self) -> list[Message]:
        now = monotonic()
        due: list[Message] = []
        while self._held and self._held[0][0] <= now and len(due) < self._most:
            _, message = self._held.popleft()
            self._bytes -= len(message)
            due.append(message)
        return due
