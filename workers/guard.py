"""Tells an outage downstream from records that fail by themselves, so that it does not empty a topic into dead letters.

A record that has had its attempts is passed over, but its letter is kept back until the next record has shown whose
fault it was. That one succeeds: the record's own, and the letter is sent. That one fails, too, and so do enough after
it: an outage. Nothing of theirs was sent yet, so all are taken back, and the first of them is tried in its place until
it succeeds. Whenever one has succeeded at last, those before it have another attempt before its results are sent.
"""

from collections import deque
from collections.abc import Callable, Iterator
from random import random
from time import monotonic
from typing import Final, NamedTuple

from confluent_kafka import Message

from workers.account import Account, account_of
from workers.endings import Rewind
from workers.log import log
from workers.records import offset_of
from workers.retry import GiveUp
from workers.slot import GUARDED, RECORDS

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 5.0
"""Seconds between two attempts of the record that is held: from the first, doubling, up to the longest."""
LOOK_SECONDS: Final = 10.0
"""After which it is passed over once more, to see by those behind it whether the outage goes on: a look. Until the next
one it takes twice as long, up to PATIENCE_SECONDS."""
MOST_KEPT: Final = 1000
"""So many records, most of them refused ones, are kept back at most."""
MOST_BYTES: Final = 8 * 1024 * 1024
"""What the kept ones may weigh: with more, no further record is waited for."""
PATIENCE_SECONDS: Final = 120.0
"""How long an outage is believed in on weak grounds: only some records fail, or few in a row and none comes."""
IN_ROW: Final = 5
"""So many failures in a row are an outage, whatever the share; twice as many after each false alarm. At the end of a
partition so many are one until a record succeeds: nothing waits behind them."""
MOST_IN_ROW: Final = 640
"""So many in a row are an outage in any case. In a look twice as many may fail as in the last one, up to that."""


class Failure(NamedTuple):
    """A record that has had its attempts."""

    message: Message
    error: Exception | Account
    attempts: int
    end: GiveUp
    """Where it is to go."""
    counts: bool
    """Whether something downstream may be at fault: never for a record that is refused, or has failed before."""
    whole: bool = True
    """Whether its dead letter may have its value."""
    timed: bool = True
    """Whether its dead letter may have its time."""


class Outage(Rewind):
    """Too many records failed, or a drain came before it was known why: go back to the first; nothing of it was sent.

    Args:
        why: for the log.
        offset: where to go on.
    """

    def __init__(self, why: str, offset: int) -> None:
        super().__init__(why)
        self.offset = offset


class Guard:
    """Keeps failures back until it is known what they are.

    Args:
        words: the worker's slot.
        share: of the last `window` records, above which failures are an outage; from 0 to 1.
        window: how many records.
        wait: seconds for which a failure waits for the next record to tell. If none comes, it is the record's own;
            if several have failed since the last success, it is an outage.
        clock: gives seconds.
    """

    def __init__(
        self, words: memoryview, *, share: float, window: int, wait: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._words = words
        self._window = window
        self._most = share * window
        self._wait = wait
        self._clock = clock
        self._kept: list[Failure] = []
        """Failures in a row, the first one counts."""
        self._weight = 0
        """Bytes of their values."""
        self._began = 0.0
        """When the first of them failed."""
        self._recent: deque[int] = deque()
        """How many records were handled before each of the failures in the window."""
        self._in_row = 0
        """Failures since the last success, as far as that is known, with those that were sent on without one."""
        self._held_since: float | None = None
        self._suspected_at: float | None = None
        """When the outage was first seen."""
        self._partial = False
        """Whether others succeed while one is held."""
        self._delay = FIRST_DELAY
        self._width = 1
        """How many times `_row` may fail at this look; 1 before the first one."""
        self._row = IN_ROW

    @property
    def open(self) -> bool:
        """Whether records are to be handled one by one, each of them told."""
        return bool(self._kept) or self._suspected_at is not None

    @property
    def first(self) -> int | None:
        """The offset of the first failure that is kept back, above which nothing is committable; None for none."""
        return offset_of(self._kept[0].message) if self._kept else None

    @property
    def offsets(self) -> Iterator[int]:
        """The offsets of all that is kept back."""
        return (offset_of(failure.message) for failure in self._kept)

    @property
    def looking(self) -> bool:
        """Whether an outage is looked at again: then each record has one attempt."""
        return self._width > 1 and self._held_since is None

    @property
    def doubtful(self) -> bool:
        """Whether failures are kept back that may well be an outage's, short as it was."""
        return bool(self._kept) and (self._in_row > 1 or self.looking)

    def failed(self, failure: Failure) -> list[Failure]:
        """A record has failed; which failures to send on now, in this order.

        Raises:
            Outage: too many have.
        """
        if not failure.counts and not self._kept:
            return [failure]
        if not self._kept:
            self._began, self._weight = self._clock(), 0
        # What is kept holds nothing of the handler's, and of an error that is raised again tells this record's part.
        self._kept.append(failure._replace(error=account_of(failure.error)))
        self._weight += len(failure.message)
        if not failure.counts:  # it tells nothing
            return self._undecided() if len(self._kept) >= MOST_KEPT or self._weight > MOST_BYTES else []
        self._count()
        self._check()
        return self._undecided() if self._in_row > 1 and self._weight > MOST_BYTES else []

    def succeeded(self) -> list[Failure]:
        """A record was handled; which failures before it are to be sent on now."""
        self._in_row = 0
        if self._suspected_at is not None:
            log.info("guard_releases", consequence="a record has succeeded; the partition goes on")
            if self._kept:
                # What was held is passed over only now: it was its own fault, and that of many a one here may be.
                self._row = min(2 * self._row, MOST_IN_ROW)
            else:
                self._recent.clear()
                self._row = IN_ROW
        return self._let_go()

    def idle(self) -> list[Failure]:
        """There is no next record yet that could tell; which failures are to be sent on without it.

        Raises:
            Outage: it was waited for long enough, and there had been more than one failure.
        """
        if not self._kept or self._clock() - self._began < self._wait:
            return []
        return self._undecided()

    def hold(self) -> float | None:
        """Seconds after which to try the record in hand again although it has had its attempts; None: do not."""
        if self._held_since is None:
            return None
        patience = PATIENCE_SECONDS if self._partial else min(LOOK_SECONDS * self._width, PATIENCE_SECONDS)
        if self._clock() - self._held_since >= patience:
            self._held_since = None
            self._width = min(2 * self._width, MOST_IN_ROW)
            return None
        delay, self._delay = self._delay, min(2 * self._delay, LONGEST_DELAY)
        return delay * (0.5 + random() / 2)

    def forget(self) -> None:
        """Nothing is kept back any more: its records will be read again, and counted again."""
        failed = sum(failure.counts for failure in self._kept)
        self._kept.clear()
        self._in_row -= failed
        for _ in range(min(failed, len(self._recent))):
            self._recent.pop()

    def _undecided(self) -> list[Failure]:
        """No more can be waited for: what is kept back is let go where it is little enough."""
        waited = 0.0 if self._suspected_at is None else self._clock() - self._suspected_at
        if self._in_row >= IN_ROW or (self._in_row > 1 and waited < PATIENCE_SECONDS):
            raise self._outage()
        return self._let_go()

    def _let_go(self) -> list[Failure]:
        kept, self._kept = self._kept, []
        self._held_since, self._suspected_at, self._width = None, None, 1
        self._words[GUARDED] = 0
        return kept

    def _count(self) -> None:
        handled = self._words[RECORDS]
        begins = len(self._kept) == 1 and self._suspected_at is None
        if begins and (not self._recent or handled - self._recent[-1] > 1):
            self._in_row = 0  # what lies between has succeeded
        self._in_row += 1
        self._recent.append(handled)
        while self._recent[0] <= handled - self._window:
            self._recent.popleft()

    def _check(self) -> None:
        # A look has longer: it is to get behind a row of bad records, too, of which each takes its time to fail.
        if self._in_row > 1 and self._clock() - self._began >= self._wait * self._width:
            raise self._outage()
        if self._in_row >= min(self._row * self._width, MOST_IN_ROW):
            raise self._outage()
        if self._width == 1 and len(self._recent) > self._most:
            raise self._outage(partial=True)

    def _outage(self, *, partial: bool = False) -> Outage:
        first, last = self._kept[0], self._kept[-1]
        self._partial = partial
        self._held_since, self._delay = self._clock(), FIRST_DELAY
        if self._suspected_at is None:
            self._suspected_at = self._held_since
            log.warning(
                "guard_holds",
                offset=offset_of(first.message),
                failed=self._in_row,
                error=account_of(last.error).line[:500],
                consequence="too many records failed: it is tried again in its place, and those behind it wait",
            )
        self._words[GUARDED] = 1
        self.forget()
        return Outage("too many records failed", offset_of(first.message))
