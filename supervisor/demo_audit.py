"""What the topics themselves say: each record sent, each alert, matched by sequence number.

Both are read as they grow, since the embedded broker keeps only the last few megabytes.
"""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from supervisor.demo_app import Alert
from supervisor.latencies import Latencies
from supervisor.payload import HOT_ABOVE, Reading
from workers.log import kafka_logger

_BROKER_SECONDS: Final = 5.0
_AT_ONCE: Final = 10_000
_IN_TOPIC: Final = 1
_HOT: Final = 2
_ALERTED: Final = 4


class SeenAlert(NamedTuple):
    """An alert as it was read from its topic."""

    alert: Alert
    timestamp: float
    """Seconds since the epoch at which it was produced."""
    latency: float
    """Seconds from the reading's sending to the alert's producing."""
    partition: int


class Audit:
    """An observer outside the group, with a byte of memory for each record.

    Args:
        broker: HOST:PORT.
        group: the pool's group, whose commits are looked up.
        readings: the topic that is loaded.
        alerts: the topic of the results.
    """

    def __init__(self, broker: str, group: str, readings: str, alerts: str) -> None:
        logs = kafka_logger("audit")
        self._consumer = Consumer(
            {
                "bootstrap.servers": broker,
                "group.id": group,  # to read what it committed; this consumer never joins
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 5,
                "fetch.wait.max.ms": 50,  # a question for an end offset waits behind each fetch
                "logger": logs,
                "error_cb": logs.error_cb,
            }
        )
        self._readings = readings
        self._alerts = alerts
        self._places = self._partitions(readings) + self._partitions(alerts)
        self._consumer.assign([TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in self._places])
        self._flags = bytearray()
        self.records = 0
        """Different records in the loaded topic."""
        self.hot = 0
        """Those of them above the threshold."""
        self.alerts = 0
        """Different records that were alerted."""
        self.repeated = 0
        """Alerts beyond the first one of a record."""
        self.error: str | None = None
        """Why the topics could not be read wholly; None: they could."""
        self.latencies = Latencies()

    def read(self, seconds: float = 0.0) -> list[SeenAlert]:
        """Take in what has come, waiting up to `seconds` for something; the alerts among it."""
        seen = []
        for message in self._consumer.consume(_AT_ONCE, seconds):
            if (error := message.error()) is not None:
                self.error = error.str()
            elif message.topic() == self._readings:
                self._note_reading(message)
            else:
                seen.append(self._note_alert(message))
        return seen

    def read_to_end(self, timeout: float) -> list[SeenAlert]:
        """Take in all that is in the topics now, within `timeout` seconds; else `error` says so."""
        deadline = time.monotonic() + timeout
        ends = [self._end(place) for place in self._places]
        seen: list[SeenAlert] = []
        while self.error is None and self._behind(ends):
            if time.monotonic() > deadline:
                self.error = f"the topics could not be read to their ends within {timeout:g} s"
            seen += self.read(0.05)
        return seen

    def committed(self) -> int:
        """Records of the loaded topic that the group has committed."""
        places = [p for p in self._places if p.topic == self._readings]
        return sum(max(0, p.offset) for p in self._consumer.committed(places, _BROKER_SECONDS))

    def count(self, topic: str) -> int:
        """Records that were ever written to a topic."""
        return sum(self._end(place) for place in self._partitions(topic))

    def missing(self) -> int:
        """Hot records without an alert."""
        return sum(flags & (_HOT | _ALERTED) == _HOT for flags in self._flags)

    def unfounded(self) -> int:
        """Alerts for records that are not hot, or not there."""
        return sum(flags & (_HOT | _ALERTED) == _ALERTED for flags in self._flags)

    def close(self) -> None:
        self._consumer.close()

    def _note_reading(self, message: Message) -> None:
        reading = _decode_reading(_value(message))
        if self._flag(reading.seq, _IN_TOPIC):
            self.records += 1
            if reading.temperature > HOT_ABOVE:
                self._flag(reading.seq, _HOT)
                self.hot += 1

    def _note_alert(self, message: Message) -> SeenAlert:
        alert = _decode_alert(_value(message))
        timestamp = message.timestamp()[1] / 1000
        seen = SeenAlert(alert, timestamp, max(0.0, timestamp - alert.sent_at / 1e9), message.partition() or 0)
        if self._flag(alert.seq, _ALERTED):
            self.alerts += 1
            self.latencies.add(seen.latency)
        else:
            self.repeated += 1
        return seen

    def _flag(self, seq: int, flag: int) -> bool:
        """Set a record's flag; whether it was not set before."""
        if seq >= len(self._flags):
            self._flags.extend(bytes(max(seq + 1 - len(self._flags), 4096)))
        new = not self._flags[seq] & flag
        self._flags[seq] |= flag
        return new

    def _partitions(self, topic: str) -> list[TopicPartition]:
        metadata = self._consumer.list_topics(topic, timeout=_BROKER_SECONDS).topics[topic]
        return [TopicPartition(topic, number) for number in sorted(metadata.partitions)]

    def _behind(self, ends: Sequence[int]) -> bool:
        positions = self._consumer.position(self._places)
        return any(max(0, place.offset) < end for place, end in zip(positions, ends, strict=True))

    def _end(self, place: TopicPartition) -> int:
        offsets = self._consumer.get_watermark_offsets(place, timeout=_BROKER_SECONDS)
        if offsets is None:
            raise KafkaException(f"no end offset of {place.topic}[{place.partition}] within {_BROKER_SECONDS:g} s")
        return offsets[1]


_decode_reading = msgspec.json.Decoder(Reading).decode
_decode_alert = msgspec.json.Decoder(Alert).decode


def _value(message: Message) -> bytes:
    value = message.value()
    assert isinstance(value, bytes), "both topics hold JSON"
    return value
