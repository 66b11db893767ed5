"""What may stop a worker between two records: a drain, the lease's end, a turn that takes too long.

None of the three costs a record anything, nor does a sign of life. The loop draws its records from a list; a thread
that mostly sleeps tells how far it has got, and empties that list when there is cause: so the loop ends at the next
record.
"""

import os
import select
import threading
import traceback
from collections.abc import Callable
from time import monotonic_ns
from typing import Final

from workers.endings import WorkerExit
from workers.log import log
from workers.protocol import Channel, Drain, Ended, ToWorker
from workers.records import offset_of
from workers.slot import AWAITS, BEAT, IN_HAND, LEASE, LOOKED
from workers.turn import Turn

TICK: Final = 0.1
REST: Final = 1.0
"""Seconds between two looks at a worker that has nothing at hand; a command is heard at once all the same."""
SLICE_NS: Final = 20_000_000
"""How long a turn may take before the next tick ends it, so that results are flushed and offsets told in time."""

OVERDUE_NS: Final = 1_000_000_000
"""How long after the lease's end results may still be on their way."""


class Watch:
    """Listens to the supervisor beside the worker's loop.

    Args:
        channel: to the supervisor.
        words: the worker's slot.
        metadata: the supervisor's proof of membership, where transactions need it.
    """

    def __init__(self, channel: Channel[ToWorker], words: memoryview, metadata: bytes = b"") -> None:
        self._metadata = metadata
        self._channel = channel
        self._words = words
        self._stop = threading.Event()
        self._turn: Turn | None = None
        self._turn_began = 0
        self._at_tick: Callable[[], None] = _nothing
        self._resting = False
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def start(self) -> None:
        threading.Thread(target=self._listen, name="watch", daemon=True).start()

    @property
    def draining(self) -> bool:
        return self._stop.is_set()

    def leased(self) -> bool:
        """Whether the worker may handle and produce now."""
        return self._words[LEASE] > monotonic_ns()

    def alive(self, *, awaits: bool = False) -> None:
        """Give a sign of life; tell whether what follows waits for the brokers."""
        self._words[BEAT] = monotonic_ns()
        self._words[AWAITS] = awaits

    def metadata(self) -> bytes:
        """The supervisor's proof of membership, as it was last told."""
        return self._metadata

    def overdue(self) -> bool:
        """Whether the lease ended so long ago that no result may be sent any more."""
        return self._words[LEASE] + OVERDUE_NS < monotonic_ns()

    def guard(self, turn: Turn | None) -> None:
        """End `turn` when there is cause to stop; None: it is over."""
        self._turn_began = monotonic_ns()
        self._words[IN_HAND] = 0
        self._turn = turn
        if turn is not None and self._stop.is_set():
            turn.end()

    def in_hand(self) -> int | None:
        """The offset of the record that is drawn from the guarded turn; None where that is none yet, or over."""
        turn = self._turn
        message = None if turn is None else turn.in_hand()
        return None if message is None else offset_of(message)

    def look(self) -> None:
        """Tell the supervisor which record is in hand."""
        self._words[IN_HAND] = self.in_hand() or 0

    def rest(self) -> None:
        """There is nothing at hand: look seldom, until `wake`."""
        self._resting = True

    def wake(self) -> None:
        """Something is at hand: look at every tick again."""
        if self._resting:
            self._resting = False
            self._words[LOOKED] = monotonic_ns()
            os.eventfd_write(self._bell, 1)

    def at_ticks(self, function: Callable[[], None]) -> None:
        """From now on call `function` at every tick, in the watch's own thread."""
        self._at_tick = function

    def wait(self, seconds: float) -> bool:
        """Wait, giving signs of life; True where a drain came before the time was up."""
        end = monotonic_ns() + int(seconds * 1e9)
        while (left := end - monotonic_ns()) > 0:
            self._words[BEAT] = monotonic_ns()
            if self._stop.wait(min(left / 1e9, TICK)):
                return True
        return self._stop.is_set()

    def _listen(self) -> None:
        try:
            while True:
                try:
                    self._listen_until_the_end()
                except MemoryError:
                    continue  # a record takes all there is; it fails of that, and gives it back
        except BaseException:  # noqa: BLE001 - a worker that hears nothing could neither be drained nor stopped
            traceback.print_exc()
            try:
                # Announced, or it would be held against the record in hand.
                self._channel.send(Ended.told(WorkerExit.CRASHED, traceback.format_exc()))
            finally:
                os._exit(WorkerExit.CRASHED)

    def _listen_until_the_end(self) -> None:
        # Not select(): a worker's app may have more files open than that can name.
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._bell, select.POLLIN)
        while True:
            self._words[LOOKED] = monotonic_ns()
            heard = [fd for fd, _ in poll.poll((REST if self._resting else TICK) * 1000)]
            if self._bell in heard:
                os.eventfd_read(self._bell)
            if self._channel.fileno() in heard:
                self._obey()
            if heard:
                continue
            if (turn := self._turn) is not None:
                self.look()
                if monotonic_ns() - self._turn_began > SLICE_NS or not self.leased():
                    turn.end()
            self._at_tick()

    def _obey(self) -> None:
        command = self._channel.receive()
        if command is None:
            log.warning("worker_orphaned", consequence="the supervisor is gone; this worker ends")
            os._exit(WorkerExit.ORPHANED)
        self._metadata = command.metadata or self._metadata
        if isinstance(command, Drain):
            self._stop.set()
            if (turn := self._turn) is not None:
                turn.end()


def _nothing() -> None:
    """What is to be done at a tick where nobody has said otherwise."""
