"""`load`: sends numbered records to a topic on a schedule, reads what becomes of them, and says what it saw."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from confluent_kafka import Producer
from rich.console import Console

from supervisor.client_settings import taken_settings
from supervisor.interrupt import Interrupt
from supervisor.load_capacity import CapacitySearch
from supervisor.load_crew import Crew
from supervisor.load_found import Found
from supervisor.load_member import Work
from supervisor.load_numbers import Numbers
from supervisor.load_options import CRC32_PARTITIONERS, Contents, LoadOptions, contents, load_attribute, schedule
from supervisor.load_page import page
from supervisor.load_reader import Reader
from supervisor.load_refused import LoadRefused
from supervisor.load_result import Capacity, LoadResult, Percentiles
from supervisor.load_run import LoadRun
from supervisor.load_summary import summary
from supervisor.load_topic import prepare_topic
from supervisor.load_verification import Expect, Verification
from supervisor.load_view import LoadView
from supervisor.load_watch import PoolWatch
from workers.errors import ConfigInvalid, ExitCode
from workers.log import configure
from workers.settings import Settings

_QUEUE: Final = 200_000
_QUEUE_KBYTES: Final = 256 * 1024
_MANY: Final = 10


def run(settings: Settings, options: LoadOptions, command: str = "") -> ExitCode:
    """Load a topic until the count is sent, the time is over or Ctrl-C; then print a summary and write the files.

    Args:
        settings: for the connection.
        options: what to send and when, what to read, what to write.
        command: the command line, for the files.

    Returns:
        FAILED where a record was not acknowledged, or a promise broken.

    Raises:
        ConfigInvalid, LoadRefused: nothing was sent.
    """
    configure(level="warning")
    what = contents(options, str(settings.client("producer").get("partitioner", CRC32_PARTITIONERS[0])))
    expect, hot = required(options.expect)
    work = _work(settings, options, what)
    with Crew(work, options.processes) as crew:  # before there is any Kafka client here
        partitions = prepare_topic(settings, options.topic, options.create)
        crew.partitions = partitions
        with taken_settings():
            # The processes make theirs only when they get ready, and could not say so.
            Producer({**work.properties, "log_level": 0})
        verification, reader = Verification(expect), None
        if options.verify is not None:
            numbers = Numbers(marked=what.marked, told=what.told, hot=hot)
            reader = Reader(settings, options.topic, options.verify, numbers, verification)
        begun = dt.datetime.now(dt.UTC)
        with Interrupt() as interrupt:  # until all is published: a Ctrl-C too many must not cost the result
            with PoolWatch(options.status, options.topic) as watch, LoadView(Console(stderr=True), options) as view:
                load = LoadRun(crew, watch, interrupt, reader, verification, view.show)
                capacity = _carry_out(load, options, partitions, view.note)
            if reader is not None:
                reader.close()
            result = _result(load, options, partitions, capacity, begun.isoformat(timespec="seconds"), command)
            publish(result, options)
    return ExitCode.OK if result.verdict.good else ExitCode.FAILED


def _carry_out(load: LoadRun, options: LoadOptions, partitions: int, note: Callable[[str], None]) -> Capacity | None:
    capacity = None
    if options.find_capacity:
        capacity = CapacitySearch(load, options, partitions, note).run()
    else:
        load.begin()
        load.send()
    load.settle(options.wait)
    return capacity


def required(text: str) -> tuple[Expect, Callable[[Any], bool] | None]:
    """Which records must have a result, as `--expect` says it, and what tells these where that is a function.

    Raises:
        ConfigInvalid: there is no such function.
    """
    if text in tuple(Expect):
        return Expect(text), None
    function = load_attribute(text, "--expect")
    if not callable(function):
        raise ConfigInvalid(f"--expect {text} is of type {type(function).__name__}: name a function of a value")
    return Expect.HOT, function


def _work(settings: Settings, options: LoadOptions, what: Contents) -> Work:
    when = schedule(options, what.times)
    count = options.count
    once = count is None and options.duration is None and not options.find_capacity
    if what.lines is not None and once:
        count = what.lines
    bulk = what.plain and when.peak == float("inf") and not options.find_capacity
    properties: dict[str, Any] = {
        # Idempotent, so that a sequence number that a reader finds twice was not repeated by the generator.
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 5 if bulk else 1,
        "queue.buffering.max.messages": _QUEUE,
        "queue.buffering.max.kbytes": _QUEUE_KBYTES,
        **settings.client("producer"),
    }
    return Work(properties, options.topic, what.payload, what.plain, when, count, options.duration)


def _result(
    load: LoadRun, options: LoadOptions, partitions: int, capacity: Capacity | None, begun: str, command: str
) -> LoadResult:
    totals = load.crew.totals
    reading = load.reader is not None
    return LoadResult(
        topic=options.topic,
        begun=begun,
        command=command,
        processes=options.processes,
        partitions=partitions,
        sent=totals.sent,
        acknowledged=totals.acknowledged,
        failed=totals.failed,
        failures=dict(totals.failures.most_common()),
        fatal=totals.fatal,
        behind=totals.behind,
        seconds=round(totals.elapsed, 3),
        rate=round(totals.acknowledged / max(totals.elapsed, 0.001), 1),
        sampled=load.crew.bulk,
        acknowledgement=Percentiles.of(load.acknowledgement),
        end_to_end=Percentiles.of(load.end_to_end) if reading else None,
        verified=_found(load, options) if reading else None,
        capacity=capacity,
        samples=load.samples,
        events=load.watch.events(load.begun),
    )


def _found(load: LoadRun, options: LoadOptions) -> Found:
    verification, reader = load.verification, load.reader
    assert reader is not None
    totals = load.crew.totals
    return Found(
        output=options.verify or "",
        expect=verification.expect.value,
        acknowledged=totals.acknowledged,
        copies=verification.copies,
        records=verification.records,
        foreign=verification.foreign,
        expected=verification.expected,
        answered=verification.answered,
        results=verification.results,
        missing=verification.missing,
        missing_numbers=verification.missing_numbers(_MANY),
        repeated=verification.repeated,
        disordered=verification.disordered,
        keyed=verification.keyed,
        unfounded=verification.unfounded,
        unnumbered=verification.unnumbered,
        exactly_once=options.exactly_once,
        error=reader.error,
    )


def publish(result: LoadResult, options: LoadOptions) -> None:
    """Print the summary, and write the files that are asked for.

    Raises:
        LoadRefused: one of them could not be written.
    """
    Console(soft_wrap=True).print(summary(result))
    failures = [
        *_write(options.json, lambda: msgspec.json.format(msgspec.json.encode(result)) + b"\n"),
        *_write(options.report, lambda: page(result).encode()),
    ]
    if failures:
        raise LoadRefused("; ".join(failures))


def _write(path: Path | None, text: Callable[[], bytes]) -> Iterator[str]:
    """Write a file, if there is to be one; why it could not be."""
    if path is None:
        return
    try:
        path.write_bytes(text())
    except OSError as failure:
        yield f"{path} cannot be written: {failure.strerror}"
