"""What librdkafka's properties do to the pool: one table for each of those that are worth tuning.

    python -m tests.benchmarks.tuning [--runs 3] [--records 4000000] [--only throughput|latency] [PROPERTY …]

PROPERTYs: batch.size, linger.ms, compression.type, fetch.min.bytes, queued.min.messages, queued.max.messages.kbytes;
all by default. One property at a time is changed, the others are the pool's own, with four partitions, at least once.
What concerns the producer is measured with a job of which every record has a result, what concerns the consumer with
the usual one, 5 %. Throughput, CPU and memory are as `tests.benchmarks.throughput` tells them, of a backlog; bytes are
those of the output topic on the broker's disk (where it is the benchmark's own). linger.ms and fetch.min.bytes are also
measured at 2,000 records/s, as `tests.benchmarks.latency` does it. Values take turns; figures are medians. Results are
held against the records. There is no bound. Where every record has a result, a quarter of the records takes as long.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.console import Console

from tests.benchmarks import latency, throughput
from tests.benchmarks.tables import show
from tests.support.broker import Broker, JvmBroker, provide
from tests.support.process import exit_on_term

PARTITIONS: Final = 4
RATE: Final = 2000
WARM_UP: Final = 20.0
"""Seconds of load on a new broker, whose JVM compiles, before any counts."""
_err: Final = Console(stderr=True, highlight=False)


class Property(NamedTuple):
    name: str
    values: Sequence[str]
    default: str
    """The pool's own value, or where it has none librdkafka's."""
    hot: float = throughput.HOT_SHARE
    """The share of records that have a result."""
    delays: bool = False
    """Whether it makes records wait."""

    def settings(self, value: str) -> dict[str, str]:
        """What gives the pool that value; the default it has by itself, and does more about it (`linger.ms`)."""
        return {} if value == self.default else {self.name: value}


PROPERTIES: Final = (
    Property("batch.size", ("4096", "16384", "1000000"), "1000000", hot=1.0),
    Property("linger.ms", ("0", "5", "20", "50", "200"), "50", hot=1.0, delays=True),
    Property("compression.type", ("none", "gzip", "snappy", "lz4", "zstd"), "lz4", hot=1.0),
    Property("fetch.min.bytes", ("1", "10000", "100000"), "1", delays=True),
    Property("queued.min.messages", ("1000", "10000", "30000", "100000", "1000000"), "30000"),
    Property("queued.max.messages.kbytes", ("1024", "8192", "32768", "131072"), "32768"),
)


class Taken(NamedTuple):
    """What a backlog took with one value."""

    run: throughput.Run
    stored: int | None
    """Bytes of the results; None where the broker does not tell."""


def backlogs(broker: Broker, one: Property, records: int, runs: int) -> dict[str, list[Taken]]:
    """Work through the same records with each value, in turn."""
    bench = throughput.Bench(broker.bootstrap, records, PARTITIONS, hot=one.hot)
    bench.pool()
    found: dict[str, list[Taken]] = {value: [] for value in one.values}
    for number in range(runs):
        for value in one.values if number % 2 == 0 else reversed(one.values):
            target = bench.target()
            run = bench.pool(settings=one.settings(value), target=target)
            stored = broker.stored(target) if isinstance(broker, JvmBroker) else None
            found[value].append(Taken(run, stored))
            _err.print(f"{one.name}={value}: {run.rate:,.0f}/s")
    return found


def latencies(
    broker: Broker, one: Property, warm: float, seconds: float, runs: int
) -> dict[str, list[latency.Latencies]]:
    """Run a steady load with each value, in turn."""

    def measured(value: str, before: float) -> latency.Latencies:
        settings = [f"{name}={value}" for name, value in one.settings(value).items()]
        return latency.Bench(broker, RATE, before, seconds, PARTITIONS, one.hot, settings).measure("at_least_once")

    measured(one.default, WARM_UP)
    found: dict[str, list[latency.Latencies]] = {value: [] for value in one.values}
    for number in range(runs):
        for value in one.values if number % 2 == 0 else reversed(one.values):
            found[value].append(measured(value, warm))
            _err.print(f"{one.name}={value}: p50 {found[value][-1].percentile(0.5):.1f} ms")
    return found


def backlog_cells(taken: Sequence[Taken]) -> list[str]:
    rate = statistics.median(one.run.rate for one in taken)
    cpu = statistics.median(one.run.cpu for one in taken)
    memory = statistics.median(one.run.memory for one in taken)
    sizes = [one.stored / one.run.records for one in taken if one.stored is not None]
    size = f"{statistics.median(sizes):.1f}" if sizes else "-"
    return [f"{rate:,.0f}", f"{cpu:.2f}", f"{memory:,.0f}", size]


def latency_cells(found: Sequence[latency.Latencies]) -> list[str]:
    shares = (statistics.median(one.percentile(share) for one in found) for share in (0.5, 0.99))
    return [*(f"{ms:.1f}" for ms in shares), f"{statistics.median(one.cpu for one in found):.2f}"]


BACKLOG_HEAD: Final = ("records/s", "CPU s per million", "peak MiB", "bytes out a record")
LATENCY_HEAD: Final = ("p50 ms", "p99 ms", "CPU at 2,000/s")


def measure(broker: Broker, one: Property, options: argparse.Namespace) -> None:
    """Measure one property, and print its table."""
    head = [one.name]
    rows = [[value + (" (default)" if value == one.default else "")] for value in one.values]
    if options.only != "latency":
        head += BACKLOG_HEAD
        records = options.records if one.hot < 1 else options.records // 4
        taken = backlogs(broker, one, records, options.runs)
        for row, value in zip(rows, one.values, strict=True):
            row.extend(backlog_cells(taken[value]))
    if one.delays and options.only != "throughput":
        head += LATENCY_HEAD
        found = latencies(broker, one, options.warm, options.seconds, options.runs)
        for row, value in zip(rows, one.values, strict=True):
            row.extend(latency_cells(found[value]))
    show(f"{one.name}, {one.hot:.0%} of records with a result", head, rows)


def main() -> int:
    known = {one.name: one for one in PROPERTIES}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("properties", nargs="*", default=list(known), metavar="PROPERTY")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--warm", type=float, default=5.0, help="seconds of load before a latency counts")
    parser.add_argument("--seconds", type=float, default=8.0, help="for how long it counts")
    parser.add_argument("--only", choices=("throughput", "latency"))
    options = parser.parse_args()
    if unknown := set(options.properties) - known.keys():
        parser.error(f"no such table: {', '.join(unknown)}")
    exit_on_term()
    with provide(lasting=True) as broker:
        for name in options.properties:
            measure(broker, known[name], options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
