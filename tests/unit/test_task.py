"""What the task promises: an offset is committable when all below it is acknowledged, and nothing is passed over."""

import asyncio
import gc
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.messages import message
from tests.unit.task_parts import Bench, Brokers, records
from workers import App, Output, Record, Retry
from workers.endings import RecordFatal
from workers.records import TopicPartition
from workers.slot import BATCH, HANDLER, LATENCY, POLLED, RECORDS, RESULTS
from workers.source import Batch
from workers.task import LONGEST_MS


def make_app(retries: Retry = Retry(attempts=1)) -> App:  # noqa: B008 - frozen
    return App("group", retries=retries)


def echo() -> App:
    """Each record's text is its result; of an empty one, none."""
    app = make_app()

    @app.agent("in", value=str, output="out", codec="raw")
    def same(text: str) -> str | None:
        return text or None

    return app


def test_without_results_all_that_is_handled_is_committable() -> None:
    bench = Bench(echo(), records(b"", b"", b""))
    bench.task.turn()
    assert (bench.position, bench.committable) == (3, 3)
    assert bench.brokers.waits == 0


def test_a_result_that_is_not_acknowledged_holds_the_offset() -> None:
    bench = Bench(echo(), records(b"a", b""))
    bench.task.turn()
    assert (bench.position, bench.committable) == (2, 0)
    bench.task.turn()  # finds nothing, and so has time to wait for acknowledgements
    assert bench.brokers.values() == [b"a"]
    assert bench.committable == 2


def test_results_are_flushed_when_their_time_is_up() -> None:
    bench = Bench(echo(), records(b"a"), flush_interval=0)
    bench.task.turn()
    assert (bench.committable, bench.brokers.waits) == (1, 1)


def test_a_flush_waits_for_the_last_acknowledgement() -> None:
    bench = Bench(echo(), records(b"a", b"b", b"c"))
    bench.brokers.wave = 1
    seen: list[int] = []
    bench.brokers.on_wait = lambda: seen.append(bench.committable)
    bench.run()
    assert seen == [0, 0, 0]
    assert bench.committable == 3


def test_a_full_queue_is_waited_for() -> None:
    bench = Bench(echo(), records(b"a", b"b", b"c"))
    bench.brokers.room = 1
    bench.run()
    assert bench.brokers.values() == [b"a", b"b", b"c"]
    assert bench.committable == 3


def test_the_end_behind_markers_is_committable_once_all_before_it_is() -> None:
    bench = Bench(echo(), records(b"a", b"b", offsets=[4, 5], end=8))
    bench.task.turn()
    assert (bench.position, bench.committable, bench.words[POLLED]) == (8, 0, 6)
    bench.task.turn()
    assert bench.committable == 8


def test_an_end_that_records_of_the_same_poll_have_passed_is_no_step_back() -> None:
    bench = Bench(echo(), records(b"", b"", end=1), Batch([], 2))
    bench.task.turn()
    bench.task.turn()
    assert bench.position == 2


def test_a_drain_before_the_last_record_keeps_the_end_away() -> None:
    app = make_app()

    @app.agent("in", value=str, codec="raw")
    def drain_at(text: str) -> None:
        if text == "drain":
            bench.word.drain()

    bench = Bench(app, records(b"", b"drain", b"", offsets=[3, 5, 6], end=9))
    bench.task.run()
    assert (bench.position, bench.committable) == (6, 6)


@pytest.mark.parametrize("takes_record", [False, True])
def test_missing_offsets_are_no_records(*, takes_record: bool) -> None:
    app, seen = make_app(), []
    if takes_record:

        @app.agent("in", value=str, codec="raw")
        def handle_record(text: str, source: Record) -> None:
            seen.append((source.offset, bench.word.in_hand()))
            if source.offset == 14:
                raise ValueError(text)

    else:

        @app.agent("in", value=str, codec="raw")
        def handle(text: str) -> None:
            offset = int(text)
            seen.append((offset, bench.word.in_hand()))
            if offset == 14:
                raise ValueError(text)

    offsets = [10, 14, 15, 40]
    bench = Bench(app, records(*(b"%d" % offset for offset in offsets), offsets=offsets))
    bench.run()
    assert seen == [(10, 10), (14, 14), (15, 15), (40, 40)]
    assert bench.committable == 41
    assert [letter["pool.origin.offset"] for letter in bench.brokers.letters()] == [b"14"]


def test_a_turn_that_takes_long_is_ended_reported_and_gone_on_with() -> None:
    app, reported = make_app(), []

    @app.agent("in", value=str, codec="raw")
    def end_turn(_text: str) -> None:
        reported.append(bench.committable)
        bench.word.end_turn()

    bench = Bench(app, records(b"", b"", b""))
    bench.task.turn()
    assert reported == [0, 1, 2]
    assert bench.committable == 3


def test_it_rests_while_nothing_is_at_hand() -> None:
    app, resting = make_app(), []

    @app.agent("in", value=str, codec="raw")
    def note(_text: str) -> None:
        resting.append(bench.word.resting)

    bench = Bench(app, Batch([]), records(b""))
    for _ in range(3):
        bench.task.turn()
        resting.append(bench.word.resting)
    assert resting == [True, False, False, True]


def test_an_exception_that_counts_as_false_is_a_failure() -> None:
    class Nothing(Exception):
        def __bool__(self) -> bool:
            return False

    app = make_app()

    @app.agent("in", value=str, codec="raw")
    def fail(text: str) -> None:
        if text == "bad":
            raise Nothing

    bench = Bench(app, records(b"a", b"bad", b"b"))
    bench.run()
    assert [letter["pool.origin.offset"] for letter in bench.brokers.letters()] == [b"1"]
    assert bench.committable == 3


def test_a_stop_iteration_is_a_failure_also_where_the_turn_was_ended() -> None:
    app = make_app()

    @app.agent("in", value=str, codec="raw")
    def stop(text: str) -> None:
        if text == "stop":
            bench.word.end_turn()
            raise StopIteration

    bench = Bench(app, records(b"a", b"stop", b"b"))
    bench.run()
    assert [letter["pool.origin.offset"] for letter in bench.brokers.letters()] == [b"1"]
    assert bench.committable == 3


FAST = {b'{"n":1}': 1, b'{"n":-7}': -7, b"{": None, b"": None, None: None, b'{"n":"x"}': None, b'{"n":0}': None}
"""Values, each with what comes of it; None: a dead letter."""


@given(values=st.lists(st.sampled_from(list(FAST))), record=st.booleans(), batch=st.sampled_from([None, 1, 3]))
def test_whatever_way_a_record_goes_the_same_comes_of_it(
    values: list[bytes | None], record: bool, batch: int | None
) -> None:
    app = make_app()

    def invert(reading: dict[str, int]) -> int:
        return reading["n"] * reading["n"] // reading["n"]

    def invert_with_record(reading: dict[str, int], source: Record) -> int:
        assert source.value is reading
        return invert(reading)

    def invert_batch(readings: list[dict[str, int]]) -> list[int]:
        return [invert(reading) for reading in readings]

    if batch is not None:
        app.agent("in", value=dict[str, int], output="out", batch=batch)(invert_batch)
    elif record:
        app.agent("in", value=dict[str, int], output="out")(invert_with_record)
    else:
        app.agent("in", value=dict[str, int], output="out")(invert)
    bench = Bench(app, records(*values) if values else Batch([]))
    bench.run()
    good = [result for value in values if (result := FAST[value]) is not None]
    assert bench.brokers.values() == [b"%d" % result for result in good]
    bad = [b"%d" % offset for offset, value in enumerate(values) if FAST[value] is None]
    assert [letter["pool.origin.offset"] for letter in bench.brokers.letters()] == bad
    assert bench.committable == len(values)


def test_sys_exit_in_a_handler_is_its_records_failure() -> None:
    app = make_app(Retry(attempts=3))
    calls: list[str] = []

    @app.agent("in", value=str, codec="raw")
    def leave(text: str) -> None:
        calls.append(text)
        if text == "exit":
            raise SystemExit(2)

    bench = Bench(app, records(b"exit", b"b"))
    bench.run()
    (letter,) = bench.brokers.letters()
    assert letter["pool.error.class"] == b"workers.errors.HandlerFailed"
    assert b"sys.exit(2)" in letter["pool.error.message"]
    assert calls == ["exit", "b"]
    assert bench.committable == 2


@pytest.mark.parametrize("batch", [None, 1])
def test_what_is_no_exception_is_its_records_failure_too(batch: int | None) -> None:
    """It would end the worker by its own decision, so no record would be blamed, and every worker after it."""
    app = make_app(Retry(attempts=2, backoff=0))
    calls: list[object] = []

    def cancelled(value: Any) -> None:
        calls.append(value)
        if value in ("a", ["a"]):
            raise asyncio.CancelledError

    app.agent("in", value=str, codec="raw", batch=batch)(cancelled)
    bench = Bench(app, records(b"a", b"b"))
    bench.run()
    (letter,) = bench.brokers.letters()
    assert letter["pool.error.message"] == b"the handler raised CancelledError, which is no Exception"
    assert letter["pool.attempts"] == b"2"
    assert bench.committable == 2


def test_a_value_that_interrupts_its_decoding_is_its_records_failure() -> None:
    class Strict(msgspec.Struct):
        text: str

        def __post_init__(self) -> None:
            if self.text == "a":
                raise asyncio.CancelledError

    app = make_app(Retry(attempts=2, backoff=0))
    app.agent("in", value=Strict, output="out")(lambda strict: strict)
    bench = Bench(app, records(b'{"text":"a"}', b'{"text":"b"}'))
    bench.run()
    (letter,) = bench.brokers.letters()
    assert letter["pool.error.class"] == b"workers.errors.DecodeFailed"
    assert bench.brokers.values() == [b'{"text":"b"}']
    assert bench.committable == 2


@pytest.mark.parametrize("batch", [None, 1])
def test_a_tombstone_gets_as_many_attempts_as_any_record(batch: int | None) -> None:
    app = make_app(Retry(attempts=2, backoff=0))
    calls: list[object] = []

    def fail(value: object) -> None:
        calls.append(value)
        raise ValueError

    if batch is None:
        app.agent("in", value=str | None)(fail)
    else:
        app.agent("in", value=str | None, batch=batch)(fail)
    bench = Bench(app, records(None))
    bench.run()
    assert len(calls) == 2
    assert bench.brokers.letters()[0]["pool.attempts"] == b"2"


def test_an_empty_topic_does_not_stand_for_the_agents_own() -> None:
    app = make_app()

    @app.agent("in", value=str, output="out")
    def nowhere(text: str) -> Output:
        return Output(text, topic="")

    bench = Bench(app, records(b'"a"'))
    bench.run()
    assert [parcel.topic for parcel in bench.brokers.taken] == [""]


def test_what_is_counted() -> None:
    app = make_app()

    @app.agent("in", value=int, output="out")
    def divide(number: int) -> list[float]:
        return [1 / number] * 2

    bench = Bench(app, records(b"1", b"0", b"{", b"2", b"3"), brokers=Brokers(at_once=True))
    bench.run()
    assert bench.words[RECORDS] == 5
    assert bench.words[RESULTS] == 6
    # What goes the careful way, with its waits, says nothing about the handler's time.
    assert sum(bench.words[bucket] for bucket in HANDLER.buckets) == 3
    assert sum(bench.words[bucket] for bucket in BATCH.buckets) == 2


def test_a_record_still_knows_its_partition() -> None:
    app, places = make_app(), []

    @app.agent("in", value=str, codec="raw")
    def note(_text: str, source: Record) -> None:
        places.append(TopicPartition(source.topic, source.partition))

    Bench(app, records(b"")).run()
    assert places == [TopicPartition("in", 3)]


def test_of_a_result_that_cannot_be_sent_in_part_nothing_is() -> None:
    app = make_app()

    @app.agent("in", value=str, output="out", codec="raw")
    def two(text: str) -> list[Output]:
        return [Output(text), Output(text, headers={"n": 5})]  # type: ignore[dict-item]  # what the test is about

    bench = Bench(app, records(b"a"))
    bench.run()
    assert bench.brokers.values() == []
    (letter,) = bench.brokers.letters()
    assert b"a header is ('n', 5)" in letter["pool.error.message"]


def test_what_was_polled_and_is_left_by_a_drain_is_in_nobodys_hand() -> None:
    app = make_app()

    @app.agent("in", value=str, codec="raw")
    def drain(_text: str) -> None:
        bench.word.drain()

    bench = Bench(app, records(b"", b"", b""))
    bench.task.run()
    assert (bench.position, bench.words[POLLED]) == (1, 1)


@pytest.mark.parametrize("batch", [None, 1])
def test_what_came_before_a_record_that_ends_the_worker_is_done(batch: int | None) -> None:
    app = make_app()

    def same(texts: Any) -> Any:
        if texts in ("bad", ["bad"]):
            raise ValueError(texts)
        return texts

    app.agent("in", value=str, output="out", codec="raw", dead_letter=None, batch=batch)(same)
    bench = Bench(app, records(b"a", b"b", b"bad", b"c"))
    with pytest.raises(RecordFatal, match="offset 2: "):
        bench.run()
    assert bench.brokers.values() == [b"a", b"b"]
    assert bench.committable == 2


@pytest.mark.parametrize("batch", [None, 1, 2])
def test_a_record_that_failed_keeps_nothing_in_memory(batch: int | None) -> None:
    app, failed = make_app(Retry(attempts=2, backoff=0)), set[str]()

    def fail_once(texts: str | list[str]) -> None:
        if str(texts) not in failed:
            failed.add(str(texts))
            raise ValueError(texts)

    app.agent("in", value=str, codec="raw", batch=batch)(fail_once)
    polled = records(b"a", b"b", b"c", b"d")
    bench = Bench(app, polled)
    gc.collect()
    gc.disable()
    try:
        before = [*map(sys.getrefcount, polled.messages)]
        bench.task.turn()
        assert bench.committable == 4
        assert [*map(sys.getrefcount, polled.messages)] == before
    finally:
        gc.enable()


def test_a_time_of_long_ago_does_not_fill_what_is_counted() -> None:
    bench = Bench(echo(), Batch([message(b"", offset=0, timestamp=5)]))
    bench.task.turn()
    assert bench.words[LATENCY.sum] == LONGEST_MS
