"""The processes that send: forked before this one has any Kafka client, told when to begin, heard while they send."""

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Final, Self

import msgspec

from supervisor.latencies import Latencies
from supervisor.load_member import Work, send
from supervisor.load_orders import Abandon, Answer, Begin, Order, Prepare, Progress, Ready, Refused, Stop
from supervisor.tally import Tally

_LEAD_SECONDS: Final = 0.1
"""From the word to begin until the first record is due."""


@dataclass(slots=True)
class Totals(Tally):
    """What all processes have done, over all that they were told."""

    behind: int = 0
    elapsed: float = 0.0
    share_done: float | None = None
    done: bool = False
    finished: bool = False
    fatal: str | None = None
    """Why one of them can send nothing more, dead or alive; None: all can."""


class Crew:
    """So many processes, as a context. To be entered before this process has a Kafka client or a thread."""

    def __init__(self, work: Work, processes: int) -> None:
        self._work = work
        self._members: list[Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._count = processes
        self._heard: list[Progress] = []
        self._ready: set[int] = set()
        self._gone: dict[int, str] = {}
        """How those have ended that have, or why they can make no more records."""
        self._before = Totals()
        self.totals = Totals()
        self.news = Latencies()
        """Latencies since somebody took them."""
        self.partitions = 1
        """How many the topic has; to be known before the crew begins."""
        self._rates: set[float | None] = set()
        """At which it has sent; None: as the schedule says."""
        self._first = 0
        self.moment = 0.0
        """When the schedule began, in seconds of the monotonic clock."""

    @property
    def bulk(self) -> bool:
        """Whether latencies are told from counts, not from each record."""
        return any(self._work.bulk(self._count, rate) for rate in self._rates)

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("fork")
        for number in range(self._count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=send,
                args=(theirs, [*self._members, ours], self._work, number, self._count, os.getpid()),
                daemon=True,
            )
            process.start()
            theirs.close()
            self._members.append(ours)
            self._processes.append(process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._members:
            member.close()
        for process in self._processes:
            process.join(2.0 if kind is None else 0.0)
            process.kill()
            process.join()

    @property
    def reach(self) -> int:
        """The number behind the last record that was sent, as far as they have told."""
        return self._first + max((progress.position for progress in self._heard), default=0) * self._count

    def prepare(self, rate: float | None = None, duration: float | None = None) -> None:
        """Have all get ready to send, numbers going on from the last ones; a rate is in place of the schedule."""
        self._first = self.reach
        self._rates.add(rate)
        self._before, self._heard = self.totals, [_NOTHING] * self._count
        self._ready.clear()
        self._tell(Prepare(self._first, self.partitions, rate, duration))
        self.totals = self._sum()

    @property
    def ready(self) -> bool:
        """Whether all are."""
        return len(self._ready) == self._count and not self._gone

    @property
    def gone(self) -> bool:
        """Whether one has ended: then they will never be ready."""
        return bool(self._gone)

    def begin(self) -> None:
        """Have all send from now on; where they are not ready, it is over with nothing sent."""
        self.moment = time.monotonic() + _LEAD_SECONDS
        if self.ready:
            self._tell(Begin(self.moment))
        else:
            self._heard = [self._over(number) for number in range(self._count)]
            self.totals = self._sum()

    def stop(self) -> None:
        """Have all send nothing more."""
        self._tell(Stop())

    def abandon(self) -> None:
        """Have all give up what is still out."""
        self._tell(Abandon())

    def listen(self, seconds: float) -> None:
        """Take in what they say, waiting up to so long for it."""
        living = [member for number, member in enumerate(self._members) if number not in self._gone]
        for member in wait(living, seconds):
            assert isinstance(member, Connection)
            number = self._members.index(member)
            try:
                while member.poll():
                    self._hear(number, msgspec.msgpack.decode(member.recv_bytes(), type=Answer))
            except (EOFError, OSError):
                self._processes[number].join(1.0)
                self._lose(number, _end(self._processes[number].exitcode))
        self.totals = self._sum()

    def _hear(self, number: int, answer: Answer) -> None:
        match answer:
            case Ready():
                self._ready.add(number)
            case Refused():
                self._lose(number, f"has ended: {answer.why}")
            case Progress():
                self._heard[number] = answer
                self.news.merge(Latencies.restore(answer.buckets, answer.longest))

    def _lose(self, number: int, how: str) -> None:
        """One sends nothing more, and what was out is not heard of any more: the load ends, with what is known."""
        self._gone.setdefault(number, f"sending process {number} {how}")
        if not self._heard[number].finished:
            self._heard[number] = self._over(number)

    def _over(self, number: int) -> Progress:
        return msgspec.structs.replace(self._heard[number], done=True, finished=True, fatal=self._gone.get(number))

    def _tell(self, order: Order) -> None:
        for member in self._members:
            with suppress(ConnectionError):  # it is gone: to listen tells
                member.send_bytes(msgspec.msgpack.encode(order))

    def _sum(self) -> Totals:
        heard, before = self._heard, self._before
        shares = [progress.share_done for progress in heard if progress.share_done is not None]
        failures = before.failures.copy()
        for progress in heard:
            failures.update(progress.failures)
        return Totals(
            sent=before.sent + sum(progress.sent for progress in heard),
            acknowledged=before.acknowledged + sum(progress.acknowledged for progress in heard),
            behind=sum(progress.behind for progress in heard),
            elapsed=before.elapsed + max(progress.elapsed for progress in heard),
            share_done=min(shares) if shares else None,
            done=all(progress.done for progress in heard),
            finished=all(progress.finished for progress in heard),
            fatal=next((progress.fatal for progress in heard if progress.fatal), before.fatal),
            failures=failures,
        )


_NOTHING: Final = Progress(0, 0, 0, {}, 0, 0.0, None, done=False, finished=False, buckets={}, longest=0.0)


def _end(code: int | None) -> str:
    """How a process has ended, and what is known of why.

    Args:
        code: its exit code, as multiprocessing tells it; negative: a signal.
    """
    if code is None or code >= 0:
        return f"has ended with exit code {code}: see above for its error"
    if code == -signal.SIGKILL:
        return (
            "was killed by SIGKILL: the kernel may have done so for want of memory; give it more, or let fewer"
            " --processes send, or let each hold less (--set queue.buffering.max.kbytes=65536)"
        )
    return f"was ended by {signal.Signals(-code).name if -code in set(signal.Signals) else f'signal {-code}'}"
