"""What the pool says of itself while it is loaded: its lag, and what happened to it."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from supervisor.status import PartitionStatus, PoolStatus
from supervisor.status_client import StatusUnavailable, fetch_status

_LOOK_SECONDS: Final = 0.25
_TIMEOUT_SECONDS: Final = 2.0
_PASSED_OVER: Final = frozenset({"running", "starting", "stopped"})
"""States of a worker that are not worth a line of their own."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened to the pool."""

    at: float
    """Seconds since the load began."""
    kind: str
    """restart, rebalance, worker, pool."""
    what: str


class PoolWatch:
    """Asks every supervisor of a pool for its status, four times a second, in a thread of its own; a context.

    Args:
        urls: where they are.
        topic: whose partitions count.

    Raises:
        StatusUnavailable: when entered, where one does not answer.
    """

    def __init__(self, urls: Sequence[str], topic: str) -> None:
        self._urls = urls
        self._topic = topic
        self._last: dict[str, PoolStatus | None] = {}
        self._found: list[tuple[float, str, str]] = []
        self._counts: dict[tuple[str, int], int] = {}
        """The records of each partition that a supervisor has said it had handled."""
        self._records = 0
        self._most = 0
        """How many partitions they had together at most, when they were counted."""
        self.handled: tuple[float, int] | None = None
        """When all supervisors answered last, and the records handled until then from the first time on; None where
        there is nobody to ask."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pool-watch", daemon=True)

    def __enter__(self) -> Self:
        for url in self._urls:
            self._last[url] = status = fetch_status(url, _TIMEOUT_SECONDS)  # who does not answer now is a mistake
            self._newly_handled(url, status)
        if self._urls:
            self.handled = (time.monotonic(), 0)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def lag(self) -> int | None:
        """Offsets that the pool has still to commit; None where it is not known of all partitions."""
        return self._sum(lambda place: place.lag)

    @property
    def waiting(self) -> int | None:
        """Offsets that the pool has still to handle, committed or not; None where it is not known of all partitions."""
        return self._sum(_waiting)

    def _sum(self, of: Callable[[PartitionStatus], int | None]) -> int | None:
        places = {place.partition: place for place in self.partitions}  # one that moves may be told twice
        # Or not at all: then what the others tell is not the pool's.
        self._most = max(self._most, len(places))
        known = [number for place in places.values() if (number := of(place)) is not None]
        return sum(known) if len(known) == self._most and self.replicas == len(self._urls) and known else None

    @property
    def partitions(self) -> Sequence[PartitionStatus]:
        """All that have an owner among the supervisors that answer."""
        statuses = [status for status in self._last.values() if status is not None]
        return [p for status in statuses for p in status.partitions if p.topic == self._topic]

    @property
    def replicas(self) -> int:
        """How many supervisors answer."""
        return sum(status is not None for status in self._last.values())

    def events(self, begun: float) -> list[Event]:
        """What has happened.

        Args:
            begun: the load's beginning, in seconds of the monotonic clock, from which they count.
        """
        return [Event(round(moment - begun, 2), kind, what) for moment, kind, what in self._found]

    def _run(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        for number, url in enumerate(self._urls, 1):
            who = f" of pool {number}" if len(self._urls) > 1 else ""
            try:
                status: PoolStatus | None = fetch_status(url, _TIMEOUT_SECONDS)
            except StatusUnavailable:
                status = None
            self._found += [(now, kind, what + who) for kind, what in changes(self._last[url], status)]
            self._last[url] = status
            if status is not None:
                self._records += self._newly_handled(url, status)
        if all(self._last.values()):
            self.handled = (now, self._records)

    def _newly_handled(self, url: str, status: PoolStatus) -> int:
        """Records that a supervisor has handled since it was asked before, wherever its partitions have gone since."""
        new = 0
        for place in status.partitions:
            if place.topic == self._topic:
                before = self._counts.get((url, place.partition), 0)
                self._counts[url, place.partition] = place.records
                new += place.records - (before if place.records >= before else 0)  # a restarted one counts from 0
        return new


def changes(before: PoolStatus | None, after: PoolStatus | None) -> list[tuple[str, str]]:
    """What happened between two looks at one supervisor: kinds of events and their texts."""
    if before is None or after is None:
        if before is after:
            return []
        return [("pool", "no answer" if after is None else f"answers, {after.state}")]
    found = []
    if after.state != before.state:
        found.append(("pool", after.state.replace("_", " ")))
    if (after.generation, after.member_id) != (before.generation, before.member_id):
        found.append(("rebalance", f"generation {after.generation}"))
    then, now = _by_place(before), _by_place(after)
    gained, lost = sorted(now.keys() - then.keys()), sorted(then.keys() - now.keys())
    if gained or lost:
        found.append(("rebalance", _moved(gained, lost)))
    for place in sorted(now.keys() & then.keys()):
        old, new = then[place], now[place]
        if new.restarts > old.restarts:
            found.append(("restart", f"worker of {place} replaced"))
        elif new.state != old.state and new.state not in _PASSED_OVER:
            found.append(("worker", f"worker of {place} {new.state.replace('_', ' ')}"))
    return found


def _waiting(place: PartitionStatus) -> int | None:
    if place.position is None or place.end is None:
        return None
    return max(0, place.end - place.position)


def _by_place(status: PoolStatus) -> Mapping[str, PartitionStatus]:
    return {f"{p.topic}[{p.partition}]": p for p in status.partitions}


def _moved(gained: Sequence[str], lost: Sequence[str]) -> str:
    parts = [("gets", gained), ("gives up", lost)]
    return ", ".join(f"{verb} {' '.join(places)}" for verb, places in parts if places)
