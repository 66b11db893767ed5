"""Reads a dead-letter topic from known offsets to its present end; it belongs to no group while it does."""

from collections.abc import Iterator, Mapping
from typing import Final, Self

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from supervisor.brokers import BrokersRefused
from supervisor.client_settings import taken_settings
from supervisor.dead_letter import Letter
from workers.kafka import offset_reader
from workers.settings import Settings

_AT_ONCE: Final = 500
_WAIT_SECONDS: Final = 0.1
_SILENCE_SECONDS: Final = 30.0
_HOPELESS: Final = frozenset(
    {
        # Not GROUP_AUTHORIZATION_FAILED: the group is but a name here, and reading goes on.
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._AUTHENTICATION,
    }
)


class DeadReader:
    """A context that closes its consumer.

    Args:
        settings: for the connection.
        topic: the dead-letter topic.
        group: whose metadata it gives; nothing is committed here.
        starts: the first offset to read, by partition.
        ends: where reading ends, by partition.
    """

    def __init__(
        self, settings: Settings, topic: str, group: str, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> None:
        self.positions = dict(starts)
        """What is read of each partition; at the end also past what ends a transaction there."""
        self._ends = ends
        self._unread = {number for number, start in starts.items() if start < ends[number]}
        properties = {
            **offset_reader(settings.client("consumer"), group),
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            # What retention deletes while it is read is gone.
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 5,
            "queued.max.messages.kbytes": 32 * 1024,
        }
        with taken_settings():
            self._consumer = Consumer(properties)
        self._consumer.assign([TopicPartition(topic, number, starts[number]) for number in sorted(self._unread)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def metadata(self) -> object:
        """What a transaction needs to commit offsets for the group."""
        return self._consumer.consumer_group_metadata()

    def read(self) -> Iterator[list[Letter]]:
        """The letters in order within each partition, a few at a time; an empty list where it had to wait.

        Raises:
            BrokersRefused: the topic cannot be read, or nothing came for half a minute.
        """
        silent = 0.0  # only what it waited itself: the caller may take long over what it was given
        while self._unread:
            first = self._consumer.poll(_WAIT_SECONDS)
            messages = [] if first is None else [first, *self._consumer.consume(_AT_ONCE - 1, 0)]
            letters = [letter for message in messages if (letter := self._take(message)) is not None]
            silent = 0.0 if messages else silent + _WAIT_SECONDS
            if silent > _SILENCE_SECONDS:
                raise BrokersRefused(
                    f"nothing could be read for {_SILENCE_SECONDS:g} s; see to the brokers, and try again", "_TIMED_OUT"
                )
            yield letters

    def _take(self, message: Message) -> Letter | None:
        number, offset = message.partition(), message.offset()
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            if error.fatal() or error.code() in _HOPELESS:
                raise BrokersRefused(f"dead letters cannot be read: {error.str()}", error.name())
            return None
        assert number is not None
        assert offset is not None
        if offset >= self._ends[number] or error is not None:
            # It ends where it did at the start of this run: what fails again meanwhile is for the next one.
            self.positions[number] = max(self.positions[number], min(offset, self._ends[number]))
            self._unread.discard(number)
            return None
        self.positions[number] = offset + 1
        if offset + 1 == self._ends[number]:
            self._unread.discard(number)
        return Letter.of(message)
