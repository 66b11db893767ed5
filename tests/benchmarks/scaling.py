"""What a second worker brings on two cores: a pool with one partition beside one with two, in turn.

    python -m tests.benchmarks.scaling [--records 2000000] [--runs 5] [--at-least 1.6]

The load is produced beforehand, `--records` for each worker: two of them have twice as many to do, so that both kinds
of run take about as long. The broker shares the two cores with the workers: one worker leaves it a core of its own, two
do not. Rates as `tests.benchmarks.throughput` tells them, alerts held against the readings. Exit 1 where the median of
the ratios, of two runs next to each other, is below `--at-least`.
"""

import argparse
import statistics
import sys

from rich.console import Console

from tests.benchmarks.tables import Bound, show, verdict
from tests.benchmarks.throughput import Bench, Run
from tests.support.broker import provide
from tests.support.process import exit_on_term

WORKERS = (1, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2_000_000, help="for each worker")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--at-least", type=float, default=1.6)
    options = parser.parse_args()
    exit_on_term()
    runs: dict[int, list[Run]] = {workers: [] for workers in WORKERS}
    with provide(lasting=True) as broker:
        benches = {workers: Bench(broker.bootstrap, options.records * workers, workers) for workers in WORKERS}
        benches[2].pool()  # not counted: the broker's JVM compiles
        for number in range(options.runs):
            # In turn, and each first every other time: the machine's pace drifts.
            for workers in WORKERS if number % 2 == 0 else reversed(WORKERS):
                run = benches[workers].pool()
                runs[workers].append(run)
                Console(stderr=True).print(f"{workers}: {run.rate:,.0f}/s", highlight=False)
    ratios = [two.rate / one.rate for one, two in zip(runs[1], runs[2], strict=True)]
    ratio = statistics.median(ratios)
    rows = []
    for workers, found in runs.items():
        rate, cpu = statistics.median(run.rate for run in found), statistics.median(run.cpu for run in found)
        rows.append((str(workers), f"{options.records * workers:,}", f"{rate:,.0f}", f"{cpu:.2f}"))
    show(f"medians of {options.runs} runs", ("workers", "records", "records/s", "CPU s per million"), rows)
    each = ", ".join(f"{one:.2f}" for one in ratios)
    print(f"two workers / one: {ratio:.2f} (each pair: {each})")
    return verdict([Bound("two workers / one", ratio, options.at_least, above=True)])


if __name__ == "__main__":
    sys.exit(main())
