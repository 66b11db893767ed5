"""A pod's memory, shared out among its workers."""

from typing import Final

from supervisor.figures import MIB, SUPERVISOR_BYTES
from workers.dead_letter import ENVELOPE_BYTES
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

    def room(self, workers: int, largest: int = 0) -> int:
        """Bytes that each of so many workers may have in its queues.

        Args:
            workers: how many there can be.
            largest: the largest message that they may have to write, in bytes.
        """
        room = (self._total - SUPERVISOR_BYTES) // workers - WORKER_BYTES
        if room < _least(largest) and needed(workers, largest) > self._told:
            self._told = needed(workers, largest)
            log.warning(
                "memory_budget_exceeded",
                budget=self._total,
                workers=workers,
                needed=needed(workers, largest),
                consequence="the pool may take more than its budget, at the latest when it writes large messages",
                cure="raise memory_budget, lower max_workers, or the topics' max.message.bytes",
            )
        return max(room, LEAST_ROOM)


def needed(workers: int, largest: int = 0) -> int:
    """The smallest budget for so many workers, in bytes; as for `MemoryBudget.room`."""
    return SUPERVISOR_BYTES + workers * (WORKER_BYTES + _least(largest))


def _least(largest: int) -> int:
    """The largest message has to fit, as a dead letter, into the eighth that a producer has for what it sends."""
    return max(LEAST_ROOM, 8 * (largest + ENVELOPE_BYTES)) if largest else LEAST_ROOM
