"""The processes that send: forked before this one has any Kafka client, told when to begin, heard while they send."""

import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Final, Self

import msgspec

from supervisor.latencies import Latencies
from supervisor.load_member import SETUP_SECONDS, Abandon, Begin, Order, Progress, Stop, Work, send
from supervisor.tally import Tally
from workers.errors import PoolError


class SenderDied(PoolError):
    """A sending process has ended before its work was done."""


@dataclass(slots=True)
class Totals(Tally):
    """What all processes have done, over all that they were told."""

    behind: int = 0
    elapsed: float = 0.0
    share_done: float | None = None
    done: bool = False
    finished: bool = False
    fatal: str | None = None
    """Why one of them can send nothing more; None: all can."""


class Crew:
    """So many processes, as a context. To be entered before this process has a Kafka client or a thread."""

    def __init__(self, work: Work, processes: int) -> None:
        self._work = work
        self._members: list[Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._count = processes
        self._heard: list[Progress] = []
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

    def begin(self, rate: float | None = None, duration: float | None = None) -> None:
        """Have all send from now on, numbers going on from the last ones; a rate is in place of the schedule."""
        self._first = self.reach
        self._rates.add(rate)
        self._before, self._heard = self.totals, [_NOTHING] * self._count
        self.totals = self._sum()
        self.moment = time.monotonic() + SETUP_SECONDS
        self._tell(Begin(self.moment, self._first, self.partitions, rate, duration))

    def stop(self) -> None:
        """Have all send nothing more."""
        self._tell(Stop())

    def abandon(self) -> None:
        """Have all give up what is still out."""
        self._tell(Abandon())

    def listen(self, seconds: float) -> None:
        """Take in what they say, waiting up to so long for it.

        Raises:
            SenderDied: one is gone.
        """
        for member in wait(self._members, seconds):
            assert isinstance(member, Connection)
            number = self._members.index(member)
            try:
                while member.poll():
                    self._hear(number, msgspec.msgpack.decode(member.recv_bytes(), type=Progress))
            except (EOFError, OSError) as failure:
                self._processes[number].join(1.0)
                code = self._processes[number].exitcode
                raise SenderDied(
                    f"sending process {number} has ended with exit code {code}: see above for its error"
                ) from failure
        self.totals = self._sum()

    def _hear(self, number: int, progress: Progress) -> None:
        self._heard[number] = progress
        self.news.merge(Latencies.restore(progress.buckets, progress.longest))

    def _tell(self, order: Order) -> None:
        for member in self._members:
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
