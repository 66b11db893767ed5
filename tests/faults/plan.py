"""Which fault comes when: drawn from the seed before the run begins."""

import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple


class Fault(StrEnum):
    """What a run may inject."""

    KILL_WORKER = "kill_worker"
    FREEZE_WORKER = "freeze_worker"
    KILL_FORK_SERVER = "kill_fork_server"
    KILL_SUPERVISOR = "kill_supervisor"
    FREEZE_SUPERVISOR = "freeze_supervisor"
    FREEZE_POOL = "freeze_pool"
    """A supervisor and all of its workers, as when a virtual machine is paused."""
    ADD_SUPERVISOR = "add_supervisor"
    REMOVE_SUPERVISOR = "remove_supervisor"
    RESTART_BROKER = "restart_broker"
    KILL_BROKER = "kill_broker"
    CUT_CONNECTIONS = "cut_connections"
    DELAY_CONNECTIONS = "delay_connections"
    STALL_CONNECTIONS = "stall_connections"
    FULL_QUEUE = "full_queue"
    HANDLER_ERRORS = "handler_errors"
    KILLER_RECORDS = "killer_records"


LONGEST: Final = {
    Fault.FREEZE_WORKER: 8.0,
    Fault.KILL_SUPERVISOR: 8.0,
    Fault.FREEZE_SUPERVISOR: 12.0,
    Fault.FREEZE_POOL: 12.0,
    Fault.RESTART_BROKER: 4.0,
    Fault.KILL_BROKER: 6.0,
    Fault.DELAY_CONNECTIONS: 6.0,
    Fault.STALL_CONNECTIONS: 9.0,
    Fault.FULL_QUEUE: 3.0,
}
"""Seconds that a fault may last, where the group's session is 6 s."""
OUTAGES: Final = frozenset(
    {Fault.RESTART_BROKER, Fault.KILL_BROKER, Fault.DELAY_CONNECTIONS, Fault.STALL_CONNECTIONS, Fault.FULL_QUEUE}
)
"""Faults during which commits may not come through."""
FREEZES: Final = frozenset({Fault.FREEZE_SUPERVISOR, Fault.FREEZE_POOL})
"""Faults that tell only when they outlast the session."""
_SHORTEST: Final = 0.3


class Planned(NamedTuple):
    """One fault to come."""

    at: float
    """Seconds after the run's beginning."""
    fault: Fault
    choice: float
    """From 0 to below 1; chooses the victim among those that there are then."""
    seconds: float
    """How long it lasts, or until what was killed is started again; 0 for one that is over at once."""


def plan(
    seed: int, faults: Sequence[Fault], *, duration: float, every: float, stretch: float = 1.0
) -> Sequence[Planned]:
    """The faults of a run. Each kind comes once before any comes again.

    Args:
        seed: the same seed gives the same plan.
        faults: which kinds there may be.
        duration: seconds within which faults begin.
        every: seconds from one to the next, on average.
        stretch: makes `FREEZES` longer.
    """
    chance = random.Random(seed)
    deck: list[Fault] = []
    planned = []
    at = every * chance.uniform(0.5, 1.0)
    while at < duration:
        if not deck:
            deck = chance.sample(list(faults), len(faults))
        fault = deck.pop()
        longest = LONGEST.get(fault, 0.0)
        seconds = chance.uniform(_SHORTEST, longest) * (stretch if fault in FREEZES else 1.0) if longest else 0.0
        planned.append(Planned(at, fault, chance.random(), seconds))
        at += every * chance.uniform(0.5, 1.5)
    return planned
