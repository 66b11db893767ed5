"""What the generator can do: as fast as it goes, beside `Producer.produce_batch` in a bare loop, and on a schedule.

    python -m tests.benchmarks.generator [--records 2000000] [--runs 5] [--rate 20000] [--seconds 30]

The bare loop sends the same thousand messages, made beforehand, again and again, with the generator's own settings and
on as many connections: all that it does is to call `produce_batch`. Both are timed from their first record to their
last acknowledgement, in processes of their own, in turn. What is in the topics afterwards is counted.

The schedule is held against what lies in the topic: each record says when it was due, and its timestamp when it was
handed to the producer. Late is what was so more than 10 ms after it was due.

Exits 1 where the generator is slower than `--at-least` of the loop in the median, takes 1 % more or less time than its
schedule says, or where more than 1 % of the records are late.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from rich.console import Console
from rich.table import Table

from supervisor.payload import Reading
from tests.support.broker import provide
from tests.support.pool import environment
from tests.support.topics import Topics

BATCH = 1000
QUEUE = 200_000
PARTITIONS = 4
LATE_MS = 10


def bare(bootstrap: str, topic: str, records: int) -> float:
    """Records a second of the bare loop."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 5,
            "queue.buffering.max.messages": QUEUE,
            "delivery.report.only.error": True,
        }
    )
    producer.list_topics(topic, timeout=10)
    messages = [
        {
            "key": f"device-{number:04}",
            "value": f'{{"device_id":"device-{number:04}","temperature":23.1,"seq":{number + 100_000},'
            f'"sent_at":{time.time_ns()}}}',
        }
        for number in range(BATCH)
    ]
    begun = time.monotonic()
    for _ in range(records // BATCH):
        while QUEUE - len(producer) < BATCH:
            producer.poll(0.005)
        assert producer.produce_batch(topic, messages) == BATCH
        producer.poll(0)
    assert producer.flush(60) == 0
    return records / (time.monotonic() - begun)


class Bench:
    """One broker, a topic for each run."""

    def __init__(self, bootstrap: str, directory: Path) -> None:
        self.topics = Topics(bootstrap)
        self._directory = directory

    def bare(self, records: int) -> float:
        topic = self.topics.create("bare", PARTITIONS)
        command = ["tests.benchmarks.generator", "--bare", self.topics.bootstrap, topic, "--records", str(records)]
        done = self._run(*command, capture_output=True)
        self._count(topic, records)
        return float(done.stdout)

    def generator(self, records: int) -> float:
        topic = self.topics.create("load", PARTITIONS)
        return float(self._load(topic, records, "--count", str(records))["rate"])

    def schedule(self, rate: int, seconds: int) -> tuple[float, float]:
        """How far a schedule is missed: by which part of its time, and by which of its records."""
        topic = self.topics.create("load", PARTITIONS)
        found = self._load(topic, rate * seconds, "--rate", str(rate), "--duration", str(seconds))
        return abs(found["seconds"] - seconds) / seconds, self._late(topic, rate * seconds) / (rate * seconds)

    def _late(self, topic: str, records: int) -> int:
        """How many records were handed over late."""
        consumer = Consumer({"bootstrap.servers": self.topics.bootstrap, "group.id": "generator"})
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        read = late = 0
        while read < records:
            messages = consumer.consume(10_000, 10)
            assert messages, f"only {read} of {records} records in {topic} could be read"
            read += len(messages)
            for message in messages:
                due = msgspec.json.decode(message.value() or b"", type=Reading).sent_at / 1e6
                late += message.timestamp()[1] > due + LATE_MS
        consumer.close()
        return late

    def _load(self, topic: str, records: int, *arguments: str) -> dict[str, Any]:
        file = self._directory / f"{topic}.json"
        self._run("supervisor", "load", topic, "--bootstrap", self.topics.bootstrap, "--json", str(file), *arguments)
        self._count(topic, records)
        found: dict[str, Any] = json.loads(file.read_bytes())
        return found

    def _run(self, module: str, *arguments: str, **how: Any) -> subprocess.CompletedProcess[bytes]:
        how = how or {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.run([sys.executable, "-m", module, *arguments], env=environment(), check=True, **how)

    def _count(self, topic: str, records: int) -> None:
        found = sum(self.topics.ends(topic).values())
        assert found == records, f"{found} records in {topic}, where there should be {records}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--at-least", type=float, default=0.9)
    parser.add_argument("--bare", nargs=2, metavar=("BOOTSTRAP", "TOPIC"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bootstrap, topic = options.bare
        print(bare(bootstrap, topic, options.records))
        return 0
    loops: list[float] = []
    loads: list[float] = []
    with provide(lasting=True) as broker, TemporaryDirectory() as directory:
        bench = Bench(broker.bootstrap, Path(directory))
        bench.bare(BATCH)  # the broker's first run is no measure
        for number in range(options.runs):
            # In turn, and each first every other time: the machine's pace drifts.
            order = [(bench.bare, loops), (bench.generator, loads)]
            for run, results in order if number % 2 == 0 else reversed(order):
                results.append(run(options.records))
        missed, late = bench.schedule(options.rate, options.seconds)
    ratios = [load / loop for load, loop in zip(loads, loops, strict=True)]
    show(options, loops, loads, ratios, missed, late)
    return 0 if statistics.median(ratios) >= options.at_least and max(missed, late) <= 0.01 else 1


def show(
    options: argparse.Namespace,
    loops: list[float],
    loads: list[float],
    ratios: list[float],
    missed: float,
    late: float,
) -> None:
    table = Table("", "records/s", title="medians")
    table.add_row("produce_batch in a bare loop", f"{statistics.median(loops):,.0f}")
    table.add_row("load", f"{statistics.median(loads):,.0f}")
    console = Console()
    console.print(table)
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    console.print(f"load / loop: {statistics.median(ratios):.2f} (each run: {each})")
    console.print(
        f"schedule of {options.rate:,}/s for {options.seconds} s: {missed:.2%} off its time,"
        f" {late:.2%} of the records more than {LATE_MS} ms late"
    )


if __name__ == "__main__":
    sys.exit(main())
