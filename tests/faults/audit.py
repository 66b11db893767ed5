"""Reads input, results and dead letters while they grow, into the ledger, and checks each sample of the commits."""

import threading
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.faults.commit_samples import CommitSamples, Sample
from tests.faults.ledger import Ledger, Name, Place
from tests.faults.records import Done, Numbered

_BATCH: Final = 5000

Partition = tuple[str, int]


class Topics(NamedTuple):
    """The topics of a run."""

    source: str
    results: str
    dead_letters: str


class EarlyCommit(NamedTuple):
    """A record below a committed offset that had not ended."""

    partition: int
    offset: int
    committed: int
    name: Name


class MovedBack(NamedTuple):
    """A committed offset that went down."""

    partition: int
    before: int
    after: int


class Audit:
    """A reader of committed messages, in a thread of its own.

    Args:
        bootstrap: the brokers, past all proxies.
        topics: what is read.
        sizes: how many partitions each of them has.
        ledger: where all of it goes.
        samples: what the group has committed.
    """

    def __init__(
        self, bootstrap: str, topics: Topics, sizes: tuple[int, int, int], ledger: Ledger, samples: CommitSamples
    ) -> None:
        self.early: list[EarlyCommit] = []
        self.moved_back: list[MovedBack] = []
        self.checked = 0
        """Samples checked."""
        self.failure: BaseException | None = None
        self._ledger = ledger
        self._samples = samples
        self._source = topics.source
        self._reached: dict[Partition, int] = {}
        self._committed: dict[int, int] = {}
        decode = msgspec.json.Decoder(Numbered).decode
        decode_done = msgspec.json.Decoder(Done).decode
        self._takers: dict[str, Callable[[Place, bytes], None]] = {
            topics.source: lambda place, value: ledger.take_input(place, decode(value)),
            topics.results: lambda place, value: ledger.take_result(place, decode_done(value)),
            topics.dead_letters: lambda place, value: ledger.take_dead_letter(place, decode(value)),
        }
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 0,
                "group.id": "audit-without-a-group",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 5,
                "reconnect.backoff.max.ms": 500,
            }
        )
        names = [(topic, number) for topic, size in zip(topics, sizes, strict=True) for number in range(size)]
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for topic, number in names])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def finished(self, sent: int) -> bool:
        """Whether all of the `sent` records were read and have ended.

        Raises:
            RuntimeError: the topics cannot be read.
        """
        if self.failure is not None:
            raise RuntimeError("the audit cannot read the topics") from self.failure
        return self._ledger.sent == sent and self._ledger.ended >= sent

    def reached(self, sample: Sample) -> bool:
        """Whether all was read that there was at the moment of a sample."""
        source = (self._reached.get((self._source, p), 0) >= offset for p, offset in sample.committed.items())
        return all(source) and all(self._reached.get(name, 0) >= end for name, end in sample.ends.items())

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                for message in self._consumer.consume(_BATCH, 0.1):
                    self._take(message)
                while self._samples.taken and self.reached(self._samples.taken[0]):
                    self._check(self._samples.taken.popleft())
        except Exception as error:  # noqa: BLE001 - told to who asks for the end
            self.failure = error

    def _take(self, message: Message) -> None:
        topic, partition, offset, error = message.topic(), message.partition(), message.offset(), message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                assert topic is not None
                assert partition is not None
                assert offset is not None
                self._reached[topic, partition] = offset
            elif error.code() == KafkaError._AUTO_OFFSET_RESET or error.fatal():
                raise KafkaException(error)
            return
        assert topic is not None
        assert partition is not None
        assert offset is not None
        self._reached[topic, partition] = offset + 1
        self._takers[topic](Place(topic, partition, offset), message.value() or b"")

    def _check(self, sample: Sample) -> None:
        self.checked += 1
        for partition, committed in sample.committed.items():
            before = self._committed.get(partition, 0)
            if committed < before:
                self.moved_back.append(MovedBack(partition, before, committed))
            for offset, name in self._ledger.unfinished(partition, before, committed, sample.ends):
                self.early.append(EarlyCommit(partition, offset, committed, name))
            self._committed[partition] = committed
