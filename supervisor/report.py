"""What the supervisor tells of itself to whoever asks over HTTP, from another thread than its loop's."""

import os
from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import Final

from supervisor.membership import Identity
from supervisor.partition import AssignedPartition
from supervisor.pool import Pool
from supervisor.states import PartitionState, SupervisorState
from supervisor.status import PoolStatus
from workers.records import TopicPartition

ALIVE_SECONDS: Final = 10.0
"""A loop that has not turned for so long hangs; no call that it makes may take that long."""


class Facts:
    """What the loop knows, for others to read; each value is replaced as a whole."""

    def __init__(self, protocol: str, pool: Pool) -> None:
        self.state = SupervisorState.STARTING
        self.group = ""
        self.identity = Identity(None, -1)
        self.turned_at = monotonic()
        self._started_at = monotonic()
        self._protocol = protocol
        self._pool = pool

    def become(self, state: SupervisorState) -> None:
        """Change the supervisor's state.

        Raises:
            IllegalTransition: a bug.
        """
        self.state = self.state.to(state)

    def status(self) -> PoolStatus:
        """The document at `/status`."""
        partitions = sorted(self._listed(), key=lambda partition: partition.name)
        return PoolStatus(
            state=self.state,
            group=self.group,
            member_id=self.identity.member_id,
            generation=self.identity.generation if self.identity.generation >= 0 else None,
            protocol=self._protocol,
            uptime_s=round(monotonic() - self._started_at, 1),
            version=_version(),
            pid=os.getpid(),
            partitions=[partition.status() for partition in partitions],
        )

    def totals(self) -> dict[TopicPartition, list[int]]:
        """The counters of every partition that was ever here, so that none goes back."""
        living = {partition.name: partition.totals() for partition in self._listed()}
        return {**{name: list(past.totals) for name, past in list(self._pool.history.items())}, **living}

    def alive(self) -> tuple[bool, str]:
        """Whether the loop turns; nothing about traffic, rebalances or brokers."""
        silent = monotonic() - self.turned_at
        return silent < ALIVE_SECONDS, f"the loop turned {silent:.1f} s ago"

    def ready(self) -> tuple[bool, str]:
        """Whether this member has joined, and each assigned partition's worker runs."""
        if self.state is not SupervisorState.RUNNING:
            return False, f"the supervisor is {self.state}"
        idle = [f"{p.name} {p.state}" for p in self._listed() if p.state is not PartitionState.RUNNING]
        return not idle, ", ".join(sorted(idle)) or "every assigned partition has its worker"

    def _listed(self) -> list[AssignedPartition]:
        return list(self._pool.partitions.values())


def _version() -> str:
    try:
        return version("partition-pool")
    except PackageNotFoundError:
        return "unknown"
