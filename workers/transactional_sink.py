"""Producing in transactions: what is sent is seen when its transaction is committed, or never."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from threading import RLock
from time import monotonic_ns
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from workers.connection import GIVEN_UP, Connection
from workers.endings import Fenced, Rewind, SinkFailed
from workers.errors import ResultRefused
from workers.records import TopicPartition as Place
from workers.refusals import last_offset
from workers.sink import BATCH_ERRORS, KafkaSink, Parcel, Refusal, Sent, failure_of

T = TypeVar("T")


class Alive(Protocol):
    """Gives a sign of life; `awaits` tells whether what follows waits for the brokers, and not for a record."""

    def __call__(self, *, awaits: bool) -> None: ...


CALL_SECONDS: Final = 0.5
"""How long a call of the transactional producer is told to block before the worker gives a sign of life. While brokers
are away it may not return for many seconds more."""

FIRST_CALLS: Final = (0.02, 0.04, 0.08, 0.16, 0.32)
"""The same for the first calls for a transactional id. What its last owner left open is ended in some milliseconds, but
the client waits 500 of them before it asks again, unless it is called again."""

_FATAL: Final = (KafkaException, SystemError)
"""What the client raises, once, wherever it serves callbacks, when its producer has failed for good: the latter where a
callback was called with the former already set. The next call that commits, aborts or begins tells why."""

_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.FENCED_INSTANCE_ID,
    }
)


class TakenBack(NamedTuple):
    """What an aborted transaction had been refused."""

    refused: list[Refusal]
    suspected: list[Refusal]
    """Messages of refused batches: any of them may be the one at fault."""


class TransactionalSink(KafkaSink):
    """A sink whose messages belong to a transaction, begun with the first of them: so none is open while idle.

    A refused message spoils its transaction: nothing is sent again within it.

    Args:
        producer: with a `transactional.id`.
        place: the partition whose position is committed.
        alive: gives a sign of life, and tells whether what follows waits for the brokers.
        connection: as `KafkaSink`.
    """

    def __init__(self, producer: Producer, place: Place, alive: Alive, connection: Connection | None = None) -> None:
        super().__init__(producer, connection)
        self.place = place
        self.lock = RLock()
        """Held by whoever sends, commits or aborts: the worker's loop (see `held`), or what relieves it."""
        self.latest: Any = None
        """On whose behalf messages of the transaction were sent: the record furthest on."""
        self.opened_at: int | None = None
        """Since when the transaction is open, in nanoseconds of the monotonic clock."""
        self.beside: Callable[[], None] | None = None
        """In place of a sign of life, where it is not the worker's loop that calls; None: it is."""
        self.meanwhile: Callable[[], None] | None = None
        """Called again and again while the worker's loop waits for the brokers."""
        self._suspected: list[Refusal] = []
        self._alive = alive

    def initialise(self) -> None:
        """Fence whoever has used this `transactional.id`, and bring to its end what he left open.

        Raises:
            Fenced: fenced in turn.
            SinkFailed: not allowed.
            KafkaException: it cannot be.
        """
        waits = chain(FIRST_CALLS, repeat(CALL_SECONDS))
        self.insist(lambda: self._producer.init_transactions(next(waits)))

    def send(self, parcel: Parcel, origin: Any) -> bool:
        with self.held():
            try:
                self._begin(origin)
                return super().send(parcel, origin)
            except (SinkFailed, KafkaException) as failed:
                # It is spoilt already, or somebody has taken over: to abort it tells which.
                raise Rewind(str(failed)) from failed

    def send_value(self, topic: str, value: bytes | None, key: bytes | None, origin: Any) -> bool:
        # The hot path: as `send`, without a context manager and calls of its own, which would be most of its cost.
        if not self.lock.acquire(False):
            self._await_lock()
        try:
            if self.opened_at is None:
                self._open()
            self.latest = origin
            self._give(topic, value, key, -1, Sent(self, origin))
        except BufferError:
            return False
        except KafkaException as raised:
            failed = failure_of(raised.args[0], topic)
            if isinstance(failed, ResultRefused):
                raise failed from raised
            raise Rewind(str(failed)) from raised
        finally:
            self.lock.release()
        return True

    @contextmanager
    def held(self) -> Iterator[None]:
        """For the worker's loop: the lock."""
        if not self.lock.acquire(blocking=False):
            self._await_lock()
        try:
            yield
        finally:
            self.lock.release()

    def wait(self, seconds: float) -> int:
        try:
            return super().wait(seconds)
        except _FATAL as raised:
            raise Rewind(str(raised)) from raised

    def offer(self, position: int, metadata: bytes) -> None:
        """Have the input's position committed with what is open; messages may still be on their way.

        Raises:
            Fenced: another worker has taken over, or the transaction was open for too long.
            KafkaException: the transaction has failed, for whatever reason, and must be aborted.
        """
        if self.opened_at is None:
            self._begin(None)
        offsets = [TopicPartition(*self.place, position)]
        try:
            self._send_offsets(offsets, metadata)
        except KafkaException as raised:
            if raised.args[0].code() == KafkaError._STATE:
                # It failed meanwhile; asked again, the client says why.
                self._send_offsets(offsets, metadata)
            raise

    def trouble(self, position: int, metadata: bytes) -> str | None:
        """Why what is open has failed, in the client's words: its messages' errors may only be what followed.

        Raises:
            Fenced, SinkFailed: as `offer`.
        """
        if self.opened_at is None:
            return None
        try:
            self.offer(position, metadata)
        except KafkaException as raised:
            told: str = raised.args[0].str()
            return told
        return None

    def commit(self) -> None:
        """Commit what is open.

        Raises:
            as `offer`.
        """
        self.insist(lambda: self._producer.commit_transaction(CALL_SECONDS))
        self.opened_at = None

    def abort(self) -> TakenBack:
        """Take back what is open, and forget what failed with it.

        Raises:
            Fenced, SinkFailed: as `insist`.
        """
        self._serve()
        if self.opened_at is not None:
            self.insist(lambda: self._producer.abort_transaction(CALL_SECONDS))
        self.opened_at = None
        self._serve()  # what was purged is told as failed
        taken_back = TakenBack(self.refusals, self._suspected)
        self._suspected = []
        self.forget()
        return taken_back

    @property
    def spoilt(self) -> ResultRefused | None:
        """The first refusal, where anything of the transaction was refused."""
        known = [*self.refusals, *self._suspected]
        return known[0].error if known else None

    def insist(self, call: Callable[[], T]) -> T:
        """Repeat a call until it is known how it ended, however long the brokers take.

        Raises:
            Fenced: another worker has taken over, or the transaction was open for too long.
            SinkFailed: not allowed, or the producer is beyond repair.
            KafkaException: it failed.
        """
        while True:
            try:
                return self.waiting(call)
            except SystemError:
                continue  # the next call fails with what is the matter
            except KafkaException as raised:
                error: KafkaError = raised.args[0]
                if error.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
                    raise SinkFailed(f"{error.str()}: allow this user Write on the transactional id") from raised
                if error.code() in _FENCED:
                    raise Fenced(f"{error.name()}: {error.str()}") from raised
                if error.fatal():
                    raise SinkFailed(f"{error.name()}: {error.str()}") from raised
                if not (error.retriable() or error.code() == KafkaError._TIMED_OUT):
                    raise
                self._serve()
                if self.meanwhile is not None and self.beside is None:
                    self.meanwhile()
                if self._connection.given_up:
                    raise SinkFailed(GIVEN_UP) from raised

    def _await_lock(self) -> None:
        self._alive(awaits=True)
        self.lock.acquire()  # who holds it gives the signs of life: a call of his may never end
        self._alive(awaits=False)

    def waiting(self, call: Callable[[], T]) -> T:
        """Make a call that may take much longer than it was told to, while brokers are away."""
        if self.beside is not None:
            self.beside()
            return call()
        self._alive(awaits=True)
        try:
            return call()
        finally:
            self._alive(awaits=False)

    def _send_offsets(self, offsets: list[TopicPartition], metadata: bytes) -> None:
        self.insist(lambda: self._producer.send_offsets_to_transaction(offsets, metadata, CALL_SECONDS))

    def _serve(self) -> None:
        """Hear of what has become of messages, and of the connection."""
        with suppress(*_FATAL):
            self._producer.poll(0)

    def _begin(self, origin: Any) -> None:
        if self.opened_at is None:
            self._open()
        if last_offset(origin) >= last_offset(self.latest):  # a letter may come late
            self.latest = origin

    def _open(self) -> None:
        self.latest = None
        self.insist(self._producer.begin_transaction)  # no request: the first message opens it at the broker
        self.opened_at = monotonic_ns()

    def failed(self, parcel: Parcel, origin: Any, error: KafkaError, message: Message) -> None:
        failure = failure_of(error, parcel.topic)
        if error.code() in BATCH_ERRORS and isinstance(failure, ResultRefused):
            self._suspected.append(Refusal(origin, failure))
        else:
            self._refused(origin, error, message)
