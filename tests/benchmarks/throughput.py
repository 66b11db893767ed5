"""How fast the pool is beside a hand-written loop: the same job, broker, records and number of processes, in turn.

    python -m tests.benchmarks.throughput [--records 2000000] [--runs 3] [--partitions 4]

A run's time is that from its first alert to its last, by their timestamps: start-up and joining are left out on both
sides. CPU is that of all its processes. Every run's alerts are counted; a wrong number ends the benchmark.
"""

import argparse
import random
import resource
import signal
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import Producer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.support.broker import provide
from tests.support.pool import environment
from tests.support.process import spawn
from tests.support.topics import Topics
from tests.support.wait import wait_for

HOT_SHARE = 0.05
READY_SECONDS = 120.0


class Run(NamedTuple):
    rate: float
    """Records a second."""
    cpu: float
    """CPU seconds for a million records."""


class Bench:
    """One broker and a topic full of readings."""

    def __init__(self, bootstrap: str, records: int, partitions: int) -> None:
        self.topics = Topics(bootstrap)
        self.records = records
        self.partitions = partitions
        self.source = self.topics.create("readings", partitions)
        self.alerts = fill(bootstrap, self.source, records, partitions)

    def handwritten(self) -> Run:
        target = self.topics.create("alerts", self.partitions)
        command = [sys.executable, "-m", "tests.benchmarks.handwritten", self.topics.bootstrap, self.source, target]
        before = cpu_of_children()
        spawn([*command, str(self.partitions)], env=environment()).wait()
        return self._run(target, before)

    def pool(self, guarantee: str = "at_least_once") -> Run:
        target = self.topics.create("alerts", self.partitions)
        group = f"pool-{target}"
        env = {
            **environment(),
            "KAFKA_BOOTSTRAP_SERVERS": self.topics.bootstrap,
            "POOL_HTTP": "",
            "POOL_LOG_LEVEL": "warning",
            "POOL_GUARANTEE": guarantee,
            "BENCH_INPUT": self.source,
            "BENCH_OUTPUT": target,
            "BENCH_GROUP": group,
        }
        before = cpu_of_children()
        process = spawn([sys.executable, "-m", "supervisor", "run", "tests.benchmarks.sensor_job:app"], env=env)
        # Seldom: to look is work for the broker, too, which the hand-written loop's run has none of.
        wait_for(lambda: self.topics.lag(group, self.source) == 0, READY_SECONDS, "records are left", every=1.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0, "the pool did not end cleanly"
        return self._run(target, before)

    def _run(self, target: str, cpu_before: float) -> Run:
        cpu = cpu_of_children() - cpu_before
        alerts = self.topics.read(target)
        assert len(alerts) == self.alerts, f"{len(alerts)} alerts, where there should be {self.alerts}"
        times = [message.timestamp()[1] for message in alerts]
        return Run(self.records / (max(times) - min(times)) * 1000, cpu / self.records * 1e6)


def fill(bootstrap: str, topic: str, records: int, partitions: int) -> int:
    """Produce readings of some 70 bytes; how many of them are hot."""
    random_of = random.Random(1)
    producer = Producer(
        {"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 20, "batch.num.messages": 100_000}
    )
    hot = 0
    for seq in track(range(records), "filling the topic", console=Console(stderr=True), transient=True):
        temperature = random_of.uniform(50.01, 90) if random_of.random() < HOT_SHARE else random_of.uniform(10, 50)
        hot += temperature > 50
        value = f'{{"device_id":"device-{seq % 1000:04}","temperature":{temperature:.3f},"seq":{seq:<9}}}'
        while True:
            try:
                producer.produce(topic, value, f"device-{seq % 1000:04}", seq % partitions)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    return hot


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--at-least", type=float, default=0.7, help="exit 1 where the median ratio is below this")
    options = parser.parse_args()
    loops: list[Run] = []
    pools: list[Run] = []
    with provide(lasting=True) as broker:
        bench = Bench(broker.bootstrap, options.records, options.partitions)
        for number in range(options.runs):
            # In turn, and each first every other time: the machine's pace drifts.
            order = [(bench.handwritten, loops), (bench.pool, pools)]
            for run, results in order if number % 2 == 0 else reversed(order):
                results.append(run())
    ratios = [pool.rate / loop.rate for pool, loop in zip(pools, loops, strict=True)]
    show({"hand-written loop": loops, "pool, at least once": pools}, "pool / loop", ratios)
    return 0 if statistics.median(ratios) >= options.at_least else 1


def show(found: Mapping[str, Sequence[Run]], compared: str, ratios: Sequence[float]) -> None:
    """Print the medians of each kind of run, and how two of them compare."""
    table = Table("", "records/s", "CPU s per million", title="medians")
    for name, runs in found.items():
        rate, cpu = statistics.median(run.rate for run in runs), statistics.median(run.cpu for run in runs)
        table.add_row(name, f"{rate:,.0f}", f"{cpu:.2f}")
    console = Console()
    console.print(table)
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    console.print(f"{compared}: {statistics.median(ratios):.2f} (each run: {each})")


if __name__ == "__main__":
    sys.exit(main())
