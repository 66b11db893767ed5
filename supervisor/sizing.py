"""How many replicas, workers, cores and bytes a load needs: arithmetic over measured figures, and nothing else."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from supervisor.figures import (
    MIB,
    RECORD_CPU,
    RECORD_SECONDS,
    SUPERVISOR_BYTES,
    SUPERVISOR_CORES,
    WORKER_BYTES,
    WORKER_CORES,
)
from workers.errors import PoolError

BUSY: Final = 0.7
"""The share of its time that a worker is planned to be busy: keys are uneven, and a backlog is to shrink."""
_CPU_STEP: Final = 50
_MEMORY_STEP: Final = 64 * MIB
_APP_ABOVE: Final = 64 * MIB
"""What an allocation may take above `max_memory` before it fails, at the least; see `supervisor.recycling`."""
_VOLUMES: Final = 32 * MIB
"""Metrics' files lie in memory."""


class TooFewPartitions(PoolError):
    """The topic cannot be handled at that rate, however many replicas there are: a partition has one worker."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is to be handled, and by pods of which kind.

    Attributes:
        rate: records a second, over all partitions.
        partitions: of the input topic.
        record_seconds: that a handler takes for one record.
        record_cpu: of these, CPU; the rest it waits.
        pod_cores: the most CPU that a pod is to ask for.
        least_replicas: the fewest pods that there will be; each must have room for its share of all partitions.
        worker_bytes: what one worker holds.
        app_bytes: of these, what the app itself holds; the rest is the worker's own, and room for its queues.
        delay: seconds' worth of records that a pod may have before it asks for another.
        others: partitions besides, of the app's retry topics and other inputs, which have workers, too.
    """

    rate: float
    partitions: int
    record_seconds: float = 0.0
    record_cpu: float = 0.0
    pod_cores: float = 2.0
    least_replicas: int = 1
    worker_bytes: int = WORKER_BYTES
    app_bytes: int = 0
    delay: float = 10.0
    others: int = 0

    @property
    def all_partitions(self) -> int:
        """How many workers there are in all pods."""
        return self.partitions + self.others


@dataclass(frozen=True, slots=True)
class Size:
    """What that takes.

    Attributes:
        worker_rate: records a second that one worker can be planned for.
        busy: the share of its time that each worker is busy.
        cores: CPU of all pods together.
        replicas: pods, so that each has as many partitions as the others where that is possible.
        workers: in each of them, at that many replicas.
        most_workers: in each of them, when there are least.
        millicores: CPU that a pod asks for.
        memory: bytes that a pod asks for, and may not exceed.
        max_memory: the setting of that name.
        memory_budget: likewise.
        lag_threshold: lag for which there is to be a pod.
    """

    worker_rate: float
    busy: float
    cores: float
    replicas: int
    workers: int
    most_workers: int
    millicores: int
    memory: int
    max_memory: int
    memory_budget: int
    lag_threshold: int


def size(demand: Demand) -> Size:
    """What a demand takes.

    Raises:
        TooFewPartitions: one worker cannot handle what falls to one partition.
    """
    each = RECORD_SECONDS + demand.record_seconds
    worker_rate = BUSY / each
    per_partition = demand.rate / demand.partitions
    if per_partition > worker_rate:
        raise TooFewPartitions(
            f"{demand.rate:,g} records/s are {per_partition:,.0f} for each of {demand.partitions} partitions, and a"
            f" worker that takes {each * 1e3:,.4g} ms a record does {worker_rate:,.0f} at {BUSY:.0%}: give the topic"
            f" {ceil(demand.rate / worker_rate)} partitions, or make the handler faster"
        )
    cores = demand.rate * (RECORD_CPU + demand.record_cpu) / BUSY + demand.all_partitions * WORKER_CORES
    replicas = _even(max(ceil(cores / demand.pod_cores), demand.least_replicas), demand.partitions)
    most_workers = workers_of(demand.all_partitions, demand.least_replicas)
    max_memory = 2 * demand.worker_bytes
    # All workers as they mostly are, and one that is on its way to its limit.
    runaway = max(max_memory // 4, _APP_ABOVE) + max_memory - demand.worker_bytes
    memory = SUPERVISOR_BYTES + most_workers * demand.worker_bytes + runaway + _VOLUMES
    return Size(
        worker_rate=worker_rate,
        busy=per_partition * each,
        cores=cores,
        replicas=replicas,
        workers=workers_of(demand.all_partitions, replicas),
        most_workers=most_workers,
        millicores=_up((cores / replicas + SUPERVISOR_CORES) * 1000, _CPU_STEP),
        memory=_up(memory, _MEMORY_STEP),
        max_memory=max_memory,
        memory_budget=SUPERVISOR_BYTES + most_workers * (demand.worker_bytes - demand.app_bytes),
        lag_threshold=max(1, round(demand.rate / replicas * demand.delay)),
    )


def workers_of(partitions: int, replicas: int) -> int:
    """How many workers a pod has at most, when there are so many of them."""
    return ceil(partitions / replicas)


def _even(least: int, partitions: int) -> int:
    """The fewest replicas, `least` of them or more, that share the partitions evenly."""
    if least >= partitions:
        return partitions
    return next(number for number in range(least, partitions + 1) if partitions % number == 0)


def _up(value: float, step: int) -> int:
    return ceil(value / step) * step
