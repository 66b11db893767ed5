"""One assigned partition, read in batches."""

from collections.abc import Sequence
from math import ceil
from typing import Final, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from workers.connection import GIVEN_UP, Connection
from workers.endings import OffsetOutOfRange, SourceFailed

IDLE_WAIT: Final = 0.05
LONGEST_IDLE_WAIT: Final = 0.4
"""Seconds that a poll waits for a first record: the longer, the longer none has come. A drain of an idle worker waits
as long; a record does not."""

WAITED_OUT: Final = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
    }
)
"""Errors of a moment: the client goes on by itself."""

_OUT_OF_RANGE: Final = frozenset(
    {
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.OFFSET_OUT_OF_RANGE,
        # A new leader has less than was read: what the log holds at this offset is another record.
        KafkaError._LOG_TRUNCATION,
    }
)


class Batch(NamedTuple):
    """Records in offset order, and the offset of the end of the partition where the read has reached it."""

    messages: list[Message]
    end: int | None = None
    behind: bool = False
    """Whether there may be more at hand."""


class Source(Protocol):
    """What a task reads from."""

    def poll(self, patience: float | None = None) -> Batch:
        """Wait a moment for a first record, then take what is at hand.

        Args:
            patience: seconds after which there is something else to do; None: nothing.

        Raises:
            OffsetOutOfRange: the log no longer holds the offset to read.
            SourceFailed: the partition cannot be read.
        """

    def serve(self) -> None:
        """While nothing is polled for long, hear what else the client has to say: its reports stay in its memory.

        What is read ahead is given up for that, and read again.
        """

    def high_watermark(self) -> int:
        """The partition's end as the last fetch told it; -1 where unknown."""

    def rewind(self, offset: int) -> None:
        """Read from `offset` again."""


class KafkaSource:
    """Reads one partition with `assign()` from an absolute offset: no group, no seek, no 500 ms wait.

    Args:
        consumer: a consumer of this worker alone.
        topic: the topic.
        partition: the partition.
        start: the first offset to read; absolute.
        batch_size: the most records that one poll returns.
        connection: what is known of the consumer's.
    """

    def __init__(
        self,
        consumer: Consumer,
        topic: str,
        partition: int,
        start: int,
        batch_size: int,
        connection: Connection | None = None,
    ) -> None:
        self._consumer = consumer
        self._connection = connection or Connection()
        self._rest = batch_size - 1
        self._partition = TopicPartition(topic, partition)
        self._wait = IDLE_WAIT
        self._paused = self._parked = False
        self._events: list[Message] = []
        """What `serve` has heard that is to be told by the next poll."""
        consumer.assign([TopicPartition(topic, partition, start)])

    def poll(self, patience: float | None = None) -> Batch:
        if self._parked:
            self._unpark()
        if self._events:
            events, self._events = self._events, []
            return _without_events(events)
        first = self._consumer.poll(self._wait if patience is None else ceil(patience * 1000) / 1000)
        if first is None:
            if self._connection.given_up:
                raise SourceFailed(GIVEN_UP)
            if patience is None:
                self._wait = min(2 * self._wait, LONGEST_IDLE_WAIT)
            return Batch([])
        self._wait = IDLE_WAIT
        # consume(n, timeout) would wait for n records or the whole timeout: it only takes what is there.
        messages: list[Message] = self._consumer.consume(self._rest, 0) if self._rest else []
        messages.insert(0, first)
        behind = len(messages) > self._rest
        if any(map(Message.error, messages)):
            return _without_events(messages)._replace(behind=behind)
        return Batch(messages, behind=behind)

    def serve(self) -> None:
        if not self._parked:
            # The client has one queue for both.
            self._consumer.pause([self._partition])
            self._parked = True
        if (event := self._consumer.poll(0)) is not None:
            self._events.append(event)

    def _unpark(self) -> None:
        self._parked = False
        if not self._paused:
            self._consumer.resume([self._partition])

    def high_watermark(self) -> int:
        _, high = self._consumer.get_watermark_offsets(self._partition, cached=True)
        return max(high, -1)

    def pause(self) -> None:
        """Fetch nothing until `resume`; polls go on."""
        self._paused = True
        self._consumer.pause([self._partition])

    def resume(self) -> None:
        """Fetch again, from behind what was polled last."""
        self._paused = False
        self._consumer.resume([self._partition])

    def rewind(self, offset: int) -> None:
        self._events.clear()
        if self._parked:
            self._unpark()
        self._consumer.assign([TopicPartition(self._partition.topic, self._partition.partition, offset)])


def _without_events(messages: Sequence[Message]) -> Batch:
    records: list[Message] = []
    end: int | None = None
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            end = message.offset()
        elif error.code() in _OUT_OF_RANGE:
            raise OffsetOutOfRange(error.str())
        elif error.code() not in WAITED_OUT:
            raise SourceFailed(f"cannot read the partition: {error.str()}") from KafkaException(error)
    return Batch(records, end)
