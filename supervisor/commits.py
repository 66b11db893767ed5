"""What is committed, and when: one request for all partitions of the pod."""

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from functools import partial
from time import monotonic, sleep
from typing import Final, NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException

from supervisor.background import in_background
from supervisor.lease import Lease
from supervisor.membership import CommitAnswer, GroupRefused, Membership
from supervisor.partition import AssignedPartition
from workers.log import log
from workers.records import TopicPartition

Partitions = Mapping[TopicPartition, AssignedPartition]

FORGET_SECONDS: Final = 30.0
"""After which an unanswered commit no longer keeps the next one from being sent."""
RETRY_SECONDS: Final = 0.1

_FATAL: Final = (KafkaError.FENCED_INSTANCE_ID, KafkaError.GROUP_AUTHORIZATION_FAILED)
_LOST: Final = (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.FENCED_MEMBER_EPOCH)
"""The partitions are somebody else's already: trying again cannot help."""


class CommitCounter(Protocol):
    """What hears of commits, for the metrics."""

    def committed(self, seconds: float) -> None: ...

    def commit_failed(self, code: str) -> None: ...


class Pending(NamedTuple):
    """A commit that is not answered yet."""

    sent_at: float
    answer: "Future[CommitAnswer] | None"
    """Where the answer will be; None: it comes through the membership's `poll`."""


class Commits:
    """Commits what workers have made committable; a commit that is accepted also proves membership.

    Args:
        membership: the group's member.
        partitions: the assigned partitions; looked at anew each time.
        lease: hears of each proof.
        interval: seconds from one commit to the next.
        counter: hears of each commit.
    """

    def __init__(
        self, membership: Membership, partitions: Partitions, lease: Lease, interval: float, counter: CommitCounter
    ) -> None:
        self._membership = membership
        self._partitions = partitions
        self._lease = lease
        self._interval = interval
        self._counter = counter
        self._pending: Pending | None = None
        self._due_at = 0.0

    def turn(self, *, polling: bool) -> None:
        """Send what is due, unless an answer is still awaited.

        Args:
            polling: whether the group is polled; in its callbacks it is not, and no answer could come that way.

        Raises:
            GroupRefused: this member's commits will never be accepted.
        """
        now = monotonic()
        if self._pending and self._pending.answer and self._pending.answer.done():
            self._take(self._pending.answer.result(), self._pending.sent_at)
        if self._awaits_answer(polling, now) or now < self._due_at:
            return
        offsets = self._offsets(all_of_them=self._lease.wants_proof())
        if not offsets:
            return
        self._due_at = now + self._interval
        if not polling:
            self._pending = Pending(now, in_background(partial(self._membership.commit_now, offsets)))
            return
        self._pending = Pending(now, None)
        try:
            self._membership.commit(offsets)
        except KafkaException as error:
            self.on_commit(CommitAnswer({}, {None: error.args[0]}))

    def soon(self) -> None:
        """Let the next turn commit: there is something that should not wait."""
        self._due_at = 0.0

    def on_commit(self, answer: CommitAnswer) -> None:
        """The coordinator's answer to what was sent while polling.

        Raises:
            GroupRefused: this member's commits will never be accepted.
        """
        # One that a callback overtook proves nothing any more.
        sent_at = self._pending.sent_at if self._pending and self._pending.answer is None else 0.0
        self._take(answer, sent_at)

    def flush(self, names: Collection[TopicPartition], deadline: float) -> bool:
        """Commit these partitions and wait for the answer, trying again until `deadline`; whether all are committed.

        Raises:
            GroupRefused: this member's commits will never be accepted.
        """
        while offsets := {n: o for n, o in self._offsets(all_of_them=False).items() if n in names}:
            began = monotonic()
            future = in_background(partial(self._membership.commit_now, offsets))
            try:
                answer = future.result(max(0.1, deadline - began))
            except TimeoutError:
                break
            self._take(answer, began)
            if any(error.code() in _LOST for error in answer.errors.values()) or monotonic() > deadline:
                break
            sleep(RETRY_SECONDS if answer.errors else 0)
        for name, offset in offsets.items():
            log.error("commit_unanswered", topic=name.topic, partition=name.partition, offset=offset)
        return not offsets

    def _awaits_answer(self, polling: bool, now: float) -> bool:
        pending = self._pending
        if pending is None or now - pending.sent_at > FORGET_SECONDS:
            return False
        return polling or pending.answer is not None

    def _take(self, answer: CommitAnswer, sent_at: float) -> None:
        self._pending = None
        for name, offset in answer.taken.items():
            if name in self._partitions:
                self._partitions[name].committed = offset
        if answer.taken and not answer.errors:
            self._lease.proved(sent_at)
            self._counter.committed(monotonic() - sent_at)
        for code, message in {error.name(): error.str() for error in answer.errors.values()}.items():
            # In a rebalance or an outage the next commit holds it, or the partitions are lost.
            self._counter.commit_failed(code)
            log.warning("commit_failed", code=code, message=message)
        for error in answer.errors.values():
            if error.fatal() or error.code() in _FATAL:
                raise GroupRefused(f"a commit was refused for good: {error.str()}")

    def _offsets(self, *, all_of_them: bool) -> dict[TopicPartition, int]:
        offsets: dict[TopicPartition, int] = {}
        for name, partition in self._partitions.items():
            committable = partition.committable
            if committable is not None and (all_of_them or committable != partition.committed):
                offsets[name] = committable
        return offsets
