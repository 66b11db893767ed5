"""More partitions than cores: what one supervisor with 1, 4, 16 and 64 workers does, and what it takes.

    python -m tests.benchmarks.partitions [--records 2000000] [--idle 20] [COUNT …]

For each count, with Kafka's own heartbeat and `/status` served:

- an idle pool, on a topic without records: the time from its first `worker_started` to its last `worker_ready`, by its
  log; CPU of all its processes over `--idle` seconds, in % of one core; then their memory (PSS); then SIGTERM, with the
  time until the last worker has drained, and until the pool has ended;
- a backlog of `--records` over all partitions: throughput, CPU and peak memory as `tests.benchmarks.throughput` tells
  them, alerts held against the readings; and its peak memory once more with a `memory_budget` that leaves each
  worker 10 MiB for its queues.

The broker shares the two cores. Exit 1 where 64 idle workers take 10 % of a core, a drain more than a second, or a pool
more than its budget.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from rich.console import Console

from supervisor.budget import WORKER_BYTES
from supervisor.figures import MIB, SUPERVISOR_BYTES
from tests.benchmarks.footprint import cpu_of, family, memory, parents
from tests.benchmarks.sensor_job import APP, job
from tests.benchmarks.tables import Bound, show, verdict
from tests.benchmarks.throughput import Bench, Run
from tests.support.broker import provide
from tests.support.pool import Pool
from tests.support.process import exit_on_term
from tests.support.topics import Topics

COUNTS: Final = (1, 4, 16, 64)
MOST_IDLE_PERCENT: Final = 10.0
"""Of one core, for all processes of a pool of 64."""
MOST_DRAIN_SECONDS: Final = 1.0
ROOM: Final = 10 * MIB
"""For a worker's queues, where there is a budget; without one they may take several times as much."""
DEFAULTS: Final = {"KAFKA_SESSION_TIMEOUT_MS": "45000", "KAFKA_HEARTBEAT_INTERVAL_MS": "3000"}
"""librdkafka's own, in place of the tests' quick ones."""
SETTLE_SECONDS: Final = 3.0
"""After the last worker is ready: what start-up has left to do is not counted as idle."""


class Idle(NamedTuple):
    """What a pool without traffic takes."""

    start: float
    """Seconds from the first worker's fork until the last one was ready."""
    percent: float
    """CPU of all processes, of one core."""
    memory: float
    """MiB of all processes."""
    drain: float
    """Seconds from SIGTERM until the last worker had drained."""
    end: float
    """Seconds from SIGTERM until the pool had ended."""


def idle(topics: Topics, partitions: int, seconds: float, directory: Path, env: Mapping[str, str]) -> Idle:
    """Have a pool stand by."""
    source, target = topics.create("readings", partitions), topics.create("alerts", 1)
    pool = Pool(topics.bootstrap, APP, directory, env={**job(source, target), **DEFAULTS, **env})
    try:
        pool.wait_event("worker_ready", count=partitions, within=60)
        time.sleep(SETTLE_SECONDS)
        pids = family([pool.pid], parents())
        assert len(pids) >= partitions + 2, "supervisor, fork server, workers"
        before, began = sum(map(cpu_of, pids)), time.monotonic()
        time.sleep(seconds)
        percent = 100 * (sum(map(cpu_of, pids)) - before) / (time.monotonic() - began)
        held = sum(map(memory, pids))
        told, moment = time.time(), time.monotonic()
        assert pool.terminate() == 0
        end = time.monotonic() - moment
    finally:
        pool.close()
    drained = at(pool.events("worker_drained"))
    assert len(drained) == partitions, f"{len(drained)} of {partitions} workers drained"
    started, ready = at(pool.events("worker_started")), at(pool.events("worker_ready"))
    return Idle(max(ready) - min(started), percent, held, max(drained) - told, end)


def budget_of(workers: int) -> int:
    """A budget for so many workers, in MiB."""
    return (SUPERVISOR_BYTES + workers * (WORKER_BYTES + ROOM)) // MIB


def at(events: Iterable[Mapping[str, Any]]) -> Sequence[float]:
    """When events were logged, in seconds since 1970."""
    return [datetime.fromisoformat(event["timestamp"]).timestamp() for event in events]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=COUNTS, metavar="COUNT")
    parser.add_argument("--records", type=int, default=2_000_000, help="of the backlog, over all partitions")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for the pool without records")
    options = parser.parse_args()
    env = dict(pair.split("=", 1) for pair in options.env)
    exit_on_term()
    found: dict[int, tuple[Idle, Run, Run]] = {}
    with provide(lasting=True) as broker, TemporaryDirectory() as directory:
        Bench(broker.bootstrap, min(options.records, 1_000_000), 4).pool()  # not counted: the broker's JVM compiles
        for count in options.counts:
            stands_by = idle(Topics(broker.bootstrap), count, options.idle, Path(directory), env)
            bench = Bench(broker.bootstrap, options.records, count)
            run, within = bench.pool(), bench.pool(settings={"memory_budget": f"{budget_of(count)}M"})
            found[count] = stands_by, run, within
            Console(stderr=True).print(f"{count}: {run.rate:,.0f}/s, idle {stands_by.percent:.1f} %", highlight=False)
    rows, bounds = [], []
    for count, (stands_by, run, within) in found.items():
        rows.append(
            (
                str(count),
                f"{run.rate:,.0f}",
                f"{run.cpu:.2f}",
                f"{run.memory:,.0f}",
                f"{within.memory:,.0f} of {budget_of(count):,}",
                f"{stands_by.start:.2f}",
                f"{stands_by.percent:.1f}",
                f"{stands_by.memory:,.0f}",
                f"{stands_by.drain:.2f}",
                f"{stands_by.end:.2f}",
            )
        )
        bounds.append(Bound(f"{count} workers, MiB with a budget", within.memory, budget_of(count)))
        bounds.append(Bound(f"{count} workers, s until drained", stands_by.drain, MOST_DRAIN_SECONDS))
        if count <= max(COUNTS):
            bounds.append(Bound(f"{count} workers idle, % of a core", stands_by.percent, MOST_IDLE_PERCENT))
    head = (
        "workers",
        "records/s",
        "CPU s per million",
        "peak MiB",
        "of a budget",
        "start s",
        "idle CPU %",
        "idle MiB",
        "drained s",
        "ended s",
    )
    show(f"a backlog of {options.records:,}, and {options.idle:g} s without records", head, rows)
    return verdict(bounds)


if __name__ == "__main__":
    sys.exit(main())
