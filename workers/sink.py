"""Idempotent producing: what is sent is acknowledged by all replicas, or known to have failed."""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from workers.connection import GIVEN_UP, Connection
from workers.endings import SinkFailed
from workers.errors import ResultRefused
from workers.log import log

Headers = Sequence[tuple[str, str | bytes | None]]

BATCH_ERRORS: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
    }
)
"""Refusals of a whole batch, of which one message may be the cause, or even only their number."""

TOPIC_ERRORS: Final = frozenset(
    {
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
)
"""Refusals of whatever the message is."""

_RECORD_ERRORS: Final = frozenset(
    # The last is the client's word for a topic's name that is far too long.
    {*BATCH_ERRORS, *TOPIC_ERRORS, KafkaError._INVALID_ARG}
)
"""Refusals that the next record need not meet: its record's failure. All others are the worker's."""


class Parcel(msgspec.Struct, frozen=True, gc=False):
    """One message to be written."""

    topic: str
    value: bytes | None
    key: bytes | None
    headers: Headers | None = None
    partition: int = -1
    """-1: the key decides."""
    timestamp: int = 0
    """Milliseconds since the epoch; 0: now."""


SUSPECT_SECONDS: Final = 0.001
"""For the fate of one of a refused batch's messages, while records go on being handled."""


class Sent(msgspec.Struct, gc=False):
    """What the client calls where a message was not written: one for each that is on its way.

    The garbage collector passes it over. A `partial`, which it does not, costs a result 0.3 µs more.
    """

    sink: "KafkaSink"
    origin: Any
    parcel: Parcel | None = None
    """None: the message itself tells all of it."""

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        assert error is not None  # the producer reports errors alone
        parcel = self.parcel or Parcel(message.topic() or "", message.value(), message.key())
        self.sink.failed(parcel, self.origin, error, message)


class Refusal(NamedTuple):
    """A message that the brokers refused after it was accepted for sending."""

    origin: Any
    error: ResultRefused


class Sink(Protocol):
    """What a task writes to."""

    refusals: list[Refusal]
    """Refused messages, in the order in which they became known; the task takes them out."""

    def send(self, parcel: Parcel, origin: Any) -> bool:
        """Accept a message for sending; False where there is no room: `wait` and try again.

        Args:
            parcel: the message.
            origin: on whose behalf; comes back with a refusal.

        Raises:
            ResultRefused: this message can never be written.
            SinkFailed: nothing can be written any more.
        """

    def send_value(self, topic: str, value: bytes | None, key: bytes | None, origin: Any) -> bool:
        """`send` for what most messages are: a value and a key, and nothing else to say."""

    def pending(self) -> int:
        """How many messages are accepted and neither acknowledged nor refused.

        Raises:
            SinkFailed: a message was lost for a reason that is not its record's.
        """

    def send_suspects(self) -> None:
        """Where messages of refused batches are to be sent alone: send the next, and wait a moment for its fate.

        Raises:
            SinkFailed: as `pending`.
        """

    def wait(self, seconds: float) -> int:
        """Send at once what is pending, wait up to `seconds` for its fate, and return what still is.

        Raises:
            SinkFailed: as `pending`.
        """


class KafkaSink:
    """Results and dead letters by one idempotent producer, errors told per message at no cost for the others.

    Brokers refuse a whole batch where one message in it is at fault, or where it is only too large as a whole. Each of
    its messages is sent once more, alone, before it counts as refused; it then stands behind what was sent meanwhile.

    Args:
        producer: idempotent, and reports errors alone.
        connection: what is known of its own.
    """

    def __init__(self, producer: Producer, connection: Connection | None = None) -> None:
        self._producer = producer
        self._give = producer.produce
        self._connection = connection or Connection()
        self._failure: SinkFailed | None = None
        self._suspects: deque[tuple[Parcel, Any]] = deque()
        self._trying = False
        """Whether messages of refused batches are sent alone, with which no other may share a batch."""
        self.refusals: list[Refusal] = []

    def send(self, parcel: Parcel, origin: Any) -> bool:
        return not self._trying and self._produce(parcel, Sent(self, origin, parcel))

    def send_value(self, topic: str, value: bytes | None, key: bytes | None, origin: Any) -> bool:
        if self._trying:
            return False
        try:
            # By position, and without what it does not need: twice as fast as `_produce`. `produce_batch`, with a dict
            # for each message, saves nothing.
            self._give(topic, value, key, -1, Sent(self, origin))
        except BufferError:
            return False  # `send` tells a full queue from a message that never fits
        except KafkaException as error:
            raise failure_of(error.args[0], topic) from error
        return True

    def pending(self) -> int:
        self._producer.poll(0)
        return self._settled(len(self._producer))

    def send_suspects(self) -> None:
        if self._suspects:
            self.wait(SUSPECT_SECONDS)

    def wait(self, seconds: float) -> int:
        deadline = monotonic() + seconds
        pending = self._producer.flush(seconds)
        while not pending and self._suspects and (left := deadline - monotonic()) > 0:
            self._send_alone(*self._suspects.popleft())
            pending = self._producer.flush(left)
        return self._settled(pending)

    def forget(self) -> None:
        """Forget all failures: what failed was taken back."""
        self._failure = None
        self._suspects.clear()
        self._trying = False
        self.refusals = []

    def _send_alone(self, parcel: Parcel, origin: Any) -> None:
        try:
            if not self._produce(parcel, partial(self._refused, origin)):
                self._suspects.appendleft((parcel, origin))
        except ResultRefused as refused:
            self.refusals.append(Refusal(origin, refused))

    def _produce(self, parcel: Parcel, on_failure: Callable[[Any, Message], None]) -> bool:
        try:
            self._producer.produce(
                parcel.topic,
                parcel.value,
                parcel.key,
                partition=parcel.partition,
                on_delivery=on_failure,
                timestamp=parcel.timestamp,
                headers=list(parcel.headers) if parcel.headers else None,
            )
        except BufferError as error:
            if len(self._producer):
                return False
            raise ResultRefused(
                f"cannot be written to {parcel.topic}: larger than the producer's queue (queue.buffering.max.kbytes)"
            ) from error
        except KafkaException as error:
            raise failure_of(error.args[0], parcel.topic) from error
        return True

    def _settled(self, pending: int) -> int:
        if self._failure is not None:
            raise self._failure
        if pending and self._connection.given_up:
            raise SinkFailed(GIVEN_UP)
        pending += len(self._suspects)
        self._trying = self._trying and pending > 0
        return pending

    def failed(self, parcel: Parcel, origin: Any, error: KafkaError, message: Message) -> None:
        if error.code() not in BATCH_ERRORS:
            self._refused(origin, error, message)
            return
        if not self._trying:
            self._trying = True
            log.warning(
                "batch_refused",
                to=parcel.topic,
                message=error.str(),
                consequence="each of its messages is sent once more, alone",
                cure="where this comes often, set the producer's batch.size below the topic's max.message.bytes",
            )
        self._suspects.append((parcel, origin))

    def _refused(self, origin: Any, error: KafkaError, message: Message) -> None:
        failure = failure_of(error, message.topic() or "")
        if isinstance(failure, ResultRefused):
            self.refusals.append(Refusal(origin, failure))
        else:
            self._failure = self._failure or failure


def failure_of(error: KafkaError, topic: str) -> ResultRefused | SinkFailed:
    """What an error of a message to `topic` means: its record's failure, or the worker's."""
    if error.code() in _RECORD_ERRORS:
        return ResultRefused(f"cannot be written to {topic}: {error.str()}", error.code())
    return SinkFailed(f"cannot write to {topic}: {error.str()}")
