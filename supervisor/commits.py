"""What is committed, and when: one request for all partitions of the pod."""

from collections import deque
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Final, NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException

from supervisor.lease import Lease
from supervisor.membership import CommitAnswer, GroupRefused
from supervisor.partition import AssignedPartition
from supervisor.states import PartitionState
from workers.log import log
from workers.records import TopicPartition

Partitions = Mapping[TopicPartition, AssignedPartition]

FORGET_SECONDS: Final = 5.0
"""After which an unanswered commit no longer keeps the next one from being sent."""
RETRY_SECONDS: Final = 0.2

_FATAL: Final = (KafkaError.FENCED_INSTANCE_ID, KafkaError.GROUP_AUTHORIZATION_FAILED)
_EXPELLED: Final = (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_MEMBER_EPOCH)
"""The partitions are somebody else's already, and the member is about to hear of it."""


class Committer(Protocol):
    """What carries a commit to the group; the answer comes later, through `Commits.on_commit`."""

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Send a commit; KafkaException where it cannot even be sent."""


class CommitCounter(Protocol):
    """What hears of commits, for the metrics."""

    def committed(self, seconds: float) -> None: ...

    def commit_failed(self, code: str) -> None: ...


class Sent(NamedTuple):
    """A commit that is not answered yet."""

    at: float
    partitions: dict[TopicPartition, AssignedPartition]
    """The very objects: a partition may be given back, and assigned again, before the answer comes."""


class Commits:
    """Commits what workers have made committable; a commit that is accepted also proves membership.

    Args:
        committer: the group's member.
        partitions: the assigned partitions; looked at anew each time.
        lease: hears of each proof.
        interval: seconds from one commit to the next.
        counter: hears of each commit.
    """

    def __init__(
        self, committer: Committer, partitions: Partitions, lease: Lease, interval: float, counter: CommitCounter
    ) -> None:
        self.expelled = False
        """Whether the coordinator's last answer was that this is no member any more."""
        self._committer = committer
        self._partitions = partitions
        self._lease = lease
        self._interval = interval
        self._counter = counter
        self._unanswered: deque[Sent] = deque()
        self._due_at = 0.0
        self._not_before = 0.0
        self._refusals: set[str] = set()

    def turn(self) -> None:
        """Send what is due, unless an answer is still awaited.

        Raises:
            GroupRefused: this member's commits will never be accepted.
        """
        now = monotonic()
        # Without a lease no worker works: nothing is more urgent than its proof.
        due_at = self._due_at if self._lease.held() else self._not_before
        if now < due_at or (self._unanswered and now - self._unanswered[-1].at < FORGET_SECONDS):
            return
        offsets = self._offsets(all_of_them=self._lease.wants_proof())
        if not offsets:
            return
        self._due_at = now + self._interval
        try:
            self._committer.commit(offsets)
        except KafkaException as error:
            self._refused({None: error.args[0]})
        else:
            self._unanswered.append(Sent(now, {name: self._partitions[name] for name in offsets}))

    def soon(self) -> None:
        """Let the next turn commit, or one after a short pause where the last commit was refused."""
        self._due_at = self._not_before

    def rejoined(self) -> None:
        """The member has partitions of the group again: what was said to it before counts no more."""
        self.expelled = False

    def uncommitted(self, names: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Those of these partitions whose committable offset the group does not have yet, with that offset."""
        return {name: offset for name, offset in self._offsets(all_of_them=False).items() if name in names}

    def on_commit(self, answer: CommitAnswer) -> None:
        """The coordinator's answer to a commit.

        An answer does not say which commit it is to. It is taken for one to the oldest: so none ever proves more
        than it may, nor is it taken for a partition that has been away since.

        Raises:
            GroupRefused: this member's commits will never be accepted.
        """
        sent = self._unanswered.popleft()
        for name, offset in answer.taken.items():
            partition = sent.partitions.get(name)
            if partition is not None and partition is self._partitions.get(name):
                partition.committed = offset
        if answer.taken:
            # A refusal of the member itself would have been one of every partition.
            self.expelled = False
            self._lease.proved(sent.at)
            self._counter.committed(monotonic() - sent.at)
        if answer.errors:
            self._refused(answer.errors)
        else:
            self._refusals.clear()

    def _refused(self, errors: Mapping[TopicPartition | None, KafkaError]) -> None:
        """In a rebalance or an outage the next commit holds what this one did not, or the partitions are lost."""
        self._due_at = self._not_before = monotonic() + RETRY_SECONDS
        for code, message in {error.name(): error.str() for error in errors.values()}.items():
            self._counter.commit_failed(code)
            if code not in self._refusals:
                self._refusals.add(code)
                log.warning("commit_failed", code=code, message=message)
        if any(error.code() in _EXPELLED for error in errors.values()):
            self.expelled = True
            self._lease.lost()
        for error in errors.values():
            if error.fatal() or error.code() in _FATAL:
                raise GroupRefused(f"a commit was refused for good: {error.str()}")

    def _offsets(self, *, all_of_them: bool) -> dict[TopicPartition, int]:
        offsets: dict[TopicPartition, int] = {}
        for name, partition in self._partitions.items():
            committable = partition.committable
            if committable is None or partition.state is PartitionState.LOST:
                continue
            if all_of_them or committable != partition.committed:
                offsets[name] = committable
        return offsets
