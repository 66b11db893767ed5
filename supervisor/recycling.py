"""When a living worker is replaced: it holds too much memory, or has handled enough records."""

import random
import resource
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from supervisor.limits import WorkerLimits
from workers.slot import IN_HAND, POSITION, RECORDS

LOOK_SECONDS: Final = 1.0
ABOVE: Final = 1.25
LEAST_ABOVE: Final = 64 * 1024**2
"""How far above `max_memory` a worker's allocations fail: by a factor, and by bytes at least."""
JITTER: Final = 0.1
_KIB: Final = 1024


class Reason(StrEnum):
    """Why a worker is replaced."""

    MEMORY = "max_memory"
    RECORDS = "max_records"
    BUDGET = "memory_budget"
    """More partitions have come, and each worker is to have less."""


class Memory(NamedTuple):
    """What a process holds, in bytes."""

    resident: int
    private: int
    """Of that, what is its own and no file's."""
    data: int
    """Its private writable address space, resident or not: what RLIMIT_DATA bounds."""


class Recycling:
    """Watches what one worker takes.

    Memory it holds at the end of a record counts, not what a record takes while it is handled: a worker drained in the
    middle of a record that takes too much would only leave that record to the next worker, and so for ever.

    Args:
        limits: what a worker may take.
        words: the worker's slot.
    """

    def __init__(self, limits: WorkerLimits, words: memoryview) -> None:
        self._limits = limits
        self._words = words
        most = limits.records
        self._most = None if most is None else max(1, round(most * random.uniform(1 - JITTER, 1 + JITTER)))
        self._look_at = 0.0
        self._over_at: tuple[int, int] | None = None

    def due(self, pid: int, *, busy: bool) -> Reason | None:
        """Why it is to be replaced now, if it is.

        Args:
            pid: its process.
            busy: whether it has a record in hand.
        """
        if self._most is not None and self._words[RECORDS] >= self._most:
            return Reason.RECORDS
        now = monotonic()
        if self._limits.memory is None or now < self._look_at:
            return None
        self._look_at = now + LOOK_SECONDS
        return self._look(pid, self._limits.memory, busy=busy)

    def _look(self, pid: int, most: int, *, busy: bool) -> Reason | None:
        memory = memory_of(pid)
        if memory is None:
            return None
        bound(pid, most, memory)
        # One that has too much before its first record would only be replaced by its like.
        if memory.resident <= most or not self._words[RECORDS]:
            self._over_at = None
            return None
        record, before = (self._words[POSITION], self._words[IN_HAND]), self._over_at
        if not busy or (before is not None and _another(before, record)):
            return Reason.MEMORY
        self._over_at = record
        return None


def _another(before: tuple[int, int], now: tuple[int, int]) -> bool:
    """Whether it is for certain another record that is in hand; by position, and where it was looked at, by itself."""
    return before[0] != now[0] or (0 not in (before[1], now[1]) and before[1] != now[1])


def memory_of(pid: int) -> Memory | None:
    """What a process holds; None where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return None
    facts = dict(line.split(":", 1) for line in status.splitlines())
    if "VmRSS" not in facts:
        return None  # a zombie
    resident, private, data = (int(facts[name].split()[0]) * _KIB for name in ("VmRSS", "RssAnon", "VmData"))
    return Memory(resident, private, data)


def bound(pid: int, most: int, memory: Memory) -> None:
    """Let allocations of a process fail when it would hold much more than `most` bytes.

    What it has reserved and does not use, such as its threads' stacks, is granted beside; as their number changes, this
    is done again at each look.
    """
    unused = max(0, memory.data - memory.private)
    limit = round(max(most * ABOVE, most + LEAST_ABOVE)) + unused
    try:
        _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.prlimit(pid, resource.RLIMIT_DATA, (limit, hard))
    except (ProcessLookupError, PermissionError):
        return  # gone, or run under another user by the app: then the pool has no say
