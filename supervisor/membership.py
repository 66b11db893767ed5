"""The group, as its only member in this pod sees it: join, callbacks, commits, identity. It never fetches a record."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaError
from confluent_kafka import TopicPartition as KafkaPartition

from workers import kafka
from workers.errors import PoolError
from workers.group_metadata import generation_of
from workers.log import log
from workers.records import TopicPartition

_FATAL: Final = frozenset(
    {
        KafkaError._FATAL,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.INCONSISTENT_GROUP_PROTOCOL,
        KafkaError.INVALID_GROUP_ID,
        KafkaError.GROUP_MAX_SIZE_REACHED,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError.UNSUPPORTED_ASSIGNOR,
    }
)
_CURES: Final = {
    KafkaError.FENCED_INSTANCE_ID: "another member runs under the same group.instance.id: give each its own",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "allow this user Read on the group",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "allow this user Read and Describe on the topics",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "the group's other members use another protocol or assignor: stop them",
    KafkaError._AUTHENTICATION: "check sasl.mechanism, sasl.username and the password",
    KafkaError.UNSUPPORTED_VERSION: "the brokers are too old for this group.protocol: use classic",
}


class GroupRefused(PoolError):
    """The group, or the cluster, refuses this member for good."""


class Delegate(Protocol):
    """Who owns what the group assigns. What is revoked or lost it gives back later, by `Membership.give_back`."""

    def on_assign(self, names: Sequence[TopicPartition]) -> None: ...

    def on_revoke(self, names: Sequence[TopicPartition]) -> None: ...

    def on_lost(self, names: Sequence[TopicPartition]) -> None: ...


class Identity(NamedTuple):
    """Who this member is to the group; None and -1 before it has joined."""

    member_id: str | None
    generation: int

    @property
    def joined(self) -> bool:
        """Whether the client counts itself in."""
        return self.member_id is not None and self.generation > 0


class CommitAnswer(NamedTuple):
    """What the coordinator said to a commit: offsets taken, and errors by partition or, with None, for all."""

    taken: dict[TopicPartition, int]
    errors: dict[TopicPartition | None, KafkaError]


class Membership:
    """One consumer that subscribes, keeps every partition paused, and is polled for its callbacks alone.

    Args:
        user: the user's librdkafka properties.
        group: the consumer group.
        delegate: who owns what is assigned.
        on_commit: called from `poll` with the answer to each `commit`.
    """

    def __init__(
        self,
        user: Mapping[str, Any],
        group: str,
        delegate: Delegate,
        on_commit: Callable[[CommitAnswer], None],
    ) -> None:
        self._delegate = delegate
        self._on_commit = on_commit
        self._error: KafkaError | None = None
        self._joined = False
        self._leaving = False
        properties = kafka.group_member(user, group, {"on_commit": self._committed})
        self._logs = properties["logger"]
        self._consumer = Consumer({**properties, "error_cb": self._on_error})

    def subscribe(self, topics: Sequence[str]) -> None:
        """Join the group for these topics, or change what is subscribed to."""
        self._consumer.subscribe(list(topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def poll(self) -> None:
        """Let callbacks run; none of them blocks.

        Raises:
            GroupRefused: there is no way back into the group.
        """
        message = self._consumer.poll(0)
        error = self._error or (message.error() if message else None)
        if error is not None:
            self._take(error)

    def identity(self) -> Identity:
        """Who this member is now; never asks the broker."""
        identity = Identity(self._consumer.memberid() or None, generation_of(self.metadata()))
        # Not by assignments alone: a member that gets no partition may not hear of one.
        self._joined |= identity.joined
        return identity

    def metadata(self) -> bytes:
        """What proves this member to the group, in librdkafka's own form; it changes with each generation."""
        metadata: bytes = self._consumer.consumer_group_metadata()
        return metadata

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit without waiting; the answer comes through `on_commit`.

        Raises:
            KafkaException: it could not even be sent.
        """
        self._consumer.commit(offsets=_with_offsets(offsets), asynchronous=True)

    def give_back(self, names: Sequence[TopicPartition]) -> None:
        """Nothing works on these revoked or lost partitions any more: the group may go on."""
        self._consumer.incremental_unassign([KafkaPartition(*name) for name in names])

    def close(self) -> None:
        """Leave the group; what it takes away on the way out was drained and committed before.

        Blocks until the coordinator has heard of it, or does not answer.
        """
        self._leaving = True
        self._consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        consumer.incremental_assign(partitions)
        # Before anything else: paused here, inside the callback, no record is ever fetched.
        consumer.pause(partitions)
        if not self._leaving:
            self._delegate.on_assign(_names(partitions))

    def _revoked(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        if self._postponed(consumer, partitions):
            self._delegate.on_revoke(_names(partitions))

    def _lost(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        if self._postponed(consumer, partitions):
            self._delegate.on_lost(_names(partitions))

    def _postponed(self, consumer: Consumer, partitions: list[KafkaPartition]) -> bool:
        """Keep partitions until `give_back`, other than on the way out.

        The group waits for the partitions themselves, not for the callback's end. In the callback no answer to a
        commit could arrive, since only `poll` brings it, and any other thread's call would wait for the callback.
        To assign nothing is what keeps the client from giving them back by itself as the callback returns.
        """
        if self._leaving:
            consumer.incremental_unassign(partitions)
        else:
            consumer.incremental_assign([])
        return not self._leaving

    def _committed(self, error: KafkaError | None, partitions: list[KafkaPartition]) -> None:
        self._on_commit(_answer(error, partitions))

    def _on_error(self, error: KafkaError) -> None:
        # A wrong secret can be a rotation that is under way, unless it was never right.
        refused = error.code() == KafkaError._AUTHENTICATION and not self._joined
        if refused or error.fatal():
            self._error = error
        self._logs.error_cb(error)

    def _take(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _FATAL or error is self._error:
            cure = _CURES.get(error.code(), "see the brokers' log")
            raise GroupRefused(f"{error.name()}: {error.str()}: {cure}")
        log.warning("group_error", code=error.name(), message=error.str())


def _answer(error: KafkaError | None, partitions: Sequence[KafkaPartition]) -> CommitAnswer:
    errors: dict[TopicPartition | None, KafkaError] = {None: error} if error is not None else {}
    taken: dict[TopicPartition, int] = {}
    for partition in partitions:
        name = TopicPartition(partition.topic, partition.partition)
        if partition.error is not None:
            errors[name] = partition.error
        elif error is None:
            taken[name] = partition.offset
    return CommitAnswer(taken, errors)


def _names(partitions: Sequence[KafkaPartition]) -> list[TopicPartition]:
    return [TopicPartition(partition.topic, partition.partition) for partition in partitions]


def _with_offsets(offsets: Mapping[TopicPartition, int]) -> list[KafkaPartition]:
    return [KafkaPartition(name.topic, name.partition, offset) for name, offset in offsets.items()]
