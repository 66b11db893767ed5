"""The supervisor's handle on one worker process."""

import os
import selectors
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Final

from supervisor.limits import WorkerLimits
from supervisor.recycling import Recycling
from supervisor.suspects import Death
from workers.endings import WorkerExit
from workers.protocol import Channel, Drain, Ended, FromWorker, Metadata, Ready, channel_pair
from workers.records import TopicPartition
from workers.slot import AWAITS, BEAT, IN_HAND, LEASE, LOOKED, POLLED, POSITION

OUTAGE_SECONDS: Final = 30.0
"""How long one call may wait for the brokers: twice a transaction's default timeout, so nothing is left that it could
commit. librdkafka 2.16 can wait for ever to offer a position, where the group's coordinator has died."""
LOOK_SECONDS: Final = 0.5
"""Of silence, before anybody looks again whether it is stopped: idle workers are never silent for so long."""
UNCONFIRMED_SECONDS: Final = 30.0
"""How long the fork server may take to say how a worker began, or that it is dead."""
ABSORBED_SECONDS: Final = 2.0
"""A worker in which nothing but the record in hand has run for so long was not relieved of an open transaction."""
LATELY_SECONDS: Final = 60.0
DUMP_SECONDS: Final = 0.5
"""Between SIGABRT, at which a hung worker writes its stacks, and SIGKILL, which a stopped one needs."""


class Worker:
    """One incarnation of a partition's worker, from the request to fork it until its death is confirmed.

    Args:
        number: the incarnation's number.
        partition: what it works on.
        slot: the number of its slot.
        words: its slot.
        recycling: watches what it takes.
        selector: gets its channel.
        on_ready: called when it says that it reads.
    """

    def __init__(
        self,
        number: int,
        partition: TopicPartition,
        slot: int,
        words: memoryview,
        recycling: Recycling,
        selector: selectors.BaseSelector,
        on_ready: Callable[["Worker"], None],
    ) -> None:
        ours, self.theirs = channel_pair()
        self.number = number
        self.partition = partition
        self.slot = slot
        self.words = words
        self.recycling = recycling
        self.pid: int | None = None
        self.room: int | None = None
        """Bytes that its queues may hold; None: what their defaults allow."""
        self.metadata = b""
        """The proof of membership that it was forked with."""
        self.started_at = monotonic()
        self.ready = False
        """Whether it has said that it reads."""
        self.ended: Ended | None = None
        self.killed_for: str | None = None
        """Why the supervisor killed it, where it did."""
        self.hung = False
        """Whether that was for showing no sign of life."""
        self.crash_fd = os.memfd_create("crash")
        try:
            self._kept_fd: int | None = os.dup(self.crash_fd)
            """Keeps the place for its pidfd: what cannot be killed must not be forked."""
        except OSError:
            os.close(self.crash_fd)
            raise
        self._on_ready = on_ready
        self._pidfd: int | None = None
        self._selector = selector
        self._channel: Channel[FromWorker] = Channel(ours, FromWorker)
        self._sign = (0, 0, 0)
        self._silent = 0.0
        self._stopped = False
        self._absorbed_at = float("-inf")
        self._halted = 0.0
        """For how much of that it was seen stopped, in seconds."""
        self._abort_left: float | None = None
        self._hung_up = False
        self._unanswered = 0.0
        """For how many seconds the fork server has owed word of its beginning or, once it has hung up, of its death."""
        selector.register(self._channel, selectors.EVENT_READ, self._receive)

    def forked(self, pid: int) -> None:
        """The fork server has made it."""
        self.pid, self._unanswered = pid, 0.0
        self._make_place()
        try:
            self._pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return  # dead and reaped already; its exit is on the way
        if self.killed_for:
            self._signal(signal.SIGKILL)

    def drain(self, metadata: bytes) -> None:
        """Ask it to finish the record in hand, flush and end; `metadata` is for its last transaction."""
        self._channel.send(Drain(metadata))

    def tell(self, metadata: bytes) -> None:
        """Tell it the new proof of membership, for its transactions."""
        self._channel.send(Metadata(metadata))

    def kill(self, cause: str) -> None:
        """SIGKILL, now or as soon as it has a pid."""
        self.killed_for = self.killed_for or cause
        self._signal(signal.SIGKILL)

    def lease(self, deadline_ns: int) -> None:
        self.words[LEASE] = deadline_ns

    @property
    def position(self) -> int:
        """The record in hand, as it was seen last, or the next one."""
        return max(self.words[POSITION], self.words[IN_HAND])

    @property
    def busy(self) -> bool:
        """Whether it has a record in hand."""
        return self.words[POLLED] > self.words[POSITION] and not self.words[AWAITS]

    @property
    def absorbed(self) -> bool:
        """Whether a record has let nothing else run in it, lately: a transaction may have timed out meanwhile."""
        return monotonic() - self._absorbed_at < LATELY_SECONDS

    def watch_life(self, elapsed: float, limits: WorkerLimits) -> None:
        """Count the time without a sign of life; past the limit, have it write its stacks, then kill it.

        Args:
            elapsed: seconds since the last call that the supervisor itself was awake.
            limits: how long a silence may be.
        """
        if self.pid is None or self._hung_up:
            self._unanswered += elapsed
        sign = (self.words[POSITION], self.words[IN_HAND], self.words[BEAT])
        if self._abort_left is not None:
            self._abort_left -= elapsed
            if self._abort_left <= 0:
                self._signal(signal.SIGKILL)
        elif sign != self._sign:
            self._sign, self._silent, self._halted, self._stopped = sign, 0.0, 0.0, False
        else:
            self._silent += elapsed
            timeout = self._patience(limits)
            stopped = self._looks_stopped(elapsed)
            if self.busy and monotonic() - self.words[LOOKED] / 1e9 > ABSORBED_SECONDS + self._halted:
                self._absorbed_at = monotonic()
            # Somebody else's doing is not held against the record in hand; nor, once it is over, the time that it took.
            if self._silent - (0.0 if stopped else self._halted) > timeout:
                self.hung = self.killed_for is None and not stopped
                self.killed_for = self.killed_for or f"no sign of life for {timeout:g} s"
                self._abort_left = DUMP_SECONDS
                self._signal(signal.SIGABRT)

    def _looks_stopped(self, elapsed: float) -> bool:
        """Whether its process was stopped when that was last looked at, twice a second of silence; that is counted."""
        if self._silent // LOOK_SECONDS > (self._silent - elapsed) // LOOK_SECONDS:
            self._stopped = self.pid is not None and _stopped(self.pid)
        self._halted += elapsed if self._stopped else 0.0
        return self._stopped

    def _patience(self, limits: WorkerLimits) -> float:
        if self.busy:
            return limits.in_hand
        return OUTAGE_SECONDS if self.words[AWAITS] else limits.silence

    def death(self, status: int | None, stacks: str) -> Death:
        """How it ended, given its raw wait status and what it wrote while crashing."""
        return Death(
            self.words[POSITION],
            self.words[POLLED] if self.busy else self.words[POSITION],
            status,
            self.ended is not None,
            self.killed_for,
            self.hung,
            stacks,
        )

    def confirmed_dead(self) -> bool:
        """Whether its process is gone, whoever reaps it; for when the fork server cannot say."""
        if self._pidfd is not None:
            return _readable(self._pidfd)
        # Forked or not, nobody said: then nothing lives that holds the other end of the channel.
        return self.pid is not None or self._hung_up

    @property
    def overdue(self) -> bool:
        """Whether the fork server should long have told of its beginning, or of its death."""
        return self._unanswered > UNCONFIRMED_SECONDS

    def close(self) -> str:
        """Forget a dead worker; what it wrote while crashing."""
        while self.ended is None and _readable(self._channel) and self._receive():
            pass
        self._unregister()
        self._channel.close()
        self._make_place()
        if self._pidfd is not None:
            os.close(self._pidfd)
        size = os.fstat(self.crash_fd).st_size
        stacks = os.pread(self.crash_fd, min(size, 16_000), 0).decode(errors="replace")
        os.close(self.crash_fd)
        return stacks

    def _receive(self) -> bool:
        message = self._channel.receive()
        if message is None:
            # Its end of the stream: dying, but dead only when its exit is confirmed.
            self._hung_up = True
            self._unregister()
            return False
        if isinstance(message, Ready):
            self.ready = True
            self._on_ready(self)
        else:
            self.ended = message
        return True

    def _make_place(self) -> None:
        if self._kept_fd is not None:
            os.close(self._kept_fd)
        self._kept_fd = None

    def _unregister(self) -> None:
        try:
            self._selector.unregister(self._channel)
        except KeyError:
            return

    def _signal(self, number: signal.Signals) -> None:
        if self._pidfd is None:
            return
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            return


def _stopped(pid: int) -> bool:
    """Whether a process is stopped, as SIGSTOP or a debugger does it."""
    try:
        # A process may have given itself a name that is not UTF-8.
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state in "Tt"


def _readable(file: Any) -> bool:
    with selectors.PollSelector() as poll:
        poll.register(file, selectors.EVENT_READ)
        return bool(poll.select(0))


def cause_of(worker: Worker, status: int | None) -> str:
    """Why a dead worker ended, in words: what it said, what was done to it, or how the kernel says it ended."""
    if worker.ended is not None and worker.ended.reason is not WorkerExit.CRASHED:
        return worker.ended.reason.name.lower()
    if worker.killed_for is not None:
        return worker.killed_for
    if status is None:
        return "its fork server died"
    code = os.waitstatus_to_exitcode(status)
    return f"signal {_signal_name(-code)}" if code < 0 else f"exit code {code}"


def _signal_name(number: int) -> str:
    """Its name, or its number: most real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
