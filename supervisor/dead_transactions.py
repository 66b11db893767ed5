"""Transactions that hold replayed records together with how far the filter came.

Whoever begins takes over: of all replays and drops of one group's letters in a topic only the last can go on, so that
two at a time repeat nothing.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from supervisor.client_settings import taken_settings
from supervisor.dead_marks import Mark
from workers.errors import PoolError
from workers.kafka import Properties
from workers.log import kafka_logger
from workers.sink import Parcel

_ANSWER_SECONDS: Final = 30.0
_ROOM_SECONDS: Final = 0.05
_TIMEOUT_MS: Final = 15_000
"""After a replay was killed, readers of committed records wait so long at most; the next run ends its transaction."""
_LARGEST_MESSAGE: Final = 1_000_000_000
_TAKEN_OVER: Final = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})


class DeadTransactionFailed(PoolError):
    """The last few records are not written, and their letters count as open: run the command again."""


class DeadTransactions:
    """One transaction after another, each begun with what comes first.

    Args:
        user: the connection's properties.
        owner: the consumer group whose letters are dealt with.
        mark: what is stored beside the offsets.
    """

    def __init__(self, user: Properties, owner: str, mark: Mark) -> None:
        self._mark = mark
        self._refused: str | None = None
        self._begun: float | None = None
        self.written = 0
        """Records in the transaction that is open."""
        logs = kafka_logger("dead")
        properties = {
            "linger.ms": 5,
            **user,
            "logger": logs,
            "error_cb": logs.error_cb,
            "transactional.id": f"{owner}.dead.{mark.topic}",
            "transaction.timeout.ms": _TIMEOUT_MS,
            "message.timeout.ms": _TIMEOUT_MS,
            # The topic's own limit is what counts.
            "message.max.bytes": _LARGEST_MESSAGE,
        }
        with taken_settings():
            self._producer = Producer(properties)

    @property
    def age(self) -> float:
        """Seconds since the open transaction was begun; 0 without one."""
        return 0.0 if self._begun is None else time.monotonic() - self._begun

    def take_over(self) -> None:
        """End what an earlier run left open, and keep it from going on.

        Raises:
            DeadTransactionFailed: the brokers did not do it.
        """
        self._do(lambda: self._producer.init_transactions(_ANSWER_SECONDS))

    def write(self, parcel: Parcel) -> None:
        """Write a record in the open transaction, or in a new one.

        Raises:
            DeadTransactionFailed: it cannot be.
        """
        self._begin()
        try:
            while not self._accepted(parcel):
                self._producer.poll(_ROOM_SECONDS)
            self._producer.poll(0)  # raises what is fatal, whatever it was about
        except KafkaException as failure:
            raise self._failed(failure.args[0]) from failure
        self.written += 1

    def commit(self, positions: Mapping[int, int], metadata: object) -> None:
        """Commit what is written, and how far the mark came.

        Args:
            positions: by partition of the dead-letter topic.
            metadata: a consumer's, of the mark's group.

        Raises:
            DeadTransactionFailed: neither is.
        """
        self._begin()
        beside = self._mark.encoded()
        offsets = [TopicPartition(self._mark.topic, *position, beside) for position in positions.items()]
        self._do(lambda: self._producer.send_offsets_to_transaction(offsets, metadata, _ANSWER_SECONDS))
        self._do(lambda: self._producer.commit_transaction(_ANSWER_SECONDS))
        self._begun = None
        self.written = 0

    def _begin(self) -> None:
        if self._begun is None:
            self._do(self._producer.begin_transaction)
            self._begun = time.monotonic()

    def _accepted(self, parcel: Parcel) -> bool:
        try:
            self._producer.produce(
                parcel.topic,
                parcel.value,
                parcel.key,
                partition=parcel.partition,
                timestamp=parcel.timestamp,
                headers=list(parcel.headers or ()),
                on_delivery=self._delivered,
            )
        except BufferError as full:
            if len(self._producer):
                return False
            why = f"a record for {parcel.topic} is larger than the producer's queue; raise queue.buffering.max.kbytes"
            raise KafkaException(KafkaError(KafkaError._QUEUE_FULL, why, txn_requires_abort=True)) from full
        return True

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None or self._refused is not None or error.code() == KafkaError._PURGE_QUEUE:
            return
        where = f"{message.topic()}[{message.partition()}]"
        self._refused = f"a record cannot be written to {where}: {error.str()}"
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._refused += " (with the header pool.replay.group; raise the topic's max.message.bytes by a little)"

    def _do(self, step: Callable[[], Any]) -> None:
        """One step of a transaction; repeated, as librdkafka asks, while another try may help."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            try:
                step()
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if not error.retriable() or time.monotonic() > deadline:
                    raise self._failed(error) from failure
            else:
                return

    def _failed(self, error: KafkaError) -> DeadTransactionFailed:
        try:
            self._producer.poll(0)  # what the brokers said of a record, or what was fatal, tells more
        except KafkaException as fatal:
            error = fatal.args[0]
        if error.txn_requires_abort():
            # Where that fails, too, the next run or the brokers' timeout ends the transaction.
            with suppress(KafkaException):
                self._producer.abort_transaction(_ANSWER_SECONDS)
        if error.code() in _TAKEN_OVER:
            return DeadTransactionFailed(
                f"another replay or drop of {self._mark.topic} has begun, and this one has ended; what it had"
                " committed stays. Run it again when the other is done"
            )
        return DeadTransactionFailed(
            f"{self._refused or error.str()}; what was committed before stays. See to that, and run the same command"
            " again: it goes on from there"
        )
