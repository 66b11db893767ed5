"""A pod's memory, shared out among its workers."""

from typing import Final

from supervisor.figures import MIB, SUPERVISOR_BYTES
from workers.log import log

WORKER_BYTES: Final = 16 * MIB
"""A worker of a small app that holds no records: 13 MiB measured."""
LEAST_ROOM: Final = MIB
"""With less for its queues a worker would mostly wait for the brokers."""


class MemoryBudget:
    """Divides what a pod may take, so that it holds with as many workers as it can come to have.

    Args:
        total: bytes for the supervisor and all workers, without what the app itself holds.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._told = 0

    def room(self, workers: int) -> int:
        """Bytes that each of so many workers may have in its queues."""
        room = (self._total - SUPERVISOR_BYTES) // workers - WORKER_BYTES
        if room < LEAST_ROOM and workers > self._told:
            self._told = workers
            log.warning(
                "memory_budget_exceeded",
                budget=self._total,
                workers=workers,
                needed=needed(workers),
                consequence="each worker's queues are as small as can be, and the pool may take more than its budget",
                cure="raise memory_budget, or lower max_workers",
            )
        return max(room, LEAST_ROOM)


def needed(workers: int) -> int:
    """The smallest budget for so many workers, in bytes."""
    return SUPERVISOR_BYTES + workers * (WORKER_BYTES + LEAST_ROOM)
