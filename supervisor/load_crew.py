"""The processes that send: forked before this one has any Kafka client, told when to begin, heard while they send."""

import math
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from confluent_kafka import KafkaException, Producer

from supervisor.latencies import Latencies
from supervisor.payload import Payload
from supervisor.recorder import Recorder
from supervisor.schedule import Schedule, Share, Steady, Unlimited
from supervisor.sender import Sender
from workers.errors import PoolError
from workers.lifeline import tie_to_parent
from workers.log import kafka_logger

_TURN_SECONDS: Final = 0.1
_FLUSH_SECONDS: Final = 30.0
"""How long the last acknowledgements are waited for without a single one coming in."""
_SETUP_SECONDS: Final = 0.3
"""From the word to begin until the first record is due: in it, every process gets ready."""
_BULK_RATE: Final = 50_000
"""Records a second and process above which there is no report for each."""
_IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SenderDied(PoolError):
    """A sending process has ended before its work was done."""


class Begin(msgspec.Struct, tag=True):
    """Send."""

    moment: float
    """When the schedule begins, in seconds of the monotonic clock."""
    first: int
    """The number of the first record of all."""
    rate: float | None
    """Records a second in place of the schedule; None: as the schedule says."""
    duration: float | None
    """Seconds in place of the work's; None: as the work says."""


class Stop(msgspec.Struct, tag=True):
    """Send nothing more, and wait for what is out."""


class Abandon(msgspec.Struct, tag=True):
    """Wait no longer."""


class Progress(msgspec.Struct):
    """How far a process has come since it was told to begin."""

    position: int
    sent: int
    acknowledged: int
    failures: dict[str, int]
    behind: int
    elapsed: float
    """Seconds, those of waiting for the last acknowledgements among them."""
    share_done: float | None
    done: bool
    """Whether all is sent."""
    finished: bool
    """Whether the fate of all is known, or given up."""
    buckets: dict[int, int]
    """Of the latencies that are new since the last message."""
    longest: float


Order = Begin | Stop | Abandon


@dataclass(frozen=True, slots=True)
class Work:
    """What all processes share.

    Attributes:
        properties: the producer's.
        topic: where records go.
        payload: makes the payload of process `first` of `of`.
        plain: whether the payload is no more than keys and values.
        schedule: for all processes together.
        count: records after which they are done, together; None: no such end.
        duration: seconds after which they are done; None: no such end.
    """

    properties: Mapping[str, Any]
    topic: str
    payload: Callable[[int, int], Payload]
    plain: bool
    schedule: Schedule
    count: int | None
    duration: float | None

    @property
    def queue(self) -> int:
        """How many records a producer holds."""
        return int(self.properties.get("queue.buffering.max.messages", 100_000))

    def bulk(self, of: int, rate: float | None = None) -> bool:
        """Whether speed is all."""
        return self.plain and (rate or self.schedule.peak) / of > _BULK_RATE


@dataclass(slots=True)
class Totals:
    """What all processes have done, over all that they were told."""

    sent: int = 0
    acknowledged: int = 0
    behind: int = 0
    elapsed: float = 0.0
    share_done: float | None = None
    done: bool = False
    finished: bool = False
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        return self.failures.total()

    @property
    def outstanding(self) -> int:
        """Records of which nothing is known yet."""
        return self.sent - self.acknowledged - self.failed


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
        self._first = 0
        self.moment = 0.0
        """When the schedule began, in seconds of the monotonic clock."""

    @property
    def bulk(self) -> bool:
        """Whether latencies are told from counts, not from each record."""
        return self._work.bulk(self._count)

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("fork")
        for number in range(self._count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_send, args=(theirs, self._work, number, self._count, os.getpid()), daemon=True
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

    def begin(self, rate: float | None = None, duration: float | None = None) -> None:
        """Have all send from now on; a rate is in place of the schedule."""
        self._before, self._heard = self.totals, [_NOTHING] * self._count
        self.totals = self._sum()
        self.moment = time.monotonic() + _SETUP_SECONDS
        self._tell(Begin(self.moment, self._first, rate, duration))

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
            failures=failures,
        )

    def next_numbers(self) -> None:
        """Have the next records numbered behind those that were sent."""
        self._first += max(progress.position for progress in self._heard) * self._count


_NOTHING: Final = Progress(0, 0, 0, {}, 0, 0.0, None, done=False, finished=False, buckets={}, longest=0.0)


def _send(orders: Connection, work: Work, number: int, of: int, parent: int) -> None:
    """A sending process's life: until its orders end."""
    tie_to_parent(parent)
    for ignored in _IGNORED:
        signal.signal(ignored, signal.SIG_IGN)  # whether and how to end, its parent says
    payload = work.payload(number, of)
    logs = kafka_logger("load")
    producers: dict[bool, Producer] = {}
    while (order := _order(orders)) is not None:
        if not isinstance(order, Begin):
            continue
        bulk = work.bulk(of, order.rate)
        if bulk not in producers:
            properties = {**work.properties, "delivery.report.only.error": bulk}
            producers[bulk] = Producer({**properties, "logger": logs, "error_cb": logs.error_cb})
            with suppress(KafkaException):  # no broker: the schedule is kept all the same
                producers[bulk].list_topics(work.topic, timeout=_SETUP_SECONDS)  # or the first record waits for it
        _Turn(orders, _sender(work, order, producers[bulk], payload, number, of), order.moment).run()


def _sender(work: Work, order: Begin, producer: Producer, payload: Payload, number: int, of: int) -> Sender:
    schedule: Schedule = work.schedule if order.rate is None else Steady(order.rate)
    sender = Sender(
        producer,
        work.topic,
        payload,
        schedule if isinstance(schedule, Unlimited) else Share(schedule, number, of),
        Recorder(),
        count=None if work.count is None else math.ceil(max(0, work.count - number) / of),
        duration=work.duration if order.duration is None else order.duration,
        first=order.first + number,
        step=of,
        queue=work.queue,
        bulk=work.bulk(of, order.rate),
    )
    sender.begin_at(order.moment)
    return sender


class _Turn:
    """One load from its beginning until the fate of all records is known."""

    def __init__(self, orders: Connection, sender: Sender, moment: float) -> None:
        self._orders = orders
        self._sender = sender
        self._moment = moment
        self._abandoned = False

    def run(self) -> None:
        sender = self._sender
        while not sender.done:
            sender.run_until(time.monotonic() + _TURN_SECONDS)
            self._obey()
            self._report(finished=False)
        outstanding, deadline = sender.recorder.outstanding, time.monotonic() + _FLUSH_SECONDS
        while not sender.finish(_TURN_SECONDS):
            self._obey()
            self._report(finished=False)
            if sender.recorder.outstanding < outstanding:
                outstanding, deadline = sender.recorder.outstanding, time.monotonic() + _FLUSH_SECONDS
            if self._abandoned or time.monotonic() > deadline:
                sender.abandon()
        self._report(finished=True)

    def _obey(self) -> None:
        while self._orders.poll():
            order = _order(self._orders)
            if order is None or isinstance(order, Abandon):
                self._abandoned = True
            self._sender.stop()
            if order is None:
                return

    def _report(self, *, finished: bool) -> None:
        sender, recorder = self._sender, self._sender.recorder
        new = recorder.latencies.take()
        progress = Progress(
            position=sender.position,
            sent=recorder.sent,
            acknowledged=recorder.acknowledged,
            failures=dict(recorder.failures),
            behind=sender.behind,
            elapsed=max(0.0, time.monotonic() - self._moment),
            share_done=sender.share_done,
            done=sender.done,
            finished=finished,
            buckets=dict(new.buckets),
            longest=new.longest,
        )
        try:
            self._orders.send_bytes(msgspec.msgpack.encode(progress))
        except OSError:  # nobody listens any more
            self._abandoned = True
            sender.stop()


def _order(orders: Connection) -> Order | None:
    """The next order; None where there will be none."""
    try:
        order: Order = msgspec.msgpack.decode(orders.recv_bytes(), type=Order)
    except (EOFError, OSError):
        return None
    return order
