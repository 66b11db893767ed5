"""Transactions that fail, each in its way, by a producer that plays them: what is taken back, and what is learnt."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from tests.support.wait import wait_for
from tests.unit.messages import message
from tests.unit.task_parts import Word
from workers import App
from workers.care import Care
from workers.endings import Fenced, Rewind, SinkFailed
from workers.errors import ResultRefused
from workers.outbox import Outbox
from workers.records import TopicPartition as Place
from workers.sink import Parcel
from workers.slot import ABORTS, COMMITTABLE, END, POSITION, PROVED, SLOT_BYTES
from workers.transactional_sink import TransactionalSink
from workers.transactions import (
    BACKLOG_RECORDS,
    LONGEST_PAUSE_NS,
    RELIEF_NS,
    MembershipStale,
    TransactionalOffsets,
    begin,
)
from workers.turn import Turn

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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def parts(clock: Clock) -> Parts:
    return Parts()


def unexpected(refusals: object) -> None:
    raise AssertionError(refusals)


def abortable(code: int) -> KafkaError:
    return KafkaError(code, "no", False, False, True)


def test_results_and_position_are_one_transaction(parts: Parts, clock: Clock) -> None:
    parts.flush()
    assert parts.producer.calls == ["begin", ("produce", b"5"), ("produce", b"6"), ("offsets", 7, JOINED), "commit"]
    assert (parts.words[COMMITTABLE], parts.words[PROVED]) == (7, clock.now)


def test_what_times_out_is_repeated_until_it_is_known(parts: Parts) -> None:
    parts.producer.errors["offsets"].append(KafkaError(KafkaError._TIMED_OUT, "", False, True))
    parts.producer.errors["commit"].extend([KafkaError(KafkaError._TIMED_OUT)] * 3)
    parts.flush()
    assert parts.words[COMMITTABLE] == 7


def test_a_transaction_that_has_failed_without_a_word_is_found_out(parts: Parts) -> None:
    """Its messages are not sent any more, and no report of them comes."""
    parts.producer.pending.extend([2] * 1000)
    parts.producer.then["offsets"] = KafkaError(
        KafkaError.TOPIC_AUTHORIZATION_FAILED, "not authorized", txn_requires_abort=True
    )
    with pytest.raises(Rewind, match="not authorized"):
        parts.flush()
    assert "commit" not in parts.producer.calls


@pytest.mark.parametrize("proof", [b"", UNJOINED])
def test_without_a_proof_of_membership_nothing_is_sent_to_the_group(parts: Parts, proof: bytes) -> None:
    parts.word.proof = proof
    with pytest.raises(MembershipStale, match="has not proved"):
        parts.flush()
    assert "offsets" not in str(parts.producer.calls)
    assert parts.words[COMMITTABLE] == 5


def test_a_stale_proof_is_waited_out(parts: Parts) -> None:
    parts.producer.errors["offsets"].append(abortable(KafkaError.ILLEGAL_GENERATION))
    with pytest.raises(MembershipStale) as stale:
        parts.flush()

    def told_at_last() -> None:
        if len(parts.word.waits) == 3:
            parts.word.proof = JOINED + b"new"

    parts.word.on_wait = told_at_last
    parts.offsets.rewind(stale.value)
    assert len(parts.word.waits) == 3
    assert parts.producer.calls[-1] == "abort"
    assert (parts.words[COMMITTABLE], parts.words[ABORTS], parts.care.until) == (5, 1, 0)


def test_a_stale_proof_does_not_hold_up_a_drain(parts: Parts) -> None:
    parts.word.on_wait = parts.word.drain
    parts.offsets.rewind(MembershipStale("no", JOINED))
    assert len(parts.word.waits) == 1


@pytest.mark.parametrize("call", ["offsets", "commit"])
@pytest.mark.parametrize("code", [KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH])
def test_fenced_at_a_commit(parts: Parts, call: str, code: int) -> None:
    parts.producer.errors[call].append(KafkaError(code, "somebody else", True))
    with pytest.raises(Fenced):
        parts.flush()
    assert parts.words[COMMITTABLE] == 5


def test_fenced_at_a_result(parts: Parts) -> None:
    parts.producer.errors["produce"].append(KafkaError(KafkaError._STATE, "fenced"))
    with pytest.raises(Rewind) as cause:
        parts.send(7)
    parts.producer.errors["abort"].append(KafkaError(KafkaError._FENCED, "", True))
    with pytest.raises(Fenced):
        parts.offsets.rewind(cause.value)


@pytest.mark.parametrize(
    "raised", [KafkaException(KafkaError(KafkaError._FENCED, "", True)), SystemError("a callback")]
)
def test_fenced_while_waiting(parts: Parts, raised: Exception) -> None:
    parts.producer.fatal.append(raised)
    with pytest.raises(Rewind) as cause:
        parts.flush()
    parts.producer.errors["abort"].append(KafkaError(KafkaError._FENCED, "", True))
    with pytest.raises(Fenced):
        parts.offsets.rewind(cause.value)


def test_fenced_while_idle(parts: Parts) -> None:
    parts.flush()
    parts.producer.errors["begin"].append(KafkaError(KafkaError._FENCED, "", True))
    with pytest.raises(Fenced):
        parts.send(7)


def test_a_producer_beyond_repair_is_not_fenced(parts: Parts) -> None:
    parts.producer.errors["produce"].append(KafkaError(KafkaError._STATE, "topic authorization failed"))
    with pytest.raises(Rewind) as cause:
        parts.send(7)
    parts.producer.errors["abort"].append(KafkaError(KafkaError.INVALID_TXN_STATE, "cannot be aborted", True))
    with pytest.raises(SinkFailed, match=r"authorization failed; nor could it be aborted: .*cannot be aborted"):
        parts.offsets.rewind(cause.value)


def test_what_is_not_allowed_is_no_fence(parts: Parts) -> None:
    parts.producer.errors["init"].append(KafkaError(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "", True))
    with pytest.raises(SinkFailed, match="Write on the transactional id"):
        parts.sink.initialise()


def test_what_the_last_owner_left_open_is_asked_for_again_soon(parts: Parts) -> None:
    still_open = KafkaError(KafkaError.CONCURRENT_TRANSACTIONS, "", retriable=True)
    parts.producer.errors["init"].extend([still_open] * 7)
    parts.sink.initialise()
    assert parts.producer.init_seconds == [0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5, 0.5]


def test_a_refused_result_condemns_its_record_alone(parts: Parts) -> None:
    parts.producer.reports.append((0, KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
    with pytest.raises(Rewind) as cause:
        parts.flush()
    parts.offsets.rewind(cause.value)
    assert list(parts.care.condemned) == [5]
    assert parts.care.until == 6


def test_of_a_refused_batch_each_record_is_tried_alone(parts: Parts) -> None:
    for number in (0, 1):
        parts.producer.reports.append((number, KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)))
    with pytest.raises(Rewind) as cause:
        parts.flush()
    parts.offsets.rewind(cause.value)
    assert (parts.care.condemned, parts.care.until) == ({}, 7)
    assert parts.care.alone(5)
    assert parts.care.alone(6)

    parts.send(6)
    parts.producer.reports.append((2, KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)))
    with pytest.raises(Rewind) as cause:
        parts.flush()
    parts.offsets.rewind(cause.value)
    assert list(parts.care.condemned) == [6]


def test_what_fails_for_no_record_ends_the_worker_at_the_second_time(parts: Parts) -> None:
    for attempt in range(2):
        parts.producer.errors["offsets"].append(abortable(KafkaError.GROUP_AUTHORIZATION_FAILED))
        with pytest.raises(Rewind) as cause:
            parts.flush()
        if attempt:
            with pytest.raises(SinkFailed, match="again and again"):
                parts.offsets.rewind(cause.value)
        else:
            parts.offsets.rewind(cause.value)


def test_calls_that_wait_for_the_brokers_are_told(parts: Parts) -> None:
    seen: list[bool] = []
    parts.producer.on_commit = lambda: seen.append(parts.awaits[-1])
    parts.flush()
    assert seen == [True]
    assert not parts.awaits[-1]


def test_a_failed_call_is_over_too(parts: Parts) -> None:
    parts.producer.errors["commit"].append(KafkaError(KafkaError._FENCED, "", True))
    with pytest.raises(Fenced):
        parts.flush()
    assert not parts.awaits[-1]


def test_what_relieves_the_loop_is_waited_for_with_signs_of_life(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.transactional_sink.CALL_SECONDS", 0.01)
    parts.awaits.clear()
    held, over = threading.Event(), threading.Event()

    def relieve() -> None:
        with parts.sink.lock:
            held.set()
            assert over.wait(10)

    beside = threading.Thread(target=relieve)
    beside.start()
    assert held.wait(10)
    loop = threading.Thread(target=parts.send, args=(7,))
    loop.start()
    wait_for(lambda: len(parts.awaits) > 2, 10, "signs of life")
    assert all(parts.awaits)
    over.set()
    beside.join()
    loop.join()
    assert not parts.awaits[-1]


def test_a_slow_record_is_relieved_of_the_results_before_it(parts: Parts, clock: Clock) -> None:
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 5
    clock.now += RELIEF_NS + 1
    signs = parts.signs
    parts.word.tick()
    assert parts.signs == signs, "the handler gives none"
    assert parts.producer.calls[-2:] == [("offsets", 7, JOINED), "commit"]
    assert parts.words[COMMITTABLE] == 7
    parts.word.tick()
    parts.send(7)
    assert parts.producer.calls[-2:] == ["begin", ("produce", b"7")], "a transaction of its own"


def test_a_record_that_has_sent_something_is_not_relieved(parts: Parts, clock: Clock) -> None:
    parts.send(7)
    clock.now += RELIEF_NS + 1
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 5


def test_a_letter_that_comes_late_hides_no_result_behind_it(parts: Parts, clock: Clock) -> None:
    assert parts.sink.send(Parcel("dead", b"", None), message(b"", offset=5))
    parts.words[POSITION] = 6
    clock.now += RELIEF_NS + 1
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 5, "record 6 has sent something already"


def test_within_a_turn_the_record_in_hand_is_relieved(parts: Parts, clock: Clock) -> None:
    turn = Turn([message(b"", offset=offset) for offset in (7, 8, 9, 10)])
    parts.word.guard(turn)
    for _ in range(2):
        next(turn.records)
    turn.end()
    clock.now += RELIEF_NS + 1
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 8
    assert parts.word.looks, "how far it has got is told while brokers are waited for"


def test_a_turn_that_was_ended_relieves_nothing_that_was_not_drawn(parts: Parts, clock: Clock) -> None:
    turn = Turn([message(b"", offset=offset) for offset in (7, 8, 9, 10)])
    parts.word.guard(turn)
    next(turn.records)
    turn.end()
    assert list(turn.records) == []
    clock.now += RELIEF_NS + 1
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 7


def test_a_relief_that_fails_is_the_loops_to_deal_with(parts: Parts, clock: Clock) -> None:
    clock.now += RELIEF_NS + 1
    parts.producer.errors["offsets"].append(abortable(KafkaError.ILLEGAL_GENERATION))
    parts.word.tick()
    parts.producer.reports.append((0, KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
    parts.word.tick()
    assert parts.words[COMMITTABLE] == 5
    with pytest.raises(Rewind, match="refused"):
        parts.flush()


@pytest.mark.parametrize(
    ("position", "end", "interval"),
    [
        (7, 7 + BACKLOG_RECORDS, 100_000_000),
        (7, 8 + BACKLOG_RECORDS, 500_000_000),
        (5005, 10_005, 100_000_000),
        (5005, 10_006, 500_000_000),
    ],
)
def test_a_commit_comes_by_time_and_in_a_backlog_later(
    parts: Parts, clock: Clock, position: int, end: int, interval: int
) -> None:
    parts.words[POSITION], parts.words[END] = position, end
    clock.now += interval - 1
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 5
    clock.now += 1
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == position


@pytest.mark.parametrize(("records", "committed"), [(3, 5), (2, 7)])
def test_a_commit_comes_by_count(clock: Clock, records: int, committed: int) -> None:
    parts = Parts(records=records)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == committed


def test_a_commit_comes_early_where_there_is_nothing_more_to_read(parts: Parts) -> None:
    parts.words[END] = 7
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 7


def test_the_next_early_commit_waits_so_long_that_a_slow_broker_gets_fewer(parts: Parts, clock: Clock) -> None:
    parts.producer.on_commit = lambda: clock.passes(8_000_000)
    parts.words[END] = 7
    parts.offsets.report(unexpected, idle=False)
    parts.send(7)
    parts.words[POSITION] = parts.words[END] = 8
    clock.passes(2_999_999)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 7
    clock.passes(1)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 8


@pytest.mark.parametrize(("took", "pause"), [(400_000_000, 150_000_000), (80_000_000_000, LONGEST_PAUSE_NS)])
def test_where_commits_take_long_they_come_less_often_than_the_interval(
    parts: Parts, clock: Clock, took: int, pause: int
) -> None:
    parts.producer.on_commit = lambda: clock.passes(took)
    parts.flush()
    parts.send(7)
    parts.words[POSITION], parts.words[END] = 8, 9
    clock.passes(pause - 1)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 7
    clock.passes(1)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 8


@pytest.mark.parametrize("idle", [False, True])
def test_a_position_that_no_result_waits_for_is_committed_by_time(parts: Parts, clock: Clock, *, idle: bool) -> None:
    parts.flush()
    parts.words[POSITION] = parts.words[END] = 9
    parts.offsets.report(unexpected, idle=idle)
    assert parts.words[COMMITTABLE] == 7
    clock.passes(100_000_000)
    parts.offsets.report(unexpected, idle=idle)
    assert parts.words[COMMITTABLE] == 9


class Committed:
    """A consumer of a group that has committed `offset`, of a partition whose log goes from `first` to `end`."""

    def __init__(self, offset: int, first: int, end: int) -> None:
        self._offset = offset
        self._bounds = first, end

    def committed(self, *_: object) -> list[TopicPartition]:
        return [TopicPartition(*PLACE, self._offset)]

    def get_watermark_offsets(self, *_: object) -> tuple[int, int]:
        return self._bounds


@pytest.mark.parametrize(
    ("committed", "first", "end", "expected"),
    [
        (-1001, 0, 90, 40),
        (40, 50, 30, 40),
        (60, 0, 90, 60),
        (20, 40, 90, 40),
        (95, 40, 90, 40),
    ],
    ids=["nothing committed", "as the supervisor says", "a commit it could not see", "lost", "the log was cut"],
)
def test_where_a_worker_begins(parts: Parts, committed: int, first: int, end: int, expected: int) -> None:
    assert begin(parts.sink, cast("Consumer", Committed(committed, first, end)), 40) == expected
    assert parts.producer.calls[-1] == "init"


def test_a_record_whose_results_are_sent_in_part_is_taken_back(parts: Parts) -> None:
    parts.offsets.rewind(Rewind("in part", message(b"", offset=6), ResultRefused("too large")))
    assert list(parts.care.condemned) == [6]


def test_a_parcel_is_in_a_transaction_too(clock: Clock) -> None:
    parts = Parts()
    parts.flush()
    assert parts.sink.send(Parcel("out", b"8", None), message(b"", offset=8))
    assert parts.producer.calls[-2:] == ["begin", ("produce", b"8")]
