"""Topics of a real broker: made, filled, read to their end."""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from tests.support.readings import Reading, Results, encode
from tests.support.wait import T, wait_for

TIMEOUT = 30.0
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # confluent-kafka leaves it untyped


class Topics:
    """The topics and groups of one broker.

    Args:
        bootstrap: its address, `host:port`.
        replicas: how many a new topic's partitions have.
    """

    def __init__(self, bootstrap: str, *, replicas: int = 1) -> None:
        self.bootstrap = bootstrap
        self._replicas = replicas
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._askers: dict[str, Consumer] = {}

    def create(self, kind: str, partitions: int = 4, config: Mapping[str, str] | None = None) -> str:
        """Create a topic under a name of its own that begins with `kind`; the name."""
        name = f"{kind}-{uuid.uuid4().hex[:10]}"
        self.create_named(name, partitions, config)
        return name

    def create_named(self, name: str, partitions: int = 4, config: Mapping[str, str] | None = None) -> None:
        """Create topic `name`, and wait until the broker tells of it. It keeps records however old they are."""
        settings = {"retention.ms": "-1", **(config or {})}
        new = NewTopic(name, num_partitions=partitions, replication_factor=self._replicas, config=settings)
        self._admin.create_topics([new])[name].result(TIMEOUT)
        self.wait_partitions(name, partitions)

    def grow(self, name: str, partitions: int) -> None:
        """Give a topic more partitions."""
        self._admin.create_partitions([NewPartitions(name, partitions)])[name].result(TIMEOUT)
        self.wait_partitions(name, partitions)

    def delete(self, name: str) -> None:
        """Delete a topic."""
        self._admin.delete_topics([name])[name].result(TIMEOUT)

    def names(self) -> Collection[str]:
        """All topics; to ask for one by name can make it, where the broker does that."""
        return self._admin.list_topics(timeout=TIMEOUT).topics.keys()

    def wait_partitions(self, name: str, partitions: int) -> None:
        """Wait until the broker tells of that many partitions."""
        wait_for(lambda: len(self.partitions(name)) == partitions, TIMEOUT, f"{name}: not {partitions} partitions")

    def partitions(self, name: str) -> Sequence[int]:
        """The numbers of a topic's partitions; none where there is no such topic."""
        topic = self._admin.list_topics(name, timeout=TIMEOUT).topics[name]
        return [] if topic.error is not None else sorted(topic.partitions)

    def config(self, name: str) -> Mapping[str, str]:
        """A topic's settings."""
        resource = ConfigResource(ResourceType.TOPIC, name)
        entries = self._admin.describe_configs([resource])[resource].result(TIMEOUT)
        return {entry.name: str(entry.value) for entry in entries.values()}

    def alter(self, name: str, config: Mapping[str, str]) -> None:
        """Change some of a topic's settings, and wait until the broker tells of them."""
        changes = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=changes)
        self._admin.incremental_alter_configs([resource])[resource].result(TIMEOUT)
        wait_for(lambda: config.items() <= self.config(name).items(), TIMEOUT, f"{name}: not {config}")

    def delete_before(self, name: str, partition: int, offset: int) -> None:
        """Delete a partition's records below `offset`, as retention does."""
        until = TopicPartition(name, partition, offset)
        self._admin.delete_records([until])[until].result(TIMEOUT)

    def ends(self, name: str, level: IsolationLevel = IsolationLevel.READ_COMMITTED) -> Mapping[int, int]:
        """The offset after the last record of each partition, up to where its first open transaction begins."""
        asked = {TopicPartition(name, number): LATEST for number in self.partitions(name)}

        def ask() -> Mapping[int, int]:
            answers = self._admin.list_offsets(asked, isolation_level=level)
            return {asked_for.partition: answer.result(TIMEOUT).offset for asked_for, answer in answers.items()}

        found = wait_for(lambda: _unless_moving(ask), TIMEOUT, f"no leader of {name}")
        assert found is not None
        return found

    def open_transactions(self, name: str) -> bool:
        """Whether a transaction is open in any of a topic's partitions."""
        return self.ends(name) != self.ends(name, IsolationLevel.READ_UNCOMMITTED)

    def committed(self, group: str, name: str) -> Mapping[int, int]:
        """What a group has committed of a topic, by partition."""
        # Not by the admin client: in librdkafka 2.16 it crashes the process while the group's coordinator loads.
        asker = self._askers.get(group) or Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 0}
        )
        self._askers[group] = asker
        wanted = [TopicPartition(name, number) for number in self.partitions(name)]
        found = wait_for(
            lambda: _unless_moving(lambda: asker.committed(wanted, TIMEOUT)), TIMEOUT, f"no coordinator of {group}"
        )
        assert found is not None
        return {partition.partition: partition.offset for partition in found if partition.offset >= 0}

    def commit(self, group: str, name: str, offsets: Mapping[int, int]) -> None:
        """Set what a group without members has committed."""
        wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(name, p, o) for p, o in offsets.items()])
        self._admin.alter_consumer_group_offsets([wanted])[group].result(TIMEOUT)

    def lag(self, group: str, name: str) -> int:
        """How many offsets a group has still to commit, over all partitions."""
        committed = self.committed(group, name)
        return sum(end - committed.get(partition, 0) for partition, end in self.ends(name).items())

    def wait_lag(self, group: str, name: str, lag: int = 0, *, within: float = 60.0) -> None:
        """Wait until a group has no more than `lag` offsets left."""
        wait_for(
            lambda: self.lag(group, name) <= lag,
            within,
            lambda: f"{group} has committed {self.committed(group, name)} of {self.ends(name)}",
            every=0.1,
        )

    def members(self, group: str) -> int:
        """How many members a group has."""
        try:
            described = self._admin.describe_consumer_groups([group])[group].result(TIMEOUT)
        except KafkaException as problem:
            if problem.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return 0
            raise
        return len(described.members)

    def send(self, name: str, readings: Iterable[Reading], partitions: int | None = None) -> int:
        """Produce readings, keyed by their device, whose number chooses the partition; how many they were."""
        count = len(self.partitions(name)) if partitions is None else partitions
        with Sender(self.bootstrap, name, count) as sender:
            for one in readings:
                sender.send(one)
        return sender.sent

    def send_raw(self, name: str, messages: Iterable[Mapping[str, Any]]) -> None:
        """Produce messages, given by the arguments of `Producer.produce`."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "message.max.bytes": 20_000_000})
        for message in messages:
            producer.produce(name, **message)
        assert producer.flush(TIMEOUT) == 0

    def read(self, name: str) -> list[Message]:
        """All messages of a topic up to its present end, committed ones only, in the order of its partitions."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "reads-without-a-group",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 5,
                "queued.max.messages.kbytes": 65536,
            }
        )
        try:
            return _read_all(consumer, name, self.partitions(name))
        finally:
            consumer.close()

    def results(self, name: str) -> Results:
        """All results in an output topic."""
        return Results(self.read(name))


class Sender:
    """A producer of readings; a context whose end waits until all are acknowledged.

    Args:
        bootstrap: the broker's address.
        topic: where to.
        partitions: a reading goes to the partition of its device's number modulo this.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self.sent = 0
        self._topic = topic
        self._partitions = partitions
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 3,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "message.timeout.ms": 120_000,
                "enable.idempotence": True,
            }
        )

    def send(self, reading: Reading) -> None:
        """Hand one over to be sent."""
        partition = int(reading.device_id.rpartition("-")[2]) % self._partitions
        self._producer.produce(self._topic, encode(reading), reading.device_id, partition)
        self.sent += 1
        if self.sent % 1000 == 0:
            self._producer.poll(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        left = self._producer.flush(TIMEOUT * 4)
        assert left == 0, f"{left} records were not acknowledged"


def _read_all(consumer: Consumer, name: str, partitions: Sequence[int]) -> list[Message]:
    consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for number in partitions])
    found: dict[int, list[Message]] = {number: [] for number in partitions}
    unread = set(partitions)

    def finished() -> bool:
        for message in consumer.consume(10_000, 0.1):
            number = message.partition()
            assert number is not None
            if (error := message.error()) is None:
                found[number].append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(number)
            elif not error.retriable():
                raise KafkaException(error)
        return not unread

    wait_for(finished, 120.0, f"{name} could not be read to its end", every=0.0)
    return [message for number in partitions for message in found[number]]


def _unless_moving(ask: Callable[[], T]) -> T | None:
    """What is answered; None while a group's coordinator or a partition's leader is loading, or moves."""
    try:
        return ask()
    except KafkaException as raised:
        error = raised.args[0]
        if error.retriable() or error.code() in (KafkaError.NOT_COORDINATOR, KafkaError.NOT_LEADER_FOR_PARTITION):
            return None
        raise
