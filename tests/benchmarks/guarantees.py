"""What exactly once costs in throughput: the pool beside itself at least once, the same records, in turn.

    python -m tests.benchmarks.guarantees [--records 4000000] [--runs 5] [--partitions 4]

Rates and CPU as `tests.benchmarks.throughput` tells them; the broker's CPU is not in it. Exit 1 where the median ratio
is below `--at-least`.
"""

import argparse
import sys

from tests.benchmarks.tables import Bound, verdict
from tests.benchmarks.throughput import Bench, Run, compared, table
from tests.support.broker import provide

WARM_RUNS = 8
"""Before it counts: the broker's JVM compiles what transactions take, at the cost of all."""
GUARANTEES = ("at_least_once", "exactly_once")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--at-least", type=float, default=0.9)
    options = parser.parse_args()
    runs: dict[str, list[Run]] = {guarantee: [] for guarantee in GUARANTEES}
    with provide(lasting=True) as broker:
        bench = Bench(broker.bootstrap, options.records, options.partitions)
        for _ in range(WARM_RUNS):
            bench.pool("exactly_once")
        for number in range(options.runs):
            # In turn, and each first every other time: the machine's pace drifts.
            for guarantee in GUARANTEES if number % 2 == 0 else reversed(GUARANTEES):
                runs[guarantee].append(bench.pool(guarantee))
    least, once = runs.values()
    table({name.replace("_", " "): found for name, found in runs.items()})
    ratio = compared("exactly once / at least once", once, least)
    return verdict([Bound("exactly once / at least once", ratio, options.at_least, above=True)])


if __name__ == "__main__":
    sys.exit(main())
