"""How fast the pool is beside a hand-written loop: the same job, broker, records and number of processes, in turn.

    python -m tests.benchmarks.throughput [--records 2000000] [--runs 3] [--partitions 4]

Both guarantees are held against the loop, which has none: the rates, and at least once the CPU, in the median of the
turns. Exit 1 where one of them is missed.

A run's time is that from its first alert to its last, by the time at which the broker had them: start-up and joining
are left out on both sides. So they are of its CPU, which is that of all its processes. Every run's alerts are held
against the readings, one by one; a missing or repeated one ends the benchmark. One turn comes before those that count:
the broker's JVM compiles what it does, at the cost of all.

`tests.benchmarks.compare` runs both beside other systems.
"""

import argparse
import random
import signal
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from confluent_kafka import Producer
from rich.console import Console
from rich.progress import track

from tests.benchmarks.alerts import Alerts, judge, of_messages
from tests.benchmarks.footprint import Watch
from tests.benchmarks.sensor_job import APP, group_of, job
from tests.benchmarks.tables import Bound, console, show, verdict
from tests.support.broker import provide
from tests.support.pool import environment
from tests.support.process import spawn
from tests.support.topics import Topics

HOT_SHARE = 0.05
SUBJECTS = ("hand-written loop", "pool, at least once", "pool, exactly once")
READY_SECONDS = 120.0
ASK_SECONDS = 1.5
"""Between two questions whether a run has done its work."""


class Run(NamedTuple):
    rate: float
    """Records a second."""
    cpu: float
    """CPU seconds for a million records."""
    memory: float
    """The most that all processes held together, MiB of PSS."""
    records: int
    """How many were handled."""
    repeated: int = 0
    """How many alerts came again."""
    stopped: bool = False
    """Whether it was stopped before all records were handled."""
    cold: float = 0.0
    """Records a second from the first alert on, where some at the beginning were left out."""


class Wrong(Exception):
    """Alerts are missing, or unfounded."""


class Bench:
    """One broker and a topic full of readings.

    Args:
        bootstrap: the broker's address.
        records: how many.
        partitions: of the topic, and of each topic for alerts.
        hot: the share of readings that have an alert.
    """

    def __init__(self, bootstrap: str, records: int, partitions: int, *, hot: float = HOT_SHARE) -> None:
        self.topics = Topics(bootstrap)
        self.records = records
        self.partitions = partitions
        self.source = self.topics.create("readings", partitions)
        self.alerts = fill(bootstrap, self.source, records, partitions, hot)

    def handwritten(self) -> Run:
        target = self.target()
        command = [sys.executable, "-m", "tests.benchmarks.handwritten", self.topics.bootstrap, self.source, target]
        process = spawn([*command, str(self.partitions)], env=environment())
        watch = Watch([process.pid])
        assert watch.until(lambda: process.poll() is not None, READY_SECONDS), "the hand-written loop has not ended"
        return self._exact(target, watch)

    def pool(
        self,
        guarantee: str = "at_least_once",
        *,
        settings: Mapping[str, str] | None = None,
        target: str | None = None,
        hashes: int = 0,
    ) -> Run:
        """Have a pool work through the readings.

        Args:
            guarantee: its guarantee.
            settings: its other settings, as `--set` takes them.
            target: where the alerts go; a new topic by default.
            hashes: how many its handler computes for each reading.
        """
        target = target or self.target()
        group = group_of(target)
        env = {
            **environment(),
            **job(self.source, target, hashes=hashes),
            "KAFKA_BOOTSTRAP_SERVERS": self.topics.bootstrap,
            "POOL_HTTP": "",
            "POOL_LOG_LEVEL": "warning",
            "POOL_GUARANTEE": guarantee,
        }
        sets = [word for name, value in (settings or {}).items() for word in ("--set", f"{name}={value}")]
        process = spawn([sys.executable, "-m", "supervisor", "run", APP, *sets], env=env)
        watch = Watch([process.pid])
        # Seldom: to look is work for the broker, too, which the hand-written loop's run has none of.
        read = watch.until(lambda: self.topics.lag(group, self.source) == 0, READY_SECONDS, every=ASK_SECONDS)
        assert read, "records are left"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0, "the pool did not end cleanly"
        return self._exact(target, watch)

    def target(self) -> str:
        """A new topic for alerts, which tells when the broker had each: a peer may give them their readings' time."""
        return self.topics.create("alerts", self.partitions, {"message.timestamp.type": "LogAppendTime"})

    def complete(self, target: str) -> bool:
        """Whether every alert is there to be read."""
        enough = sum(self.topics.ends(target).values()) >= self.alerts.total()
        return enough and judge(self.alerts, of_messages(self.topics.read(target))).missing == 0

    def result(self, target: str, watch: Watch, *, warm: float = 0.0, whole: bool = True) -> Run:
        """What a run comes to.

        Args:
            target: its alerts.
            watch: over its processes.
            warm: the share of its alerts that are left out at its beginning, with their records.
            whole: whether it has handled all records; else it was stopped, and is reckoned from what it did.

        Raises:
            Wrong: alerts are missing, or unfounded.
        """
        messages, expected = self.topics.read(target), self.alerts.total()
        missing, repeated, unfounded = judge(self.alerts, of_messages(messages))
        if unfounded or (missing and whole) or missing == expected:
            raise Wrong(f"of {expected} alerts {missing} are missing, {unfounded} are unfounded")
        times = sorted(message.timestamp()[1] / 1000 for message in messages)
        begin, end = times[int(len(times) * warm)], times[-1]
        if begin == end:
            raise Wrong("there are too few alerts to tell a rate from")
        records = round(self.records * (1 - missing / expected))
        counted = records * (1 - warm)
        rate, cpu = counted / (end - begin), watch.cpu(begin, end) / counted * 1e6
        cold = records / (end - times[0]) if warm else 0.0
        return Run(rate, cpu, watch.peak, records, repeated, stopped=missing > 0, cold=cold)

    def _exact(self, target: str, watch: Watch) -> Run:
        run = self.result(target, watch)
        assert run.repeated == 0, f"{run.repeated} alerts came again"
        return run


def fill(bootstrap: str, topic: str, records: int, partitions: int, share: float = HOT_SHARE) -> Alerts:
    """Produce readings of some 70 bytes; the hot ones, by device and temperature."""
    random_of = random.Random(1)
    producer = Producer(
        {"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 20, "batch.num.messages": 100_000}
    )
    hot: Alerts = Counter()
    for seq in track(range(records), "filling the topic", console=Console(stderr=True), transient=True):
        temperature = random_of.uniform(50.01, 90) if random_of.random() < share else random_of.uniform(10, 50)
        device, shown = f"device-{seq % 1000:04}", f"{temperature:.3f}"
        if temperature > 50:
            hot[device, float(shown)] += 1
        value = f'{{"device_id":"{device}","temperature":{shown},"seq":{seq:<9}}}'
        while True:
            try:
                producer.produce(topic, value, device, seq % partitions)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    return hot


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--at-least", type=float, default=0.97, help="how many times the loop's rate, at least once")
    parser.add_argument("--exactly-once", type=float, default=0.9, help="the same, exactly once")
    parser.add_argument("--cpu", type=float, default=1.1, help="how many times the loop's CPU at most, at least once")
    options = parser.parse_args()
    found: dict[str, list[Run]] = {name: [] for name in SUBJECTS}
    with provide(lasting=True) as broker:
        bench = Bench(broker.bootstrap, options.records, options.partitions)
        ways: tuple[Callable[[], Run], ...] = (bench.handwritten, bench.pool, partial(bench.pool, "exactly_once"))
        runs = dict(zip(SUBJECTS, ways, strict=True))
        for number in range(options.runs + 1):
            # In turn, and another one first each time: the machine's pace drifts.
            first = number % len(SUBJECTS)
            for name in SUBJECTS[first:] + SUBJECTS[:first]:
                run = runs[name]()
                if number:
                    found[name].append(run)
    loop, least, once = found.values()
    table(found)
    return verdict(
        [
            Bound("at least once / loop", compared("at least once / loop", least, loop), options.at_least, above=True),
            Bound("exactly once / loop", compared("exactly once / loop", once, loop), options.exactly_once, above=True),
            Bound("CPU, at least once / loop", compared("CPU, at least once / loop", least, loop, cpu), options.cpu),
        ]
    )


def rate(run: Run) -> float:
    return run.rate


def cpu(run: Run) -> float:
    return run.cpu


def compared(title: str, these: Sequence[Run], those: Sequence[Run], of: Callable[[Run], float] = rate) -> float:
    """How many times as much of something these runs have as those beside them, in the median; each is printed."""
    ratios = [of(this) / of(that) for this, that in zip(these, those, strict=True)]
    median = statistics.median(ratios)
    console().print(f"{title}: {median:.2f} (each turn: {', '.join(f'{ratio:.2f}' for ratio in ratios)})")
    return median


def table(found: Mapping[str, Sequence[Run]]) -> None:
    """Print the medians of each kind of run."""
    rows = [
        (name, f"{statistics.median(map(rate, runs)):,.0f}", f"{statistics.median(map(cpu, runs)):.2f}")
        for name, runs in found.items()
    ]
    show("medians", ("", "records/s", "CPU s per million"), rows)


if __name__ == "__main__":
    sys.exit(main())
