"""What a second worker brings on two cores: a pool with one partition beside one with two, in turn.

    python -m tests.benchmarks.scaling [--records 2000000] [--runs 5] [--hashes 8] [--at-least 1.6]

The load is produced beforehand, `--records` for each worker: two of them have twice as many to do, so that both kinds
of run take about as long. The broker and the clients' threads share the two cores with the workers: one worker leaves
them a core of their own, two do not. How much that takes away depends on what else a record needs, so there are two
jobs: one with next to nothing to do, and one whose handler computes `--hashes` hashes for each reading, some µs. The
hand-written loop does the first one, too, with a second process: what these cores and this broker allow.

Rates as `tests.benchmarks.throughput` tells them, alerts held against the readings. Exit 1 where the median of the
pool's ratios, of two runs next to each other, is below `--at-least`.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping
from functools import partial

from rich.console import Console

from tests.benchmarks.tables import Bound, show, verdict
from tests.benchmarks.throughput import Bench, Run, compared
from tests.support.broker import provide
from tests.support.process import exit_on_term

WORKERS = (1, 2)
Runs = Mapping[int, list[Run]]
"""By the number of workers."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000, help="for each worker")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hashes", type=int, default=8, help="of the job that computes")
    parser.add_argument("--at-least", type=float, default=1.6)
    options = parser.parse_args()
    exit_on_term()
    pools: Mapping[str, Callable[[Bench], Run]] = {
        "pool, sensor job": Bench.pool,
        f"pool, {options.hashes} hashes a record": partial(Bench.pool, hashes=options.hashes),
    }
    with provide(lasting=True) as broker:
        benches = {workers: Bench(broker.bootstrap, options.records * workers, workers) for workers in WORKERS}
        benches[2].pool()  # not counted: the broker's JVM compiles
        ways = {"hand-written loop, sensor job": Bench.handwritten, **pools}
        found = {name: measure(name, way, benches, options.runs) for name, way in ways.items()}
    rows = [
        (
            name,
            str(workers),
            f"{statistics.median(run.rate for run in runs):,.0f}",
            f"{statistics.median(run.cpu for run in runs):.2f}",
        )
        for name, by_workers in found.items()
        for workers, runs in by_workers.items()
    ]
    show(f"medians of {options.runs} runs", ("", "workers", "records/s", "CPU s per million"), rows)
    gains = {name: compared(f"{name}: two workers / one", runs[2], runs[1]) for name, runs in found.items()}
    return verdict(Bound(name, gains[name], options.at_least, above=True) for name in pools)


def measure(name: str, way: Callable[[Bench], Run], benches: Mapping[int, Bench], turns: int) -> Runs:
    runs: dict[int, list[Run]] = {workers: [] for workers in WORKERS}
    for number in range(turns):
        # In turn, and each first every other time: the machine's pace drifts.
        for workers in WORKERS if number % 2 == 0 else reversed(WORKERS):
            run = way(benches[workers])
            runs[workers].append(run)
            Console(stderr=True).print(f"{name}, {workers}: {run.rate:,.0f}/s", highlight=False)
    return runs


if __name__ == "__main__":
    sys.exit(main())
