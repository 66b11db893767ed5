"""Transactional offsets on a producer that plays every failure, and on a clock that a test turns."""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from tests.unit.messages import message
from tests.unit.task_parts import Word
from workers import App
from workers.care import Care
from workers.outbox import Outbox
from workers.records import TopicPartition as Place
from workers.slot import COMMITTABLE, END, POSITION, SLOT_BYTES
from workers.transactional_sink import TransactionalSink
from workers.transactions import TransactionalOffsets

PLACE = Place("in", 3)
JOINED = b"CGMDv2:" + (7).to_bytes(4, "little") + b"group\0member\0"
UNJOINED = b"CGMDv2:" + (-1).to_bytes(4, "little", signed=True) + b"group\0\0"

app = App("group")


@app.agent("in", value=bytes, output="out")
def passed(value: bytes) -> bytes:
    return value


class Transactions:
    """A transactional producer that does as it is told."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.init_seconds: list[float] = []
        """How long each call for the id was told to wait."""
        self.on_commit: Callable[[], None] = lambda: None
        self.pending: deque[int] = deque()
        """How many messages are still on their way after the next flushes."""
        self.fatal: list[Exception] = []
        """What the next flush raises, as the client does where its producer has failed for good."""
        self.errors: dict[str, deque[KafkaError]] = defaultdict(deque)
        """What the next calls of a function fail with."""
        self.then: dict[str, KafkaError] = {}
        """What a function fails with from its second call on."""
        self.reports: deque[tuple[int, KafkaError]] = deque()
        """Which of the messages sent, by its number, the brokers refuse at the next flush or poll."""
        self._sent: list[Callable[[KafkaError, Message], None]] = []

    def produce(self, _topic: str, value: bytes, *rest: Any, **named: Any) -> None:
        self._call("produce", value)
        self._sent.append(named.get("on_delivery") or rest[2])

    def flush(self, _: float) -> int:
        if self.fatal:
            raise self.fatal.pop()
        self.poll(0)
        return self.pending.popleft() if self.pending else 0

    def poll(self, _: float) -> None:
        while self.reports:
            number, error = self.reports.popleft()
            self._sent[number](error, message(b"refused", topic="out"))

    def begin_transaction(self) -> None:
        self._call("begin")

    def send_offsets_to_transaction(self, offsets: list[TopicPartition], metadata: bytes, _: float) -> None:
        self._call("offsets", offsets[0].offset, metadata)

    def commit_transaction(self, _: float) -> None:
        self.on_commit()
        self._call("commit")

    def abort_transaction(self, _: float) -> None:
        self._call("abort")

    def init_transactions(self, seconds: float) -> None:
        self.init_seconds.append(seconds)
        self._call("init")

    def __len__(self) -> int:
        return 0

    def _call(self, name: str, *arguments: Any) -> None:
        if self.errors[name]:
            raise KafkaException(self.errors[name].popleft())
        if name in self.then and any(call[0] == name for call in self.calls):
            raise KafkaException(self.then[name])
        self.calls.append((name, *arguments) if arguments else name)


class Clock:
    """The monotonic clock, as a test turns it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 10**12
        for module in ("transactions", "transactional_sink", "offsets", "outbox"):
            monkeypatch.setattr(f"workers.{module}.monotonic_ns", lambda: self.now)

    def passes(self, nanoseconds: int) -> None:
        self.now += nanoseconds


class Proved(Word):
    """A supervisor that is a member."""

    def __init__(self) -> None:
        super().__init__()
        self.proof = JOINED

    def metadata(self) -> bytes:
        return self.proof


class Parts:
    """Transactional offsets with all that they touch; records 5 and 6 are handled, with a result each."""

    def __init__(self, *, records: int | None = None) -> None:
        self.producer = Transactions()
        self.signs = 0
        self.awaits: list[bool] = []
        self.sink = TransactionalSink(cast("Producer", self.producer), PLACE, self.alive)
        self.words = memoryview(bytearray(SLOT_BYTES)).cast("q")
        self.word = Proved()
        self.care = Care(0)
        outbox = Outbox(app.agents["in"], self.sink, self.words, self.word, atomic=True)
        self.offsets = TransactionalOffsets(
            outbox, self.sink, self.words, self.word, self.care, interval=0.1, records=records, proof_interval=5
        )
        self.words[COMMITTABLE], self.words[END] = 5, 1000
        for offset in (5, 6):
            self.send(offset)
        self.words[POSITION] = 7

    def alive(self, *, awaits: bool) -> None:
        self.signs += 1
        self.awaits.append(awaits)

    def send(self, offset: int) -> None:
        assert self.sink.send_value("out", b"%d" % offset, None, message(b"", offset=offset))

    def flush(self) -> None:
        self.offsets.flush(unexpected)


def unexpected(refusals: object) -> None:
    raise AssertionError(refusals)


def abortable(code: int) -> KafkaError:
    return KafkaError(code, "no", False, False, True)
