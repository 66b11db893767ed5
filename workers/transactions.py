"""Exactly once: results, dead letters and the position in one transaction, by a member of the group (KIP-447)."""

from collections.abc import Callable
from time import monotonic_ns
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from workers.care import Care, Condemned
from workers.control import Control
from workers.dead_letter_topic import SentLetter
from workers.endings import Fenced, Rewind, SinkFailed
from workers.log import log
from workers.offsets import Offsets, Settle
from workers.outbox import PAUSE, Attempted, Outbox
from workers.records import TopicPartition as Place
from workers.records import offset_of
from workers.sink import KafkaSink, Parcel
from workers.slot import COMMITTABLE, POLLED, PROVED

T = TypeVar("T")

CALL_SECONDS: Final = 0.5
"""How long a call of the transactional producer may block before the worker gives a sign of life: well below the
shortest `handler_timeout`."""

_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_STALE: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.REBALANCE_IN_PROGRESS,
    }
)


class MembershipStale(Rewind):
    """The group did not take the supervisor's proof: it has a newer one, or is a member no more.

    Args:
        why: what the coordinator said.
        metadata: the proof that was not taken.
    """

    def __init__(self, why: str, metadata: bytes) -> None:
        super().__init__(why)
        self.metadata = metadata


class TransactionalSink(KafkaSink):
    """A sink whose messages belong to a transaction, begun with the first of them: so none is open while idle.

    Args:
        producer: with a `transactional.id`.
        place: the partition whose position is committed.
        alive: gives a sign of life between calls that may take long.
    """

    def __init__(self, producer: Producer, place: Place, alive: Callable[[], None]) -> None:
        super().__init__(producer)
        self.place = place
        self._alive = alive
        self._open = False

    def initialise(self) -> None:
        """Fence whoever has used this `transactional.id`, and bring to its end what he left open.

        Raises:
            Fenced: not allowed, or fenced in turn.
            KafkaException: it cannot be.
        """
        self.insist(lambda: self._producer.init_transactions(CALL_SECONDS))

    def send(self, parcel: Parcel, origin: Any) -> bool:
        self._begin()
        return super().send(parcel, origin)

    def send_value(self, topic: str, value: bytes | None, key: bytes | None, origin: Any) -> bool:
        self._begin()
        return super().send_value(topic, value, key, origin)

    def commit(self, position: int, metadata: bytes) -> None:
        """Commit what is open together with the input's position.

        Raises:
            Fenced: another worker has taken over.
            KafkaException: it is not committed and must be aborted.
        """
        self._begin()
        offsets = [TopicPartition(*self.place, position)]
        self.insist(lambda: self._producer.send_offsets_to_transaction(offsets, metadata, CALL_SECONDS))
        self.insist(lambda: self._producer.commit_transaction(CALL_SECONDS))
        self._open = False

    def abort(self) -> None:
        """Take back what is open, and forget what failed with it.

        Raises:
            Fenced: another worker has taken over.
        """
        if self._open:
            self.insist(lambda: self._producer.abort_transaction(CALL_SECONDS))
        self._open = False
        self._producer.poll(0)  # what was purged is told as failed
        self.forget()

    def _begin(self) -> None:
        if not self._open:
            self._producer.begin_transaction()  # no request: the first message opens it at the broker
            self._open = True

    def insist(self, call: Callable[[], T]) -> T:
        """Repeat a call until it is known how it ended, however long the brokers take.

        Raises:
            Fenced: another worker has taken over.
            KafkaException: it failed.
        """
        while True:
            self._alive()
            try:
                return call()
            except KafkaException as raised:
                error: KafkaError = raised.args[0]
                if error.code() in _FENCED or error.fatal():
                    raise Fenced(f"{error.name()}: {error.str()}") from raised
                if not (error.retriable() or error.code() == KafkaError._TIMED_OUT):
                    raise


class TransactionalOffsets(Offsets):
    """Makes a position committable by committing it, with all results below it, in one transaction.

    Args:
        outbox: what was sent.
        sink: the same, as a transaction.
        words: the worker's slot.
        control: knows the supervisor's proof of membership.
        care: learns which records to handle one by one after an abort.
        interval: seconds from one transaction to the next under load.
        proof_interval: seconds after which a transaction proves membership, if nothing else has.
    """

    def __init__(
        self,
        outbox: Outbox,
        sink: TransactionalSink,
        words: memoryview,
        control: Control,
        care: Care,
        *,
        interval: float,
        proof_interval: float,
    ) -> None:
        super().__init__(outbox, words, interval)
        self._sink = sink
        self._control = control
        self._care = care
        self._proof_interval_ns = int(proof_interval * 1e9)

    def report(self, settle: Settle, *, idle: bool) -> None:
        """Commit when it is time to, or when there is nothing better to do.

        Raises:
            as `flush`.
        """
        if self._words[COMMITTABLE] == self._safe():
            self.prove(settle)
        elif idle or monotonic_ns() - self._flushed_at >= self._flush_interval_ns:
            self.flush(settle)

    def flush(self, settle: Settle) -> None:  # noqa: ARG002 refusals spoil the transaction
        """Commit the position, and with it the results and dead letters of the records below.

        Raises:
            Rewind: it cannot be; `rewind` takes it back.
            Fenced: another worker has taken over.
        """
        began = monotonic_ns()
        self._acknowledge()
        self._commit()
        self._store()
        self._count(began)

    def prove(self, settle: Settle) -> None:
        """When nothing was committed for a while: commit the position as it is, to prove membership.

        Raises:
            as `flush`.
        """
        if monotonic_ns() - self._words[PROVED] >= self._proof_interval_ns:
            self.flush(settle)

    def rewind(self, cause: Rewind) -> None:
        """Abort. What was at fault, if anything was, is alone in its transaction when it comes again.

        Raises:
            Fenced: another worker has taken over.
        """
        log.warning("transaction_aborted", reason=str(cause), offset=self._words[COMMITTABLE])
        self._sink.abort()
        if isinstance(cause, MembershipStale):
            self._await_membership(cause.metadata)
            return
        # So none is open while a record is handled, however long that takes, and none can be spoiled by another's.
        self._care.extend(self._words[POLLED])
        condemned = _condemned(cause)
        if condemned is not None:
            self._care.condemn(*condemned)

    def _acknowledge(self) -> None:
        """Wait until the brokers have all messages; a message that they refuse spoils its transaction."""
        while True:
            try:
                pending = self._outbox.wait()
            except SinkFailed as failed:
                raise Rewind(str(failed)) from failed
            refusals = self._outbox.take_refusals()
            if refusals:
                origin, error = refusals[0]
                raise Rewind(f"a result was refused: {error}", origin, error) from error
            if not pending:
                return

    def _commit(self) -> None:
        metadata, sent_at = self._control.metadata(), monotonic_ns()
        try:
            self._sink.commit(self._safe(), metadata)
        except KafkaException as raised:
            error: KafkaError = raised.args[0]
            if error.code() in _STALE:
                raise MembershipStale(error.str(), metadata) from raised
            raise Rewind(error.str()) from raised
        self._words[PROVED] = sent_at

    def _await_membership(self, metadata: bytes) -> None:
        """The group has moved on: the supervisor's new proof is on its way here, or else this worker's end."""
        while self._control.metadata() == metadata and not self._control.draining:
            self._control.wait(PAUSE)


def begin(sink: TransactionalSink, consumer: Consumer, start: int) -> int:
    """Take the partition over: fence its last worker, end what he left open, and only then ask what is committed.

    Args:
        sink: the worker's.
        consumer: the worker's, reading committed.
        start: where to begin where nothing is committed.

    Returns:
        Where to begin.

    Raises:
        Fenced: another worker has taken over.
    """
    sink.initialise()
    found = sink.insist(lambda: consumer.committed([TopicPartition(*sink.place)], CALL_SECONDS))
    if found[0].error is not None:
        raise KafkaException(found[0].error)
    return found[0].offset if found[0].offset >= 0 else start


def _condemned(cause: Rewind) -> tuple[int, Condemned] | None:
    """Which record a refusal condemns; None where that cannot be known before its batch is handled one by one."""
    if cause.error is None:
        return None
    match cause.origin:
        case SentLetter() as sent:
            return offset_of(sent.message), Condemned(sent.error, sent.attempts, whole=sent.later)
        case Attempted(message, attempts):
            return offset_of(message), Condemned(cause.error, attempts)
        case [Message() as message]:
            return offset_of(message), Condemned(cause.error, 1)
        case Message() as message:
            return offset_of(message), Condemned(cause.error, 1)
    return None
