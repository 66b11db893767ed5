"""Partitions on their way out of this pod."""

from collections.abc import Callable, Sequence
from enum import Enum
from time import monotonic
from typing import Final, NamedTuple

from supervisor.commits import Commits
from supervisor.pool import Pool
from supervisor.worker_commits import WorkerCommits
from workers.log import log
from workers.records import TopicPartition

DRAIN_SHARE: Final = 0.75
COMMIT_SHARE: Final = 0.9
"""Of `drain_timeout`: until when workers may finish, and until when the last commit is tried."""
HURRY_SECONDS: Final = 1.0
"""What the last commit gets where there is no time left to drain."""
UNREADY_SECONDS: Final = 1.0
"""After which a worker that has not begun to read is not waited for: it has nothing in hand."""
STUCK_SECONDS: Final = 1.0
"""After which a killed worker that is dead, and of which the fork server does not say so, is a case for its end."""


class Cause(Enum):
    """Why partitions leave."""

    REVOKED = "revoked"
    """The group waits for them to be given back."""
    LOST = "lost"
    """The group has given them away: somebody else may own them by now."""
    STOPPING = "stopping"
    """The supervisor ends."""


class Limits(NamedTuple):
    """Until when workers may finish, and until when commits are tried, on the monotonic clock."""

    drain: float
    commit: float

    @classmethod
    def of(cls, began: float, timeout: float) -> "Limits":
        """The limits of a departure that began then and may take `timeout` seconds."""
        return cls(began + timeout * DRAIN_SHARE, began + timeout * COMMIT_SHARE)


class Departure:
    """Brings the work on some partitions to its end, turn by turn; all others go on meanwhile. In this order:

    1. their workers finish the record in hand, flush and end;
    2. those that have not by the limit are killed, and what they had in hand will be repeated; those that have not
       begun to read are killed soon, since they have nothing in hand;
    3. when no worker lives, what is committable is committed.

    Of lost partitions the workers are killed at once, and nothing is committed.

    Args:
        cause: why.
        names: the partitions.
        limits: until when.
        pool: has their workers.
        commits: commits for them.
        unstick: ends the fork server, and so all workers, where it does not tell of a killed one's death.
    """

    def __init__(
        self,
        cause: Cause,
        names: Sequence[TopicPartition],
        limits: Limits,
        pool: Pool,
        commits: Commits | WorkerCommits,
        unstick: Callable[[], None],
    ) -> None:
        self.cause = cause
        self.partitions = names
        self.began = monotonic()
        self.undrained: list[TopicPartition] = []
        """What was killed before it was done."""
        self.uncommitted: dict[TopicPartition, int] = {}
        """What the group did not take in time."""
        self._limits = limits
        self._pool = pool
        self._commits = commits
        self._unstick = unstick
        self._killed_at: float | None = None
        self._untold: set[int] = set()
        """The workers whose deaths were unconfirmed at the last look."""
        if cause is Cause.LOST:
            self._lose()
        else:
            pool.drain(self.names)

    @property
    def names(self) -> list[TopicPartition]:
        """The partitions that have not left by another way meanwhile."""
        return [name for name in self.partitions if name in self._pool.partitions]

    @property
    def complete(self) -> bool:
        """Whether all was drained and committed, as far as it was this pod's to do."""
        return not self.undrained and not self.uncommitted

    def limit(self, limits: Limits) -> None:
        """Let it end by these limits, where they are nearer."""
        self._limits = Limits(min(self._limits.drain, limits.drain), min(self._limits.commit, limits.commit))

    def hurry(self) -> None:
        """Let it end now, with a moment for the last commit."""
        now = monotonic()
        self.limit(Limits(now, now + HURRY_SECONDS))

    def turn(self) -> bool:
        """Go on as far as is possible now; whether it is over."""
        if self._commits.expelled and self.cause is Cause.REVOKED and self._killed_at is None:
            self._lose()
        alive = self._pool.alive(self.names)
        if alive:
            self._end_late(alive)
            return False
        return self.cause is Cause.LOST or self._commit()

    def _end_late(self, alive: Sequence[TopicPartition]) -> None:
        now = monotonic()
        if self._killed_at is None:
            if now >= self.began + UNREADY_SECONDS:
                self._pool.kill_unready(alive)
            if now >= self._limits.drain:
                self._killed_at = now
                self._pool.kill(alive, "not drained in time")
        elif now >= self._killed_at + STUCK_SECONDS:
            self._killed_at = now
            log.error("worker_death_unconfirmed", partitions=[str(name) for name in alive])
            # One that the kernel cannot end yet would outlive the fork server, too, and only take all others along; of
            # one that has just died word is on its way.
            before, self._untold = self._untold, self._pool.untold(alive)
            if before & self._untold:
                self._unstick()

    def _lose(self) -> None:
        self._killed_at = monotonic()
        self._pool.lose(self.names)

    def _commit(self) -> bool:
        """Whether all is committed, or no longer tried."""
        self._note_undrained()
        left = self._commits.uncommitted(self.names)
        if left and monotonic() < self._limits.commit and not self._commits.expelled:
            self._commits.soon()
            return False
        self.uncommitted = left
        for name, offset in left.items():
            log.error("commit_unanswered", topic=name.topic, partition=name.partition, offset=offset)
        return True

    def _note_undrained(self) -> None:
        for name in self._pool.undrained(self.names):
            if name not in self.undrained:
                self.undrained.append(name)
                offset = self._pool.partitions[name].committable
                log.error("partition_undrained", topic=name.topic, partition=name.partition, offset=offset)
