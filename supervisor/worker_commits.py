"""Exactly once: the workers commit, each in its own transactions; the supervisor only takes note."""

from collections.abc import Collection

from supervisor.commits import Partitions
from supervisor.lease import Lease
from supervisor.membership import CommitAnswer
from supervisor.membership_check import Check
from supervisor.states import PartitionState
from workers.records import TopicPartition
from workers.slot import PROVED


class WorkerCommits:
    """What stands in for `Commits` where workers commit for themselves.

    A commit from here could overtake a worker's transaction and set its offset back. So it is the workers' transactions
    that prove membership, too; one that has nothing to commit commits its position now and then for that alone.

    Args:
        partitions: the assigned partitions; looked at anew each time.
        lease: hears of each proof.
        check: proves membership where a worker was fenced: its successor must not begin before.
    """

    expelled = False
    """Only a commit of the supervisor's own could tell."""

    def __init__(self, partitions: Partitions, lease: Lease, check: Check) -> None:
        self._partitions = partitions
        self._lease = lease
        self._check = check

    def turn(self) -> None:
        """Take note of what workers have committed."""
        for partition in self._partitions.values():
            if partition.worker and (proved := partition.worker.words[PROVED]):
                partition.committed = partition.committable
                self._lease.proved(proved / 1e9)
        self._check.turn(wanted=any(p.state is PartitionState.FENCED for p in self._partitions.values()))

    def soon(self) -> None:
        """Workers commit when they can."""

    def rejoined(self) -> None:
        """Nothing is remembered that could be stale."""

    def uncommitted(self, names: Collection[TopicPartition]) -> dict[TopicPartition, int]:  # noqa: ARG002
        """What is committable is what a worker has committed."""
        return {}

    def on_commit(self, answer: CommitAnswer) -> None:
        """Nothing was sent."""
