"""How a worker takes a partition over, exactly once: from whoever had it before, dead or not."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from workers.endings import SourceFailed
from workers.records import TopicPartition as Place
from workers.source import WAITED_OUT
from workers.transactional_sink import CALL_SECONDS, TransactionalSink

T = TypeVar("T")

AGAIN_SECONDS: Final = 0.1
"""Between two questions."""
PATIENCE_SECONDS: Final = 30.0
"""For an answer; then another worker, with clients of its own, is to ask."""

_PASSING: Final = WAITED_OUT | {
    KafkaError._WAIT_COORD,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
}
"""Errors of a moment, of which a consumer's call does not tell that they are."""


def begin(sink: TransactionalSink, consumer: Consumer, start: int) -> int:
    """Take the partition over: fence its last worker, end what he left open, and only then ask what is committed.

    Args:
        sink: the worker's.
        consumer: the worker's, reading committed.
        start: where to begin where nothing is committed, or where the log does not hold that.

    Returns:
        Where to begin.

    Raises:
        Fenced: another worker has taken over.
        SinkFailed: not allowed.
        SourceFailed: the brokers do not say what is committed.
        KafkaException: they refuse to.
    """
    sink.initialise()
    committed = _answer(sink, lambda: _committed(consumer, sink.place))
    if committed < 0 or committed == start:
        return start
    # The supervisor's start is another where the log has lost what is committed; and where it does not know of it yet.
    place = TopicPartition(*sink.place)
    first, end = _answer(sink, lambda: consumer.get_watermark_offsets(place, CALL_SECONDS))
    return committed if first <= committed <= end else start


def _answer(sink: TransactionalSink, ask: Callable[[], T]) -> T:
    until = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return sink.waiting(ask)
        except KafkaException as raised:
            error: KafkaError = raised.args[0]
            if error.code() not in _PASSING:
                raise
            if monotonic() > until:
                raise SourceFailed(f"brokers do not say what is committed: {error.str()}") from raised
        sleep(AGAIN_SECONDS)


def _committed(consumer: Consumer, place: Place) -> int:
    found = consumer.committed([TopicPartition(*place)], CALL_SECONDS)[0]
    if found.error is not None:
        raise KafkaException(found.error)
    return found.offset
