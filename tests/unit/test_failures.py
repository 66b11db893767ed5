"""Records that fail: retries, refusals that arrive late, dead letters that are refused themselves."""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError

from tests.unit.task_parts import Bench, Brokers, records
from workers import App, Reject, Retry
from workers.endings import RecordFatal, SinkFailed
from workers.errors import ResultRefused
from workers.sink import Parcel
from workers.slot import COMMITTABLE, DEAD_LETTERS, POSITION, RETRIES

DEAD = "in.group.dead"


def refuse(judge: Callable[[Parcel], bool], code: int = KafkaError.MSG_SIZE_TOO_LARGE) -> Brokers:
    """Brokers that refuse what `judge` names."""
    return Brokers(verdict=lambda parcel: ResultRefused("too large", code) if judge(parcel) else None)


def refuse_results() -> Brokers:
    return refuse(lambda parcel: parcel.topic == "out")


def echo(retries: Retry = Retry(attempts=1), dead_letter: str | None = "{topic}.{group}.dead") -> App:  # noqa: B008
    app = App("group", retries=retries, dead_letter=dead_letter)

    @app.agent("in", value=str, output="out", codec="raw")
    def same(text: str) -> list[str]:
        return text.split()

    return app


def test_a_late_refusal_passes_only_with_its_dead_letter() -> None:
    brokers = refuse(lambda parcel: parcel.topic == "out" and parcel.value == b"bad")
    bench = Bench(echo(), records(b"a", b"bad", b"c"), brokers=brokers)
    committable: list[int] = []
    brokers.on_wait = lambda: committable.append(bench.committable)
    bench.run()
    assert brokers.values() == [b"a", b"c"]
    (letter,) = brokers.letters()
    assert (letter["pool.origin.offset"], letter["pool.attempts"]) == (b"1", b"1")
    assert committable == [0, 0]
    assert bench.committable == 3


@pytest.mark.parametrize("wave", [1, 2, 100])
def test_however_many_results_of_a_record_are_refused_it_is_one_dead_letter(wave: int) -> None:
    brokers = refuse_results()
    brokers.wave = wave
    bench = Bench(echo(), records(b"a b c", b"d"), brokers=brokers)
    bench.run()
    assert [letter["pool.origin.offset"] for letter in brokers.letters()] == [b"0", b"1"]
    assert bench.committable == 2


def test_a_refusal_after_a_retry_tells_of_both_attempts() -> None:
    app, calls = App("group", retries=Retry(attempts=3, backoff=0)), []

    @app.agent("in", value=str, output="out")
    def second_time(text: str) -> str:
        calls.append(text)
        if len(calls) == 1:
            raise ConnectionError
        return text

    bench = Bench(app, records(b'"a"'), brokers=refuse_results())
    bench.run()
    assert bench.brokers.letters()[0]["pool.attempts"] == b"2"


def test_without_dead_letters_a_late_refusal_ends_the_worker_below_its_record() -> None:
    brokers = refuse(lambda parcel: parcel.value == b"bad")
    bench = Bench(echo(dead_letter=None), records(b"a", b"bad"), brokers=brokers)
    with pytest.raises(RecordFatal, match="offset 1: too large"):
        bench.run()
    assert bench.committable == 0


def test_a_letter_that_is_refused_goes_without_its_value() -> None:
    brokers = refuse(lambda parcel: parcel.value is not None)
    bench = Bench(echo(), records(b"a"), brokers=brokers)
    bench.run()
    (letter,) = brokers.letters()
    assert letter["pool.value.size"] == b"1"
    assert letter["pool.value.omitted"] == b"too large"
    assert (bench.committable, bench.words[DEAD_LETTERS]) == (1, 1)


def test_a_letter_whose_time_is_refused_goes_without_it_but_whole() -> None:
    brokers = refuse(lambda parcel: parcel.topic == "out" or parcel.timestamp > 0, KafkaError.INVALID_TIMESTAMP)
    bench = Bench(echo(), records(b"a"), brokers=brokers)
    bench.run()
    (letter,) = brokers.letters()
    assert letter["pool.timestamp.omitted"] == b"1700000000123"
    assert brokers.values(DEAD) == [b"a"]


def test_a_letter_that_nobody_takes_holds_the_offset() -> None:
    bench = Bench(echo(), records(b"a"), brokers=refuse(lambda _: True))
    with pytest.raises(SinkFailed, match="can have nothing less in it: too large"):
        bench.run()
    assert bench.committable == 0


def test_a_letter_whose_topic_is_away_keeps_its_value_and_holds_the_offset() -> None:
    """Once the topic is there again, a successor sends it whole."""
    brokers = refuse(lambda _: True, KafkaError.UNKNOWN_TOPIC_OR_PART)
    bench = Bench(echo(), records(b"a"), brokers=brokers)
    with pytest.raises(SinkFailed, match="can have nothing less in it: too large"):
        bench.run()
    assert brokers.letters() == []
    assert bench.committable == 0


def test_before_a_retry_waits_all_below_is_made_committable() -> None:
    app, committable = App("group", retries=Retry(attempts=3, backoff=1)), []

    @app.agent("in", value=str, output="out", codec="raw")
    def fail(text: str) -> str:
        if text == "bad":
            raise ValueError(text)
        return text

    bench = Bench(app, records(b"a", b"b", b"bad", b"c"))
    bench.word.on_wait = lambda: committable.append(bench.committable)
    bench.task.turn()
    assert set(committable) == {2}
    assert bench.words[RETRIES] == 2


def test_a_drain_ends_a_retry_and_the_record_is_read_again() -> None:
    app = App("group", retries=Retry(attempts=3, backoff=1))

    @app.agent("in", value=str, output="out", codec="raw")
    def fail(text: str) -> str:
        if text == "bad":
            raise ValueError(text)
        return text

    bench = Bench(app, records(b"a", b"bad", b"c"))
    bench.word.on_wait = bench.word.drain
    bench.task.run()
    assert (bench.position, bench.committable) == (1, 1)
    assert bench.brokers.taken[0].value == b"a"
    assert len(bench.brokers.taken) == 1


def batch_app(calls: list[list[str]]) -> App:
    app = App("group", retries=Retry(attempts=2, backoff=1))

    @app.agent("in", value=str, output="out", codec="raw", batch=3)
    def same(texts: list[str]) -> list[str]:
        calls.append(texts)
        if "reject" in texts:
            raise Reject("no")
        if texts == ["flaky"]:
            raise ConnectionError
        return texts

    return app


@pytest.mark.parametrize("wave", [1, 100])
def test_a_batch_with_refused_results_is_tried_again_once_one_by_one(wave: int) -> None:
    calls: list[list[str]] = []
    brokers = refuse(lambda parcel: parcel.topic == "out" and parcel.value in (b"x", b"y"))
    brokers.wave = wave
    bench = Bench(batch_app(calls), records(b"x", b"b", b"y", b"d"), brokers=brokers)
    bench.run()
    assert calls == [["x", "b", "y"], ["d"], ["x"], ["b"], ["y"]]
    assert [letter["pool.origin.offset"] for letter in brokers.letters()] == [b"0", b"2"]
    assert brokers.values() == [b"b", b"d", b"b"]
    assert bench.committable == 4


def test_while_a_passed_batch_is_tried_again_nothing_is_committable() -> None:
    calls: list[list[str]] = []
    committable: list[int] = []
    brokers = refuse(lambda parcel: parcel.value == b"x" and parcel.topic == "out")
    bench = Bench(batch_app(calls), records(b"x", b"flaky", b"c"), brokers=brokers)
    bench.word.on_wait = lambda: committable.append(bench.words[COMMITTABLE])
    bench.task.turn()
    bench.task.turn()
    assert set(committable) == {0}
    assert (bench.words[POSITION], bench.committable) == (3, 3)


def test_a_drain_does_not_leave_a_batch_with_a_refused_result_half_done() -> None:
    calls: list[list[str]] = []
    brokers = refuse(lambda parcel: parcel.value == b"x" and parcel.topic == "out")
    bench = Bench(batch_app(calls), records(b"x", b"b"), brokers=brokers)
    bench.task.turn()
    bench.word.drain()
    bench.task.run()
    assert bench.committable == 2
    assert len(brokers.letters()) == 1


def test_a_drain_in_a_retry_of_a_batch_that_was_passed_holds_its_offset() -> None:
    brokers = refuse(lambda parcel: parcel.value == b"x" and parcel.topic == "out")
    bench = Bench(batch_app([]), records(b"x", b"flaky", b"c"), brokers=brokers)
    bench.word.on_wait = bench.word.drain
    bench.task.turn()
    with pytest.raises(SinkFailed, match="it is read again"):
        bench.task.turn()
    assert bench.committable == 0


def test_a_drain_between_the_records_of_a_failed_batch_passes_only_those_that_are_done() -> None:
    app = App("group", retries=Retry(attempts=1))

    @app.agent("in", value=str, codec="raw", batch=3)
    def drain(texts: list[str]) -> None:
        if len(texts) > 1:
            raise ValueError
        if texts == ["drain"]:
            bench.word.drain()

    bench = Bench(app, records(b"a", b"drain", b"c"))
    bench.task.run()
    assert bench.committable == 2
