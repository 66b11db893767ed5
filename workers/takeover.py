"""How a worker takes a partition over, exactly once: from whoever had it before, dead or not."""

from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from workers.records import TopicPartition as Place
from workers.source import WAITED_OUT
from workers.transactional_sink import CALL_SECONDS, TransactionalSink

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
        KafkaException: it cannot be.
    """
    sink.initialise()
    committed = sink.insist(lambda: _committed(consumer, sink.place), _PASSING)
    if committed < 0 or committed == start:
        return start
    # The supervisor's start is another where the log has lost what is committed; and where it does not know of it yet.
    place = TopicPartition(*sink.place)
    first, end = sink.insist(lambda: consumer.get_watermark_offsets(place, CALL_SECONDS), _PASSING)
    return committed if first <= committed <= end else start


def _committed(consumer: Consumer, place: Place) -> int:
    found = consumer.committed([TopicPartition(*place)], CALL_SECONDS)[0]
    if found.error is not None:
        raise KafkaException(found.error)
    return found.offset
