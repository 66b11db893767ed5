"""What a second worker brings on two cores: a pool with one partition beside one with two, in turn.

    python -m tests.benchmarks.scaling [--records 2000000] [--runs 5] [--hashes 8] [--at-least 1.6]

The load is produced beforehand, `--records` for each worker: two of them have twice as many to do, so that both kinds
of run take about as long. The broker and the clients' threads share the two cores with the workers: one worker leaves
them a core of their own, two do not. How much that takes away depends on what else a record needs, so there are two
jobs: one with next to nothing to do, and one whose handler computes `--hashes` hashes for each reading, some µs.
Rates as `tests.benchmarks.throughput` tells them, alerts held against the readings. Exit 1 where the median of the
ratios, of two runs next to each other, is below `--at-least`.
"""

import argparse
import statistics
import sys
from collections.abc import Mapping

from rich.console import Console

from tests.benchmarks.tables import Bound, show, verdict
from tests.benchmarks.throughput import Bench, Run, compared
from tests.support.broker import provide
from tests.support.process import exit_on_term

WORKERS = (1, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000, help="for each worker")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hashes", type=int, default=8, help="of the job that computes")
    parser.add_argument("--at-least", type=float, default=1.6)
    options = parser.parse_args()
    exit_on_term()
    with provide(lasting=True) as broker:
        benches = {workers: Bench(broker.bootstrap, options.records * workers, workers) for workers in WORKERS}
        benches[2].pool()  # not counted: the broker's JVM compiles
        found = {hashes: measure(benches, options.runs, hashes) for hashes in (0, options.hashes)}
    rows = [
        (
            f"{hashes} hashes a record" if hashes else "sensor job",
            str(workers),
            f"{statistics.median(run.rate for run in runs):,.0f}",
            f"{statistics.median(run.cpu for run in runs):.2f}",
        )
        for hashes, by_workers in found.items()
        for workers, runs in by_workers.items()
    ]
    show(f"medians of {options.runs} runs", ("job", "workers", "records/s", "CPU s per million"), rows)
    return verdict([bound(hashes, runs, options.at_least) for hashes, runs in found.items()])


def measure(benches: Mapping[int, Bench], turns: int, hashes: int) -> Mapping[int, list[Run]]:
    """Runs of a job, by the number of workers."""
    runs: dict[int, list[Run]] = {workers: [] for workers in WORKERS}
    for number in range(turns):
        # In turn, and each first every other time: the machine's pace drifts.
        for workers in WORKERS if number % 2 == 0 else reversed(WORKERS):
            run = benches[workers].pool(hashes=hashes)
            runs[workers].append(run)
            Console(stderr=True).print(f"{hashes} hashes, {workers}: {run.rate:,.0f}/s", highlight=False)
    return runs


def bound(hashes: int, runs: Mapping[int, list[Run]], at_least: float) -> Bound:
    """What a second worker has to bring."""
    name = f"two workers / one, {hashes} hashes a record"
    return Bound(name, compared(name, runs[2], runs[1]), at_least, above=True)


if __name__ == "__main__":
    sys.exit(main())
