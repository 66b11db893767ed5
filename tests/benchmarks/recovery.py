"""From `kill -9` of a worker to the next record of its partition, under a steady load.

    python -m tests.benchmarks.recovery [--kills 40] [--rate 2000] [GUARANTEE …]

GUARANTEEs: at_least_once, exactly_once; both by default. There are four partitions. Each worker of a pool is killed
once, in an order and at moments drawn by lot; then the next pool goes on, so that every death is its partition's first
and no restart backs off, which is checked. A recovery is from just before the signal to when the successor's handler
has the first record in hand, as its result tells. The first pool's four kills do not count: the broker's JVM still
compiles. Results are held against the records: none may be missing or out of order in a key; exactly once, none
repeated. Exit 1 where a bound is missed.
"""

import argparse
import random
import sys
import time
from contextlib import closing
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from rich.console import Console

from supervisor.latencies import Latencies
from tests.benchmarks.tables import Bound, show, verdict
from tests.support.broker import provide
from tests.support.pool import Pool
from tests.support.process import exit_on_term
from tests.support.readings import Kill
from tests.support.scene import Scene
from tests.support.topics import Topics

GUARANTEES: Final = ("at_least_once", "exactly_once")
PARTITIONS: Final = 4
BOUNDS: Final = {"at_least_once": {"p50": 100, "p99": 300}, "exactly_once": {"p99": 1000}}
"""Milliseconds. Exactly once, a transaction that the dead worker has left open must end first."""
PAUSE: Final = (0.5, 1.5)
"""Seconds before a kill, from and to: it falls anywhere in the pool's own intervals."""


class Recoveries(NamedTuple):
    seconds: Latencies
    repeated: int
    """Records that were handled again, all kills together."""
    records: int

    def ms(self, share: float) -> float:
        """A percentile in milliseconds."""
        return 1000 * (self.seconds.percentile(share) or 0.0)


def measure(scene: Scene, guarantee: str, kills: int, rate: int) -> Recoveries:
    """Kill workers under a load, count what came out, and tell how long each partition stood still."""
    done: list[Kill] = []
    with scene.stream(rate=rate) as stream:
        _life(scene, guarantee, PARTITIONS)
        while len(done) < kills:
            done += _life(scene, guarantee, min(PARTITIONS, kills - len(done)))
            Console(stderr=True).print(f"{guarantee}: {len(done)} of {kills} kills", highlight=False)
        sent = stream.stop()
    pool = _start(scene, guarantee)
    results = scene.wait_done()
    assert pool.terminate() == 0
    if guarantee == "exactly_once":
        results.assert_exactly_once(sent)
    assert not results.missing(sent), f"missing: {len(results.missing(sent))}"
    assert not results.disordered(), f"out of order: {len(results.disordered())}"
    seconds = Latencies()
    for kill in done:
        seconds.add(results.recovery(kill))
    return Recoveries(seconds, len(results.repeated), sent)


def _life(scene: Scene, guarantee: str, kills: int) -> list[Kill]:
    """One pool, and the deaths of so many of its workers."""
    pool = _start(scene, guarantee)
    done = []
    for partition in random.sample(range(PARTITIONS), kills):
        time.sleep(random.uniform(*PAUSE))
        pool.wait_running(PARTITIONS)
        done.append(Kill(partition, *pool.signal_worker(partition, SIGKILL)))
        pool.wait_event("worker_died", count=len(done))
    pool.wait_event("worker_ready", count=PARTITIONS + len(done))
    assert all(restart["in_seconds"] == 0 for restart in pool.events("worker_restarts")), "a restart was held back"
    assert pool.terminate() == 0
    return done


def _start(scene: Scene, guarantee: str) -> Pool:
    return scene.pool(env={"POOL_GUARANTEE": guarantee}).wait_running(PARTITIONS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("guarantees", nargs="*", default=GUARANTEES, metavar="GUARANTEE")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--rate", type=int, default=2000)
    options = parser.parse_args()
    if unknown := set(options.guarantees) - set(GUARANTEES):
        parser.error(f"no guarantee: {', '.join(unknown)}")
    exit_on_term()
    found: dict[str, Recoveries] = {}
    with provide(lasting=True) as broker, TemporaryDirectory() as directory:
        for guarantee in options.guarantees:
            with closing(Scene(Topics(broker.bootstrap), Path(directory), partitions=PARTITIONS)) as scene:
                found[guarantee] = measure(scene, guarantee, options.kills, options.rate)
    rows = []
    bounds = []
    for guarantee, one in found.items():
        p50, p99, longest = one.ms(0.5), one.ms(0.99), one.seconds.longest * 1000
        name = guarantee.replace("_", " ")
        times = (f"{ms:.0f}" for ms in (p50, p99, longest))
        rows.append((name, str(one.seconds.count), *times, f"{one.repeated:,} of {one.records:,}"))
        bounds += [
            Bound(f"{name}, {share} ms", ms, BOUNDS[guarantee][share])
            for share, ms in (("p50", p50), ("p99", p99))
            if share in BOUNDS[guarantee]
        ]
    head = ("", "kills", "p50 ms", "p99 ms", "max ms", "records repeated")
    show(f"kill -9 to next record, {options.rate:,}/s, {PARTITIONS} partitions", head, rows)
    return verdict(bounds)


if __name__ == "__main__":
    sys.exit(main())
