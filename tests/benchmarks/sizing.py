"""What a pool takes, as `supervisor/figures.py` has it: CPU for each record, CPU and memory of what only stands by.

    python -m tests.benchmarks.sizing [--records 3000000] [--partitions 4]

A backlog of readings is drained by one pool, and what its processes hold is sampled meanwhile; then it stands by.
Memory is PSS: what a process shares is counted once over all of them, as a container's limit does.
"""

import argparse
import signal
import sys
import time

from tests.benchmarks.footprint import cpu_of, memory
from tests.benchmarks.sensor_job import APP, group_of, job
from tests.benchmarks.throughput import fill
from tests.support.broker import provide
from tests.support.pool import environment
from tests.support.process import children, spawn
from tests.support.topics import Topics
from tests.support.wait import wait_for

STAND_BY_SECONDS = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=3_000_000)
    parser.add_argument("--partitions", type=int, default=4)
    options = parser.parse_args()
    with provide(lasting=True) as broker:
        measure(Topics(broker.bootstrap), options.records, options.partitions)


def measure(topics: Topics, records: int, partitions: int) -> None:
    source, target = topics.create("readings", partitions), topics.create("alerts", partitions)
    fill(topics.bootstrap, source, records, partitions)
    env = {
        **environment(),
        **job(source, target),
        "KAFKA_BOOTSTRAP_SERVERS": topics.bootstrap,
        "POOL_LOG_LEVEL": "warning",
        "POOL_HTTP": "127.0.0.1:0",
    }
    pool = spawn([sys.executable, "-m", "supervisor", "run", APP], env=env)
    wait_for(lambda: len(workers_of(pool.pid)) == partitions, 30, "the workers to start")
    (server,) = children(pool.pid)
    workers = workers_of(pool.pid)
    peaks: dict[int, float] = {}

    def drained() -> bool:
        for pid in (pool.pid, server, *workers):
            peaks[pid] = max(peaks.get(pid, 0.0), memory(pid))
        return topics.lag(group_of(target), source) == 0

    began = time.monotonic()
    wait_for(drained, 170, "records are left", every=0.5)
    rate = records / (time.monotonic() - began)
    busy = sum(map(cpu_of, workers))
    beside = cpu_of(pool.pid)
    print(f"worker: {busy / records * 1e6:.2f} us of CPU a record; supervisor in that time: {beside:.2f} s")
    print(f"beside a broker on this machine: {rate / partitions:,.0f} records/s and worker, {rate:,.0f} in all")
    print(f"peak, MiB: supervisor {peaks[pool.pid]:.0f}, fork server {peaks[server]:.0f},", end=" ")
    print(f"workers {', '.join(f'{peaks[pid]:.0f}' for pid in workers)}")
    before = cpu_of(pool.pid), sum(map(cpu_of, workers))
    time.sleep(STAND_BY_SECONDS)
    supervisor = (cpu_of(pool.pid) - before[0]) / STAND_BY_SECONDS
    worker = (sum(map(cpu_of, workers)) - before[1]) / STAND_BY_SECONDS / partitions
    print(f"standing by: supervisor {supervisor:.4f} cores, a worker {worker:.4f} cores")
    print(f"then, MiB: workers {', '.join(f'{memory(pid):.0f}' for pid in workers)}")
    pool.send_signal(signal.SIGTERM)
    assert pool.wait() == 0, "the pool did not end cleanly"


def workers_of(pid: int) -> list[int]:
    """The workers: what the fork server, the supervisor's one child, has started."""
    return sorted(worker for server in children(pid) for worker in children(server))


if __name__ == "__main__":
    main()
