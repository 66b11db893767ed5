"""What may be committed, and when."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic_ns

from workers.endings import Rewind
from workers.outbox import Outbox
from workers.sink import Refusal
from workers.slot import COMMITTABLE, FLUSH_NS, FLUSHES, POSITION

Settle = Callable[[Sequence[Refusal]], None]
"""Brings the records of refused results to their end, which may send dead letters."""


class Offsets:
    """Stores a position as committable once every result and dead letter of the records below it is acknowledged.

    Under load there is no moment at which nothing is on its way. So from time to time what is sent is held back, while
    records go on being handled, until all that was sent before is acknowledged: nobody waits for the brokers.

    Args:
        outbox: what was sent.
        words: the worker's slot.
        flush_interval: seconds of results that may await acknowledgement, and so be repeated after a crash.
    """

    def __init__(self, outbox: Outbox, words: memoryview, flush_interval: float) -> None:
        self._outbox = outbox
        self._words = words
        self._flush_interval_ns = int(flush_interval * 1e9)
        self._flushed_at = monotonic_ns()
        self._withheld = False
        self._cap: int | None = None
        self._mark = self._marked_at = 0
        """While results are held back: the position from which on they are, and since when."""

    def report(self, settle: Settle, *, idle: bool) -> None:
        """Store what is committable, when it can be known at no cost or it is time to make sure.

        Args:
            settle: for what was refused.
            idle: whether there is nothing better to do than to wait for acknowledgements.

        Raises:
            as `flush`.
        """
        if self._withheld or not self.behind:
            return
        if self._outbox.holding:
            self._pass_mark()
        elif self._outbox.settled():
            self._store(self._safe())
        elif not idle and monotonic_ns() - self._flushed_at >= self._flush_interval_ns:
            self._mark, self._marked_at = self._safe(), monotonic_ns()
            self._outbox.hold()
            self._pass_mark()
        if (idle and self.behind) or self._outbox.refused():
            self.flush(settle)

    def flush(self, settle: Settle) -> None:
        """Wait until all results and dead letters are acknowledged, however long the brokers take.

        Raises:
            WorkerMustEnd: that cannot be any more.
        """
        began = monotonic_ns()
        while True:
            pending = self._outbox.wait()
            refusals = self._outbox.take_refusals()
            if refusals:
                settle(refusals)
            elif not pending:
                break
        self._store(self._safe())
        self._count(began)

    def rewind(self, cause: Rewind) -> None:
        """Take back what is not committed; nothing can be, here."""
        raise AssertionError("only transactions can be taken back") from cause

    @property
    def behind(self) -> bool:
        """Whether some of what is done is not committable yet."""
        return self._words[COMMITTABLE] != self._safe()

    def cap(self, offset: int | None) -> None:
        """From now on nothing at or above `offset` is committable, wherever the position is; None: all is again."""
        self._cap = offset

    @contextmanager
    def withheld(self) -> Iterator[None]:
        """While a record below the position is handled again, nothing is committable."""
        self._withheld = True
        yield
        # Where an error ends this, it ends the worker.
        self._withheld = False

    def _pass_mark(self) -> None:
        """Where all that was sent before the mark is acknowledged: hold nothing back any more."""
        if self._outbox.settled():
            self._store(self._mark)
            self._count(self._marked_at)
            self._outbox.release()

    def _safe(self) -> int:
        """The position, or the offset from which on nothing is committable."""
        return self._words[POSITION] if self._cap is None else self._cap

    def _store(self, position: int) -> None:
        self._words[COMMITTABLE] = position
        self._flushed_at = monotonic_ns()

    def _count(self, began: int) -> None:
        self._words[FLUSHES] += 1
        self._words[FLUSH_NS] += self._flushed_at - began
