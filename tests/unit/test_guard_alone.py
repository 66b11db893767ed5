"""The guard by itself, told of failures and successes."""

import pytest

from tests.unit.guard_parts import WAIT
from tests.unit.messages import message
from workers.guard import IN_ROW, LONGEST_DELAY, PATIENCE_SECONDS, Failure, Guard, Outage
from workers.retry import GiveUp
from workers.slot import SLOT_BYTES


class Watched:
    """A guard on a clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        words = memoryview(bytearray(SLOT_BYTES)).cast("q")
        self.guard = Guard(words, share=0.5, window=100, wait=WAIT, clock=lambda: self.now)

    def fail(self, count: int, seconds: float = 0.0, error: Exception | None = None) -> None:
        """Let so many records fail, each of which takes its time."""
        for offset in range(count):
            failure = Failure(message(b"", offset=offset), error or ConnectionError(), 1, GiveUp.DEAD_LETTER, True)
            assert self.guard.failed(failure) == []
            self.now += seconds


def test_an_outage_may_last_for_weeks() -> None:
    watched = Watched()
    for _ in range(2000):
        with pytest.raises(Outage):
            watched.fail(IN_ROW, seconds=3600)
        while watched.guard.hold() is not None:
            watched.now += LONGEST_DELAY


def test_a_success_ends_an_outage_although_what_was_kept_back_is_forgotten() -> None:
    """A transaction that is taken back forgets it, in the midst of a look."""
    watched = Watched()
    guard = watched.guard
    with pytest.raises(Outage):
        watched.fail(IN_ROW)
    watched.now += PATIENCE_SECONDS
    assert guard.hold() is None
    watched.fail(1)
    guard.forget()
    assert guard.open, "or nobody would tell it of the next success"
    assert guard.succeeded() == []
    assert not guard.open


class Speechless(Exception):
    def __str__(self) -> str:
        raise TypeError


def test_an_error_that_cannot_say_what_it_is_holds_it_too() -> None:
    watched = Watched()
    with pytest.raises(Outage):
        watched.fail(IN_ROW, error=Speechless())
