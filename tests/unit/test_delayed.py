"""A record that waits in retry topics stays what it was: its handler and its dead letter see where it came from."""

from collections.abc import Sequence

import pytest

from tests.unit.messages import message
from tests.unit.task_parts import Bench, Brokers
from workers import App, Record, Retry
from workers.dead_letter import envelope
from workers.endings import RecordFatal
from workers.errors import AppInvalid, ResultRefused
from workers.loading import declaration
from workers.memory import Written
from workers.origin import origin_of
from workers.sink import Parcel
from workers.slot import DEAD_LETTERS, DELAYED
from workers.source import Batch
from workers.testing import Driver
from workers.tiers import Tier

OWN = [("a", b"1"), ("pool.origin.topic", b"somebody's"), ("a", None)]
TOPICS = ["in.group.retry.10s", "in.group.retry.1m"]


class Handler:
    """Fails for its first `failures` attempts, and notes what it sees."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.records: list[Record] = []

    def __call__(self, value: bytes, record: Record) -> bytes:
        self.records.append(record)
        if len(self.records) <= self.failures:
            raise ConnectionError(f"attempt {len(self.records)}")
        return value

    def seen(self) -> list[tuple[object, ...]]:
        return [(r.topic, r.partition, r.offset, r.key, r.timestamp, r.headers) for r in self.records]


def an_app(handler: Handler, *, batch: int | None = None, dead_letter: bool = True, attempts: int = 2) -> App:
    app = App("group", retries=Retry(attempts=attempts, delayed=["10s", "1m"]))
    letters = "{topic}.{group}.dead" if dead_letter else None
    if batch is None:
        app.agent("in", value=bytes, output="out", dead_letter=letters)(handler)
    else:

        @app.agent("in", value=bytes, output="out", dead_letter=letters, batch=batch)
        def several(values: list[bytes], records: Sequence[Record]) -> list[bytes]:
            return [handler(value, record) for value, record in zip(values, records, strict=True)]

    return app


def send(driver: Driver) -> None:
    driver.send("in", b"\xff", key=b"k", headers=OWN, timestamp=1_700_000_000_123, partition=3)


@pytest.mark.parametrize("batch", [None, 5])
@pytest.mark.parametrize(("failures", "retries"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_it_succeeds_at_whichever_attempt(failures: int, retries: int, batch: int | None) -> None:
    handler = Handler(failures)
    with Driver(an_app(handler, batch=batch)) as driver:
        send(driver)
        assert [(result.value, result.topic) for result in driver.results()] == [(b"\xff", "out")]
        assert [retry.topic for retry in driver.retries()] == TOPICS[:retries]
        assert driver.dead_letters() == []
    assert set(map(repr, handler.seen())) == {repr(("in", 3, 0, "k", 1_700_000_000_123, OWN))}


def test_its_dead_letter_is_the_one_that_it_would_have_been_without_the_detour() -> None:
    with Driver(an_app(Handler(99))) as driver:
        send(driver)
        (letter,) = driver.dead_letters()
        assert len(driver.retries()) == 2
    assert (letter.key, letter.value, letter.timestamp) == (b"k", b"\xff", 1_700_000_000_123)
    assert letter.headers[:3] == OWN
    told = dict(letter.headers[3:])
    assert len(told) == len(letter.headers[3:]), "no header of the pool's is there twice"
    assert told["pool.origin.topic"] == b"in"
    assert told["pool.origin.partition"] == b"3"
    assert told["pool.origin.offset"] == b"0"
    assert told["pool.origin.timestamp"] == b"1700000000123"
    assert told["pool.attempts"] == b"6"
    assert told["pool.error.message"] == b"attempt 6"


def test_in_its_retry_topics_it_tells_the_same_and_was_written_when_it_failed() -> None:
    with Driver(an_app(Handler(99))) as driver:
        send(driver)
        first, second = driver.retries()
    assert (_told(first)["pool.attempts"], _told(second)["pool.attempts"]) == (b"2", b"4")
    assert first.timestamp is second.timestamp is None
    assert {name for name, _ in first.headers} == {name for name, _ in second.headers}
    assert _told(second)["pool.origin.offset"] == b"0"


def test_without_dead_letters_the_last_tier_ends_its_worker() -> None:
    with Driver(an_app(Handler(99), dead_letter=False)) as driver, pytest.raises(RecordFatal, match="attempt 6"):
        send(driver)


def test_what_cannot_be_decoded_does_not_wait() -> None:
    app = App("group", retries=Retry(delayed=["10s"]))
    app.agent("in", value=int)(lambda value: value)
    with Driver(app) as driver:
        driver.send("in", b"not json")
        assert len(driver.dead_letters()) == 1
        assert driver.retries() == []


def test_a_record_that_no_pool_wrote_there_is_its_own_origin() -> None:
    for headers in (None, [("pool.origin.topic", b"in")], [("pool.origin.topic", b"in"), ("pool.attempts", b"x")]):
        found = origin_of(message(b"v", topic=TOPICS[0], offset=9, headers=headers), delayed=True)
        assert (found.topic, found.offset, found.attempts, found.headers) == (TOPICS[0], 9, 0, headers or [])


def test_only_a_retry_topic_is_asked_for_its_records_origin() -> None:
    letter = envelope(message(b"v", offset=9), KeyError(), topic="x", group="g", attempts=1, failed_at_ms=0)
    found = origin_of(message(b"v", topic="x", offset=4, headers=letter.headers), delayed=False)
    assert (found.topic, found.offset, found.attempts) == ("x", 4, 0)


def test_what_the_retry_topic_refuses_is_a_dead_letter_with_all_it_has() -> None:
    def verdict(parcel: Parcel) -> ResultRefused | None:
        return ResultRefused("there is no such topic") if parcel.topic in TOPICS else None

    bench = Bench(
        an_app(Handler(99), attempts=1),
        Batch([message(b"v", offset=0)]),
        brokers=Brokers(verdict=verdict),
    )
    bench.run()
    (letter,) = bench.brokers.taken
    told = dict(letter.headers or ())
    assert (letter.topic, letter.value, told["pool.attempts"]) == ("in.group.dead", b"v", b"1")
    assert b"could not wait for its next attempt: there is no such topic" in (told["pool.error.traceback"] or b"")
    assert bench.committable == 1
    assert (bench.words[DELAYED], bench.words[DEAD_LETTERS]) == (1, 1)


def test_the_offset_passes_when_the_retry_topic_has_the_record() -> None:
    bench = Bench(an_app(Handler(99), attempts=1), Batch([message(b"v", offset=0)]))
    bench.task.turn()
    assert (bench.position, bench.committable) == (1, 0)
    bench.task.turn()
    assert bench.committable == 1
    assert [parcel.topic for parcel in bench.brokers.taken] == TOPICS[:1]


def test_the_app_tells_its_retry_topics_for_whatever_group() -> None:
    app = an_app(Handler(0))
    app.use_group("other")
    (declared,) = declaration(app).agents
    assert declared.tiers == (Tier("in.other.retry.10s", 10), Tier("in.other.retry.1m", 60))
    assert declared.reads == ("in", "in.other.retry.10s", "in.other.retry.1m")
    first, last = app.agent_for("in.other.retry.10s"), app.agent_for("in.other.retry.1m")
    assert (first.delay, first.tiers) == (10, declared.tiers[1:])
    assert (last.delay, last.tiers) == (60, ())
    with pytest.raises(LookupError, match=r"in\.group\.retry\.10s"):
        app.agent_for("in.group.retry.10s")


def test_a_retry_topic_cannot_be_an_input_too() -> None:
    app = an_app(Handler(0))
    app.agent("in.group.retry.1m", value=bytes)(lambda value: value)
    with pytest.raises(AppInvalid, match=r"in\.group\.retry\.1m, where records of topic 'in' wait"):
        app.check()


def _told(written: Written) -> dict[str, bytes | None]:
    return dict(written.headers)
