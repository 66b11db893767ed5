"""A process that sends: what it shares with others, and its life."""

import math
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaException, Producer

from supervisor.load_orders import Abandon, Answer, Begin, Order, Prepare, Progress, Ready, Refused
from supervisor.load_refused import LoadRefused
from supervisor.payload import Payload
from supervisor.recorder import Recorder
from supervisor.schedule import Schedule, Share, Steady, Unlimited
from supervisor.sender import OVERTIME_SECONDS, Sender
from workers.lifeline import tie_to_parent
from workers.log import kafka_logger

_METADATA_SECONDS: Final = 1.0
"""How long a topic's partitions are waited for, before anything is due."""
_IDENTITY_SECONDS: Final = 0.6
"""An idempotent producer that finds no broker asks for its id again after half a second, and sends nothing before."""
_TURN_SECONDS: Final = 0.1
_FLUSH_SECONDS: Final = 30.0
"""How long the last acknowledgements are waited for without a single one coming in."""
_BULK_RATE: Final = 50_000
"""Records a second and process above which there is no report for each."""
_NO_LIMIT: Final = 1_000_000
"""Records that a producer without a limit of its own is given at most."""
_IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Work:
    """What all processes share.

    Attributes:
        properties: the producer's.
        topic: where records go.
        payload: makes the payload of process `first` of `of`, for a topic of so many partitions.
        plain: whether the payload is no more than keys and values.
        schedule: for all processes together.
        count: records after which they are done, together; None: no such end.
        duration: seconds after which they are done; None: no such end.
    """

    properties: Mapping[str, Any]
    topic: str
    payload: Callable[[int, int, int], Payload]
    plain: bool
    schedule: Schedule
    count: int | None
    duration: float | None

    @property
    def queue(self) -> int:
        """How many records a producer holds."""
        return int(self.properties.get("queue.buffering.max.messages", 100_000)) or _NO_LIMIT

    def bulk(self, of: int, rate: float | None = None) -> bool:
        """Whether speed is all."""
        return self.plain and (rate or self.schedule.peak) / of > _BULK_RATE


def send(orders: Connection, others: list[Connection], work: Work, number: int, of: int, parent: int) -> None:
    """A sending process's life: until its orders end.

    Args:
        orders: this process's end of its pipe.
        others: inherited ends that are the parent's; open here, they would hide that the parent has closed them.
        work: what all processes share.
        number: which one this is, from 0.
        of: how many there are.
        parent: the parent's pid.
    """
    for other in others:
        other.close()
    tie_to_parent(parent)
    for ignored in _IGNORED:
        signal.signal(ignored, signal.SIG_IGN)  # whether and how to end, its parent says
    try:
        _obey_all(orders, _Outfit(work, number, of))
    except LoadRefused as failure:
        _answer(orders, Refused(str(failure)))


def _obey_all(orders: Connection, outfit: "_Outfit") -> None:
    sender: Sender | None = None
    while (order := _order(orders)) is not None:
        if isinstance(order, Prepare):
            sender = outfit.sender(order)
            _answer(orders, Ready())
        elif isinstance(order, Begin):
            assert sender is not None
            sender.begin_at(order.moment)
            _Turn(orders, sender, order.moment).run()


class _Outfit:
    """What a process sends with: made when it is first needed, as that takes its time, and then kept."""

    def __init__(self, work: Work, number: int, of: int) -> None:
        self._work = work
        self._number = number
        self._of = of
        self._payload: Payload | None = None
        self._producers: dict[bool, Producer] = {}
        self._logs = kafka_logger("load")

    def sender(self, order: Prepare) -> Sender:
        """What sends as an order says, and has only to begin.

        Raises:
            LoadRefused: there is nothing that it could send.
        """
        work, number, of = self._work, self._number, self._of
        self._payload = self._payload or work.payload(number, of, order.partitions)
        schedule: Schedule = work.schedule if order.rate is None else Steady(order.rate)
        bulk = work.bulk(of, order.rate)
        return Sender(
            self._producer(bulk),
            work.topic,
            self._payload,
            schedule if isinstance(schedule, Unlimited) else Share(schedule, number, of),
            Recorder(),
            count=None if work.count is None else math.ceil(max(0, work.count - number) / of),
            duration=work.duration if order.duration is None else order.duration,
            first=order.first + number,
            step=of,
            queue=work.queue,
            bulk=bulk,
            overtime=OVERTIME_SECONDS if order.rate is None else None,
        )

    def _producer(self, bulk: bool) -> Producer:
        if bulk not in self._producers:
            properties = {**self._work.properties, "delivery.report.only.error": bulk}
            producer = Producer({**properties, "logger": self._logs, "error_cb": self._logs.error_cb})
            with suppress(KafkaException):  # no broker: the schedule is kept all the same
                # Or the first records wait for both.
                producer.list_topics(self._work.topic, timeout=_METADATA_SECONDS)
                time.sleep(_IDENTITY_SECONDS)
            self._producers[bulk] = producer
        return self._producers[bulk]


class _Turn:
    """One load from its beginning until the fate of all records is known."""

    def __init__(self, orders: Connection, sender: Sender, moment: float) -> None:
        self._orders = orders
        self._sender = sender
        self._moment = moment
        self._abandoned = False
        self._refused: str | None = None

    def run(self) -> None:
        sender = self._sender
        while not sender.done:
            try:
                sender.run_until(time.monotonic() + _TURN_SECONDS)
            except LoadRefused as failure:
                # What is out has its fate all the same.
                self._refused = str(failure)
                sender.stop()
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
            fatal=self._refused or (None if sender.fatal is None else f"{sender.fatal.name()}: {sender.fatal.str()}"),
        )
        if not _answer(self._orders, progress):
            self._abandoned = True
            sender.stop()


def _order(orders: Connection) -> Order | None:
    """The next order; None where there will be none."""
    try:
        order: Order = msgspec.msgpack.decode(orders.recv_bytes(), type=Order)
    except (EOFError, OSError):
        return None
    return order


def _answer(orders: Connection, answer: Answer) -> bool:
    """Say something; whether anybody listens."""
    try:
        orders.send_bytes(msgspec.msgpack.encode(answer))
    except OSError:
        return False
    return True
