"""What a run is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.plan import Fault
from tests.support.pool import SESSION

EXACTLY_ONCE: Final = "exactly_once"
AT_LEAST_ONCE: Final = "at_least_once"
REPLICA_LAG: Final = 30.0
"""Kafka's `replica.lag.time.max.ms`, in seconds."""
_OF_BROKERS: Final = frozenset({Fault.RESTART_BROKER, Fault.KILL_BROKER})
"""What exactly once does not survive without replicas: Kafka 4 itself then loses the markers of transactions."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. Times are in seconds."""

    seed: int
    duration: float
    """In which faults begin; start, recovery and checks come on top."""
    guarantee: str = AT_LEAST_ONCE
    protocol: str = "classic"
    brokers: int = 1
    rate: int = 2000
    """Records a second."""
    every: float = 5.0
    """From one fault to the next, on average."""
    defaults: bool = False
    """Sessions, heartbeats and leases as Kafka and the pool have them, instead of short ones."""
    killers: bool = False
    """Whether records may kill their worker; the pool must quarantine them."""
    only: Sequence[Fault] = ()
    """The faults to inject; empty: all that apply."""
    partitions: int = 12
    keys: int = 240

    @property
    def faults(self) -> Sequence[Fault]:
        """What may be injected."""
        if self.only:
            return self.only
        without = set() if self.killers else {Fault.KILLER_RECORDS}
        if self.guarantee == EXACTLY_ONCE and self.brokers == 1:
            without |= _OF_BROKERS
        return [fault for fault in Fault if fault not in without]

    @property
    def session(self) -> float:
        """After which the group gives a silent member up."""
        return 45.0 if self.defaults else SESSION

    @property
    def commit_interval(self) -> float:
        """From one commit to the next; the pool's default."""
        return 1.0

    @property
    def moving_bound(self) -> float:
        """Seconds within which every partition must move after the last fault: two sessions, and a start.

        Where there are replicas, brokers may first have to give one up that lags, and write nothing before.
        """
        return 2 * self.session + 15 + (REPLICA_LAG if self.brokers > 1 else 0)

    def catching_up_bound(self, backlog: int) -> float:
        """Seconds within which every partition must have caught up: what waits takes no longer than it took to come."""
        return self.moving_bound + backlog / self.rate

    @property
    def repeat_bound(self) -> float:
        """How much work may be done twice: a commit interval and the way of a commit to the brokers and back."""
        return self.commit_interval + 1.5
