"""How long a record takes from when it was to be sent to when its result can be read, at a steady rate.

    python -m tests.benchmarks.latency [--rate 2000] [--warm 20] [--seconds 10] [--runs 3] [--hot 0.05] [SUBJECT …]

SUBJECTs: loop (written by hand), at_least_once, exactly_once; all by default, in turn. An open loop: records are sent
on schedule whatever the brokers do, and count from their scheduled time; the results' reader reads what is committed.
CPU is a share of one core, of all the subject's processes and of the broker, while the load runs; the broker's is told
where the benchmark has started it, on the JVM.

A result that no reading has ends the benchmark, exactly once also one that comes again; else repeats are told. Exit 1
then, or where at least once takes more than `--times` what the loop takes, or exactly once more than `--p50` and
`--p99`.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from rich.console import Console

from tests.benchmarks.footprint import cpu_of
from tests.benchmarks.sensor_job import APP, Alert, job
from tests.benchmarks.tables import Bound, show, verdict
from tests.benchmarks.throughput import Wrong
from tests.support.broker import Broker, JvmBroker, provide
from tests.support.pool import environment
from tests.support.process import descendants, spawn
from tests.support.topics import Topics

PATIENCE = 30.0
NS = 1_000_000_000


class Latencies(NamedTuple):
    milliseconds: list[float]
    cpu: float
    """Cores that the subject took."""
    broker_cpu: float | None
    """The same of the broker; None: it is not the benchmark's own."""
    repeated: int = 0
    """How many results came again."""

    def percentile(self, share: float) -> float:
        return sorted(self.milliseconds)[int(len(self.milliseconds) * share)]


class Bench:
    """One broker, and a load that is the same for all subjects.

    Args:
        broker: where.
        rate: records a second.
        warm: seconds of load before it counts: the broker's JVM compiles what it does.
        seconds: for how long it counts.
        partitions: of the input.
        hot: the share of readings that have a result.
        settings: the pool's, besides its guarantee.
    """

    def __init__(
        self,
        broker: Broker,
        rate: int,
        warm: float,
        seconds: float,
        partitions: int,
        hot: float,
        settings: Sequence[str],
    ) -> None:
        self._broker = broker
        self._topics = Topics(broker.bootstrap)
        self._rate = rate
        self._warm = warm
        self._count = int(rate * (warm + seconds))
        self._partitions = partitions
        self._hot = {seq for seq in range(self._count) if random.Random(seq).random() < hot}
        self._settings = settings

    def measure(self, subject: str) -> Latencies:
        """Run one subject under the load.

        Raises:
            Wrong: it has results that no reading has, or exactly once some that came again.
        """
        topics, source = self._topics, self._topics.create("readings", self._partitions)
        target = topics.create("alerts", self._partitions)
        with self._loop(source, target) if subject == "loop" else self._pool(source, target, subject) as pid:
            found = self._load(source, target, pid)
        if found.repeated and subject == "exactly_once":
            raise Wrong(f"{found.repeated} results came again")
        return found

    @contextmanager
    def _loop(self, source: str, target: str) -> Iterator[int]:
        command = [sys.executable, "-m", "tests.benchmarks.handwritten", self._broker.bootstrap, source, target]
        process = spawn([*command, str(self._partitions), "follow"], env=environment(), new_session=True)
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @contextmanager
    def _pool(self, source: str, target: str, guarantee: str) -> Iterator[int]:
        env = {
            **environment(),
            **job(source, target),
            "KAFKA_BOOTSTRAP_SERVERS": self._broker.bootstrap,
            "POOL_HTTP": "",
            "POOL_LOG_LEVEL": "warning",
            "POOL_GUARANTEE": guarantee,
        }
        sets = [word for setting in self._settings for word in ("--set", setting)]
        process = spawn([sys.executable, "-m", "supervisor", "run", APP, *sets], env=env)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0, "the pool did not end cleanly"

    def _load(self, source: str, target: str, pid: int) -> Latencies:
        """Send on schedule, in a process of its own, and read."""
        start = time.monotonic_ns() + 2 * NS
        sender = os.fork()
        if sender == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # what its parent started is its parent's to end
            send(self._broker.bootstrap, source, start, self._rate, self._count, self._partitions, self._hot)
            os._exit(0)
        cpu = Cpu(self._broker, pid, after=start + int(self._warm * NS), until=start + self._count * NS // self._rate)
        seen = Seen(self._hot)
        read(self._broker.bootstrap, target, self._partitions, seen, cpu.look)
        os.waitpid(sender, 0)
        counted = [seq for seq in self._hot if seq >= self._rate * self._warm]
        took = [(seen.at[seq] - start - seq * NS // self._rate) / 1e6 for seq in counted]
        return Latencies(took, *cpu.shares(), seen.repeated)


class Seen:
    """The alerts that were read, each by its reading's number.

    Args:
        hot: the readings that have one.
    """

    def __init__(self, hot: AbstractSet[int]) -> None:
        self._hot = hot
        self.at: dict[int, int] = {}
        """When each could be read first, in nanoseconds of the monotonic clock."""
        self.repeated = 0

    @property
    def missing(self) -> int:
        return len(self._hot) - len(self.at)

    def add(self, seq: int, now: int) -> None:
        """Take note of one.

        Raises:
            Wrong: its reading has none.
        """
        if seq not in self._hot:
            raise Wrong(f"the alert of reading {seq} is unfounded")
        self.repeated += seq in self.at
        self.at.setdefault(seq, now)


class Cpu:
    """Looks how much CPU processes take between two moments of the monotonic clock."""

    def __init__(self, broker: Broker, pid: int, *, after: int, until: int) -> None:
        self._broker = broker._process.pid if isinstance(broker, JvmBroker) and broker._process else None
        self._pid = pid
        self._after, self._until = after, until
        self._looks: list[tuple[int, float, float]] = []

    def look(self) -> None:
        """Take note, where it is time to."""
        now = time.monotonic_ns()
        if (now >= self._after and not self._looks) or (now >= self._until and len(self._looks) == 1):
            subject = sum(map(cpu_of, {self._pid, *descendants(self._pid)}))
            self._looks.append((now, subject, cpu_of(self._broker) if self._broker else 0.0))

    def shares(self) -> tuple[float, float | None]:
        """Cores that the subject and the broker took; None for a broker that somebody else has started."""
        (begin, *before), (end, *after) = self._looks
        seconds = (end - begin) / NS
        broker = (after[1] - before[1]) / seconds if self._broker else None
        return (after[0] - before[0]) / seconds, broker


def send(bootstrap: str, topic: str, start: int, rate: int, count: int, partitions: int, hot: set[int]) -> None:
    """Send readings on schedule; each tells its number by its device."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 3})
    producer.list_topics(topic, timeout=10)
    for seq in range(count):
        ahead = start + seq * NS // rate - time.monotonic_ns()
        if ahead > 0:
            time.sleep(ahead / NS)
        value = f'{{"device_id":"{seq:>11}","temperature":{70.5 if seq in hot else 20.5},"seq":{seq:<9}}}'
        producer.produce(topic, value, str(seq), seq % partitions)
        producer.poll(0)
    assert producer.flush(PATIENCE) == 0


def read(bootstrap: str, topic: str, partitions: int, seen: Seen, look: Callable[[], None]) -> None:
    """Read until every alert was seen, and for a second after the last.

    Raises:
        Wrong: one is unfounded.
    """
    decode = msgspec.json.Decoder(Alert).decode
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "reads-without-a-group",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "log_level": 3,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    quiet_since = time.monotonic()
    while seen.missing or time.monotonic() - quiet_since < 1.0:
        first = consumer.poll(0.05)
        look()
        if first is None:
            assert time.monotonic() - quiet_since < PATIENCE, f"{seen.missing} alerts are missing"
            continue
        now, quiet_since = time.monotonic_ns(), time.monotonic()
        for message in (first, *consumer.consume(1000, 0)):
            assert message.error() is None, message.error()
            seen.add(int(decode(message.value() or b"").device_id), now)
    consumer.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subjects", nargs="*", default=["loop", "at_least_once", "exactly_once"], metavar="SUBJECT")
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--warm", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--hot", type=float, default=0.05, help="the share of readings that have a result")
    parser.add_argument("--times", type=float, default=1.1, help="the loop's p50 and p99")
    parser.add_argument("--p50", type=float, default=20.0, help="milliseconds")
    parser.add_argument("--p99", type=float, default=60.0, help="milliseconds")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the pool")
    options = parser.parse_args()
    with provide(lasting=True) as broker:
        bench = Bench(broker, options.rate, options.warm, options.seconds, options.partitions, options.hot, options.set)
        found: dict[str, list[Latencies]] = {subject: [] for subject in options.subjects}
        for number in range(options.runs + 1):
            for subject in options.subjects:
                try:
                    latencies = bench.measure(subject)
                except Wrong as wrong:
                    print(f"wrong: {subject}: {wrong}")
                    return 1
                # The first time the broker's JVM still compiles what it does.
                if number:
                    found[subject].append(latencies)
                each = f"p50 {latencies.percentile(0.5):.1f}, p99 {latencies.percentile(0.99):.1f} ms"
                again = f", {latencies.repeated} results came again" if latencies.repeated else ""
                Console(stderr=True).print(f"{subject}: {each}{again}" + (" (not counted)" if not number else ""))
    head = ("", "p50 ms", "p99 ms", "max ms", "CPU", "broker's CPU")
    show(f"{options.rate:,}/s, medians", head, [(name.replace("_", " "), *cells(runs)) for name, runs in found.items()])
    return verdict(bounds(found, options))


def cells(runs: Sequence[Latencies]) -> list[str]:
    most = statistics.median(max(run.milliseconds) for run in runs)
    brokers = [run.broker_cpu for run in runs if run.broker_cpu is not None]
    return [
        *(f"{ms:.1f}" for ms in (median(runs, 0.5), median(runs, 0.99), most)),
        f"{statistics.median(run.cpu for run in runs):.2f}",
        f"{statistics.median(brokers):.2f}" if brokers else "-",
    ]


def median(runs: Sequence[Latencies], share: float) -> float:
    """Of the runs' percentiles, in milliseconds."""
    return statistics.median(run.percentile(share) for run in runs)


def bounds(found: Mapping[str, Sequence[Latencies]], options: argparse.Namespace) -> Iterator[Bound]:
    """What is asked of the subjects that were measured."""
    for name, share, most in (("p50", 0.5, options.p50), ("p99", 0.99, options.p99)):
        if "exactly_once" in found:
            yield Bound(f"exactly once, {name} ms", median(found["exactly_once"], share), most)
        if {"loop", "at_least_once"} <= found.keys():
            times = median(found["at_least_once"], share) / median(found["loop"], share)
            yield Bound(f"at least once / loop, {name}", times, options.times)


if __name__ == "__main__":
    sys.exit(main())
