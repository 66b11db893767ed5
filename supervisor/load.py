"""`load`: sends numbered sensor readings to a topic, and says how the brokers took them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from rich.console import Console
from rich.table import Table

from supervisor.interrupt import Interrupt
from supervisor.latencies import milliseconds
from supervisor.payload import SensorPayload
from supervisor.progress import LoadProgress
from supervisor.recorder import Recorder
from supervisor.schedule import Steady, Unlimited
from supervisor.sender import Sender
from workers.errors import ExitCode, PoolError
from workers.log import configure, kafka_logger
from workers.settings import Settings

_BROKER_SECONDS: Final = 10.0
_FLUSH_SECONDS: Final = 30.0
"""How long the last acknowledgements are waited for without a single one coming in."""
_TURN_SECONDS: Final = 0.1


class LoadRefused(PoolError):
    """The load cannot begin: no broker answers, or the topic is not there."""


def run(
    settings: Settings,
    topic: str,
    *,
    rate: float | None,
    count: int | None,
    duration: float | None,
    devices: int,
    hot: float,
    size: int,
    create: int | None,
) -> ExitCode:
    """Load `topic` until `count` records are sent, `duration` is over or Ctrl-C, then print a summary.

    Args:
        settings: for the connection.
        topic: the topic to write to.
        count: records to send; None: no such end.
        rate: records per second; None: as fast as the brokers take them.
        duration: seconds to send for; None: no such end.
        devices: how many devices report; a record's key is its device.
        hot: share of readings above 50 degrees, 0 to 1.
        size: bytes to which each value is padded; 0: not at all.
        create: partitions with which to create the topic where it is not there; None: it has to be.

    Returns:
        FAILED where a record was not acknowledged.

    Raises:
        LoadRefused: nothing was sent.
    """
    configure(level="warning")
    _prepare_topic(settings, topic, create)
    producer = Producer(_producer_properties(settings))
    schedule = Unlimited() if rate is None else Steady(rate)
    payload = SensorPayload(devices, hot, size)
    sender = Sender(producer, topic, payload, schedule, Recorder(), count=count, duration=duration)
    with Interrupt() as interrupt, LoadProgress(Console(stderr=True), topic) as progress:
        while not sender.done:
            sender.run_until(time.monotonic() + _TURN_SECONDS)
            progress.show(sender)
            if interrupt.requested:
                sender.stop()
        _collect_reports(sender, progress, interrupt)
    Console(soft_wrap=True).print(_summary(topic, sender))
    return ExitCode.FAILED if sender.recorder.failed else ExitCode.OK


def _collect_reports(sender: Sender, progress: LoadProgress, interrupt: Interrupt) -> None:
    """Wait for the reports that are out for as long as they keep coming; a second Ctrl-C ends the wait."""
    outstanding = sender.recorder.outstanding
    deadline = time.monotonic() + _FLUSH_SECONDS
    while not sender.finish(_TURN_SECONDS):
        progress.show(sender)
        if sender.recorder.outstanding < outstanding:
            outstanding = sender.recorder.outstanding
            deadline = time.monotonic() + _FLUSH_SECONDS
        if interrupt.impatient or time.monotonic() > deadline:
            sender.abandon()


def _producer_properties(settings: Settings) -> dict[str, Any]:
    logs = kafka_logger("load")
    # Idempotent, so that a sequence number that a reader finds twice was not repeated by the generator.
    return {"enable.idempotence": True, **settings.client("producer"), "logger": logs, "error_cb": logs.error_cb}


def _prepare_topic(settings: Settings, topic: str, partitions: int | None) -> None:
    with _admin(settings) as admin:
        # Asking for the one topic would have some brokers create it.
        found = admin.list_topics(timeout=_BROKER_SECONDS).topics.get(topic)
        if found is None and partitions is None:
            raise LoadRefused(f"topic {topic} is not there: create it, or give --create PARTITIONS")
        if found is None and partitions is not None:
            _create_topic(admin, topic, partitions)
        elif found is not None and partitions not in (None, len(found.partitions)):
            raise LoadRefused(
                f"topic {topic} is there already with {len(found.partitions)} partitions, not {partitions}:"
                " leave out --create, or name another topic"
            )


def _create_topic(admin: AdminClient, topic: str, partitions: int) -> None:
    try:
        admin.create_topics([NewTopic(topic, partitions)], request_timeout=_BROKER_SECONDS)[topic].result()
    except KafkaException as failure:
        error = failure.args[0]
        if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody was quicker
            raise LoadRefused(
                f"topic {topic} could not be created: {error.str()}; create it with the brokers' own tools"
            ) from failure


@contextmanager
def _admin(settings: Settings) -> Iterator[AdminClient]:
    """An admin client; that no broker answers becomes a `LoadRefused` with what the client saw last."""
    seen: list[str] = []
    properties: dict[str, Any] = {
        **settings.client("admin"),
        "log_level": 0,  # what went wrong is in the error
        "error_cb": lambda error: seen.append(error.str()),
    }
    admin = AdminClient(properties)
    try:
        yield admin
    except KafkaException as failure:
        admin.poll(0)
        error = failure.args[0]
        servers = properties.get("bootstrap.servers", "no address")
        raise LoadRefused(
            f"no broker answered within {_BROKER_SECONDS:g} s at {servers}: {seen[0] if seen else error.str()};"
            " check that it runs, and give its address with --bootstrap HOST:PORT"
        ) from failure


def _summary(topic: str, sender: Sender) -> Table:
    recorder = sender.recorder
    table = Table(title=f"load on {topic}", title_justify="left", show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("acknowledged", f"[green]{recorder.acknowledged:,}")
    table.add_row("failed", f"{'[red]' if recorder.failed else ''}{recorder.failed:,}")
    for name, failures in recorder.failures.most_common():
        table.add_row(f"  {name}", f"{failures:,}")
    if sender.behind:
        table.add_row("behind the schedule", f"[yellow]{sender.behind:,}")
    table.add_row("time", f"{sender.elapsed:.1f} s")
    table.add_row("rate", f"{recorder.acknowledged / max(sender.elapsed, 0.001):,.0f} records/s")
    table.add_row("latency p50", milliseconds(recorder.latencies.percentile(0.50)))
    table.add_row("latency p99", milliseconds(recorder.latencies.percentile(0.99)))
    return table
