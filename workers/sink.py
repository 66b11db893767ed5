"""Idempotent producing: what is sent is acknowledged by all replicas, or known to have failed."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from workers.endings import SinkFailed
from workers.errors import ResultRefused

Headers = Sequence[tuple[str, str | bytes | None]]

ROOM_WAIT: Final = 0.05

_RECORD_ERRORS: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
)
"""Refusals that the next record need not meet: its record's failure. All others are the worker's."""


class Parcel(NamedTuple):
    """One message to be written."""

    topic: str
    value: bytes | None
    key: bytes | None
    headers: Headers | None = None
    partition: int = -1
    timestamp: int = 0
    """Milliseconds since the epoch; 0: now."""


class Refusal(NamedTuple):
    """A message that the brokers refused after it was accepted for sending."""

    origin: Any
    error: ResultRefused


class Sink(Protocol):
    """What a task writes to."""

    refusals: list[Refusal]
    """Refused messages, in the order in which they became known; the task takes them out."""

    def send(self, parcel: Parcel, origin: Any) -> bool:
        """Accept a message for sending, on behalf of `origin`; False where the queue is full: `wait` and try again.

        Raises:
            ResultRefused: this message can never be written.
            SinkFailed: nothing can be written any more.
        """

    def pending(self) -> int:
        """How many messages are accepted and neither acknowledged nor refused.

        Raises:
            SinkFailed: a message was lost for a reason that is not its record's.
        """

    def wait(self, seconds: float) -> int:
        """Send at once what is pending, wait up to `seconds` for its fate, and return what still is.

        Raises:
            SinkFailed: as `pending`.
        """


class KafkaSink:
    """Results and dead letters by one idempotent producer, errors told per message at no cost for the others."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._failure: SinkFailed | None = None
        self.refusals: list[Refusal] = []

    def send(self, parcel: Parcel, origin: Any) -> bool:
        topic, value, key, headers, partition, timestamp = parcel
        try:
            self._producer.produce(
                topic,
                value,
                key,
                partition=partition,
                on_delivery=partial(self._failed, origin),
                timestamp=timestamp,
                headers=list(headers) if headers else None,
            )
        except BufferError:
            return False
        except KafkaException as error:
            raise _named(error.args[0], topic) from error
        return True

    def pending(self) -> int:
        self._producer.poll(0)
        return self._settled(len(self._producer))

    def wait(self, seconds: float) -> int:
        return self._settled(self._producer.flush(seconds))

    def _settled(self, pending: int) -> int:
        if self._failure is not None:
            raise self._failure
        return pending

    def _failed(self, origin: Any, error: KafkaError, message: Message) -> None:
        failure = _named(error, message.topic() or "")
        if isinstance(failure, ResultRefused):
            self.refusals.append(Refusal(origin, failure))
        else:
            self._failure = self._failure or failure


def _named(error: KafkaError, topic: str) -> ResultRefused | SinkFailed:
    if error.code() in _RECORD_ERRORS:
        return ResultRefused(f"cannot be written to {topic}: {error.str()}")
    return SinkFailed(f"cannot write to {topic}: {error.str()}")
