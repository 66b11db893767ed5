"""librdkafka's own statistics, of which a few essentials go into the worker's slot."""

import msgspec

from workers.connection import Connection
from workers.log import log
from workers.slot import FETCH_QUEUE, FETCH_QUEUE_BYTES, PRODUCE_QUEUE, RTT_US, RX_BYTES, TX_BYTES, TX_RETRIES


class _Window(msgspec.Struct):
    avg: int = 0
    cnt: int = 0


class _Broker(msgspec.Struct):
    rtt: _Window = msgspec.field(default_factory=_Window)
    txretries: int = 0
    state: str = ""
    connects: int = 0


class _Partition(msgspec.Struct):
    fetchq_cnt: int = 0
    fetchq_size: int = 0


class _Topic(msgspec.Struct):
    partitions: dict[str, _Partition] = {}


class _Statistics(msgspec.Struct):
    msg_cnt: int = 0
    tx_bytes: int = 0
    rx_bytes: int = 0
    brokers: dict[str, _Broker] = {}
    topics: dict[str, _Topic] = {}


_decode = msgspec.json.Decoder(_Statistics).decode


def _read(report: str) -> _Statistics:
    try:
        return _decode(report)
    except msgspec.DecodeError as error:
        # Raised in a callback it would end whatever call of the client it came with, and the worker.
        log.debug("statistics_unread", error=str(error))
        return _Statistics()


def _tell(connection: Connection, stats: _Statistics) -> None:
    brokers = stats.brokers.values()
    connection.report(
        up=any(broker.state == "UP" for broker in brokers), attempts=sum(broker.connects for broker in brokers)
    )


class ClientStatistics:
    """What both clients of a worker report, each at its `statistics.interval.ms`.

    Args:
        words: the worker's slot.
        backoff: the most seconds between two attempts to connect.
    """

    def __init__(self, words: memoryview, backoff: float = 0.0) -> None:
        self.source = Connection(backoff)
        """The consumer's."""
        self.sink = Connection(backoff)
        """The producer's."""
        self._words = words

    def consumer(self, report: str) -> None:
        """The consumer's `stats_cb`. Never raises."""
        stats = _read(report)
        _tell(self.source, stats)
        queues = [partition for topic in stats.topics.values() for partition in topic.partitions.values()]
        self._words[RX_BYTES] = stats.rx_bytes
        self._words[FETCH_QUEUE] = sum(queue.fetchq_cnt for queue in queues)
        self._words[FETCH_QUEUE_BYTES] = sum(queue.fetchq_size for queue in queues)

    def producer(self, report: str) -> None:
        """The producer's `stats_cb`. Never raises."""
        stats = _read(report)
        _tell(self.sink, stats)
        seen = [broker.rtt.avg for broker in stats.brokers.values() if broker.rtt.cnt]
        self._words[TX_BYTES] = stats.tx_bytes
        self._words[PRODUCE_QUEUE] = stats.msg_cnt
        self._words[TX_RETRIES] = sum(broker.txretries for broker in stats.brokers.values())
        if seen:
            self._words[RTT_US] = max(seen)
