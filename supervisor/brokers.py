"""Questions to the brokers for commands: each answered or refused within a time, and a refusal says what to do."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, cast

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
)
from confluent_kafka import TopicPartition as Position
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    ConsumerGroupDescription,
    OffsetSpec,
    ResourceType,
    TopicDescription,
)
from confluent_kafka.cimpl import NewTopic

from supervisor.client_settings import taken_settings
from workers.errors import PoolError
from workers.kafka import offset_reader
from workers.records import TopicPartition
from workers.settings import Settings

ANSWER_SECONDS: Final = 10.0
"""How long an answer is waited for."""
_RETRY_SECONDS: Final = 0.1
_COORDINATOR_MOVES: Final = frozenset({"COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR"})
_CURES: Final[Mapping[str, str]] = {
    "_AUTHENTICATION": "check sasl.mechanism, sasl.username and sasl.password, or the client's certificate",
    "_SSL": "check security.protocol, and that ssl.ca.location names the authority of the brokers' certificates",
    "_RESOLVE": "check the names in bootstrap.servers",
    "_TRANSPORT": "check that they run there, and that security.protocol is that of their listener",
}
"""What to do about an error of the connection; the most telling first."""


class Edge(Enum):
    """Either end of a partition."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Moment:
    """The first record that is not older than this.

    Attributes:
        milliseconds: since 1970, UTC.
    """

    milliseconds: int


class BrokersRefused(PoolError):
    """The brokers cannot be reached, or did not do what was asked.

    Args:
        text: what happened, and what to do.
        code: librdkafka's name of the error, such as `TOPIC_AUTHORIZATION_FAILED`.
    """

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


class Brokers:
    """One connection to the brokers.

    Raises:
        ConfigInvalid: librdkafka does not take the settings.
    """

    def __init__(self, settings: Settings) -> None:
        user = settings.client("admin")
        self._consumer: dict[str, Any] = {**settings.client("consumer")}
        self.bootstrap = str(user.get("bootstrap.servers"))
        self._errors: list[KafkaError] = []
        properties: dict[str, Any] = {**user, "error_cb": self._errors.append, "log_level": 0}
        with taken_settings():
            self._admin = AdminClient(properties)

    def topics(self) -> dict[str, int]:
        """The partition counts of all topics that may be seen.

        Raises:
            BrokersRefused: no broker answers.
        """
        try:
            found = self._admin.list_topics(timeout=ANSWER_SECONDS).topics
        except KafkaException as failure:
            raise self._unreachable(failure.args[0]) from failure
        return {name: len(topic.partitions) for name, topic in found.items()}

    def topic(self, name: str) -> TopicDescription:
        """One topic, with its partitions' leaders and this client's rights."""
        asked = TopicCollection([name])
        described = self._answer(
            lambda: self._admin.describe_topics(
                asked, include_authorized_operations=True, request_timeout=ANSWER_SECONDS
            )[name]
        )
        return cast("TopicDescription", described)

    def group(self, name: str) -> ConsumerGroupDescription:
        """A group, with its members and this client's rights."""
        described = self._answer(
            lambda: self._admin.describe_consumer_groups(
                [name], include_authorized_operations=True, request_timeout=ANSWER_SECONDS
            )[name]
        )
        return cast("ConsumerGroupDescription", described)

    def broker_setting(self, name: str) -> str | None:
        """What one of the brokers has setting `name` at; None where it has no such setting."""
        node = self._answer(lambda: self._admin.describe_cluster(request_timeout=ANSWER_SECONDS)).nodes[0]
        return self._describe(ResourceType.BROKER, str(node.id)).get(name)

    def topic_settings(self, topic: str) -> dict[str, str]:
        """A topic's settings, with the brokers' defaults for those that it has not."""
        return self._describe(ResourceType.TOPIC, topic)

    def _describe(self, kind: ResourceType, name: str) -> dict[str, str]:
        key = ConfigResource(kind, name)
        found = self._answer(lambda: self._admin.describe_configs([key], request_timeout=ANSWER_SECONDS)[key])
        return {entry.name: str(entry.value) for entry in found.values()}

    def could_create(self, topic: str, partitions: int) -> None:
        """Ask whether `topic` could be created, without doing it.

        Raises:
            BrokersRefused: it could not.
        """
        new = NewTopic(topic, partitions)
        self._answer(
            lambda: self._admin.create_topics([new], validate_only=True, request_timeout=ANSWER_SECONDS)[topic]
        )

    def committed(self, group: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """What `group` has committed of these partitions."""
        return {partition: position.offset for partition, position in self._stored(group, partitions).items()}

    def _stored(self, group: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Position]:
        """The same, with what was stored beside each offset."""
        # Not through the admin client: librdkafka 2.16 crashes there when the group's coordinator moves or loads.
        with taken_settings():
            consumer = Consumer({**offset_reader(self._consumer, group), "log_level": 0})
        try:
            found = consumer.committed([Position(*partition) for partition in partitions], ANSWER_SECONDS)
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            raise BrokersRefused(f"group {group}: {error.str() or error.name()}", error.name()) from failure
        finally:
            consumer.close()
        return {TopicPartition(p.topic, p.partition): p for p in found if p.offset >= 0}

    def offsets(self, partitions: Iterable[TopicPartition], where: Edge | Moment) -> dict[TopicPartition, int]:
        """The offsets at `where` in each of the partitions; -1 for a moment after the last record."""
        asked = {Position(*partition): _spec(where) for partition in partitions}
        if not asked:
            return {}
        found = {}
        for position, future in self._admin.list_offsets(asked, request_timeout=ANSWER_SECONDS).items():
            name = TopicPartition(position.topic, position.partition)
            found[name] = self._offset_at(name, future)
        return found

    def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Set the committed offsets of a group without members.

        Raises:
            BrokersRefused: naming each partition that was refused.
        """
        positions = [Position(*partition, offset) for partition, offset in offsets.items()]
        asked = ConsumerGroupTopicPartitions(group, positions)
        answer = self._answer(
            lambda: self._admin.alter_consumer_group_offsets([asked], request_timeout=ANSWER_SECONDS)[group]
        )
        refused = [p for p in answer.topic_partitions if p.error]
        if refused:
            where = ", ".join(f"{TopicPartition(p.topic, p.partition)}: {p.error.str()}" for p in refused)
            raise BrokersRefused(f"not committed: {where}", refused[0].error.name())

    def _offset_at(self, name: TopicPartition, future: Future[Any]) -> int:
        """The answer for one partition to a question for offsets."""
        offset: int = self._result(future).offset
        if offset == OFFSET_INVALID:  # which librdkafka gives, with no error, where a leader is out of reach
            raise BrokersRefused(f"the leader of {name} does not answer", "_TIMED_OUT")
        return offset

    def _answer(self, ask: Callable[[], Future[Any]]) -> Any:
        """What a broker answers; asked again while the group's coordinator moves."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return self._result(ask())
            except BrokersRefused as refused:
                if refused.code not in _COORDINATOR_MOVES or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result()  # which comes at the request's timeout at the latest
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            raise BrokersRefused(error.str() or error.name(), error.name()) from failure

    def _unreachable(self, last: KafkaError) -> BrokersRefused:
        self._admin.poll(0)  # delivers what error_cb has missed
        known = [error for name in _CURES for error in self._errors if error.name() == name]
        error = known[0] if known else last
        cure = _CURES.get(error.name(), _CURES["_TRANSPORT"])
        return BrokersRefused(
            f"no answer from {self.bootstrap} within {ANSWER_SECONDS:g} s: {error.str()}; {cure}", error.name()
        )


def _spec(where: Edge | Moment) -> Any:
    specs: Any = OffsetSpec  # whose methods carry no types
    if isinstance(where, Moment):
        return specs.for_timestamp(where.milliseconds)
    return specs.earliest() if where is Edge.EARLIEST else specs.latest()
