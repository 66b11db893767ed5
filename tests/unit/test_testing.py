"""The driver runs the worker's own task: what it shows is what a topic would."""

import time
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import App, Output, Record, Reject, Retry
from workers.endings import RecordFatal
from workers.errors import AppInvalid, StartFailed
from workers.testing import Driver, record


class Reading(msgspec.Struct):
    device_id: str
    temperature: float


class Alert(msgspec.Struct):
    device_id: str
    alert: str = "high"


HOT = Reading("a", 61.0)


@pytest.fixture
def app() -> App:
    app = App("iot", retries=Retry(attempts=3, backoff=3600, max_backoff=3600))

    @app.agent("readings", value=Reading | None, output="alerts")
    def alert(reading: Reading | None) -> Alert | Output | None:
        if reading is None:
            return Output(None, headers={"why": "deleted"})
        if reading.temperature < -273:
            raise Reject("colder than cold")
        return Alert(reading.device_id) if reading.temperature > 50 else None

    return app


def test_a_result_is_written_with_the_records_key(app: App) -> None:
    with Driver(app) as driver:
        driver.send("readings", HOT, key="a")
        driver.send("readings", Reading("b", 20.0), key="b")
        driver.send("readings", b'{"device_id":"c","temperature":70}', key=b"\xff")
    assert [(result.topic, result.key) for result in driver.results()] == [("alerts", b"a"), ("alerts", b"\xff")]
    assert [result.decode(Alert) for result in driver.results("alerts")] == [Alert("a"), Alert("c")]
    assert driver.results("elsewhere") == []
    assert driver.dead_letters() == []


def test_a_tombstone_goes_in_and_one_comes_out(app: App) -> None:
    with Driver(app) as driver:
        driver.send("readings", None, key="a")
    (result,) = driver.results()
    assert (result.key, result.value, result.header("why")) == (b"a", None, b"deleted")
    assert result.decode(Alert | None) is None
    with pytest.raises(TypeError):
        result.decode(Alert)


def test_what_fails_is_a_dead_letter_with_all_it_came_with(app: App) -> None:
    with Driver(app) as driver:
        driver.send("readings", b"{", key="a", headers={"trace": "1"}, timestamp=5)
        driver.send("readings", Reading("a", -300.0))
        driver.send("readings", HOT)
    wrong, rejected = driver.dead_letters("readings.iot.dead")
    assert (wrong.key, wrong.value, wrong.timestamp, wrong.header("trace")) == (b"a", b"{", 5, b"1")
    assert wrong.header("pool.error.class") == b"workers.errors.DecodeFailed"
    assert rejected.header("pool.error.message") == b"colder than cold"
    assert rejected.header("pool.origin.offset") == b"1"
    assert rejected.header("pool.attempts") == b"1"
    assert rejected.header("nothing") is None
    assert rejected.decode(Reading) == Reading("a", -300.0)
    assert len(driver.results()) == 1


def test_retries_follow_at_once(app: App) -> None:
    calls = iter([ConnectionError(), ConnectionError(), None])

    @app.agent("flaky", value=str)
    def flaky(_text: str) -> None:
        error = next(calls)
        if error is not None:
            raise error

    began = time.monotonic()
    with Driver(app) as driver:
        driver.send("flaky", "x")
    assert driver.dead_letters() == []
    assert next(calls, "all used") == "all used"
    assert time.monotonic() - began < 60


def test_attempts_end(app: App) -> None:
    @app.agent("broken", value=str)
    def broken(_text: str) -> None:
        raise ConnectionError("no route")

    with Driver(app) as driver:
        driver.send("broken", "x")
    (letter,) = driver.dead_letters()
    assert letter.header("pool.attempts") == b"3"


def test_a_handler_may_raise_stop_iteration(app: App) -> None:
    @app.agent("empty", value=list[int], output="out", retries=Retry(attempts=1))
    def first(numbers: list[int]) -> int:
        return next(iter(numbers))

    with Driver(app) as driver:
        driver.send_batch("empty", [[1], [], [3]])
    assert [result.decode(int) for result in driver.results()] == [1, 3]
    (letter,) = driver.dead_letters()
    assert letter.header("pool.error.class") == b"workers.errors.HandlerFailed"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), pytest.fail.Exception("must not be called")])
def test_what_ends_the_test_is_no_records_failure(app: App, interruption: BaseException) -> None:
    @app.agent("in", value=str, codec="raw")
    def interrupted(text: str) -> None:
        raise interruption

    with Driver(app) as driver:
        with pytest.raises(type(interruption)):
            driver.send("in", "a")
        assert driver.dead_letters() == []


def test_a_record_without_dead_letters_is_fatal(app: App) -> None:
    @app.agent("strict", value=str, dead_letter=None)
    def strict(_text: str) -> None:
        raise Reject("never")

    with Driver(app) as driver, pytest.raises(RecordFatal, match="offset 0: never"):
        driver.send("strict", "x")


def test_a_batch_is_handled_together_and_tried_again_one_by_one(app: App) -> None:
    sizes: list[int] = []

    @app.agent("many", value=int, output="sums", batch=3, retries=Retry(attempts=1))
    def total(numbers: list[int]) -> int:
        sizes.append(len(numbers))
        if 13 in numbers:
            raise ValueError("bad luck")
        return sum(numbers)

    with Driver(app) as driver:
        driver.send_batch("many", [1, 2, 3, 4, 13, 6, 7], key="k")
    assert sizes[:1] == [3]
    assert [result.decode(int) for result in driver.results()] == [6, 4, 6, 7]
    assert {result.key for result in driver.results()} == {None}
    assert [letter.value for letter in driver.dead_letters()] == [b"13"]


def obey(order: str) -> str | list[str] | None:
    """What a record's handler does is what its value says."""
    match order:
        case "reject":
            raise Reject(order)
        case "fail":
            raise ValueError(order)
        case "stop":
            raise StopIteration
        case "twice":
            return [order, order]
        case "ok":
            return order
        case _:
            return None


OUTCOMES = {"ok": 1, "twice": 2, "nothing": 0}
ORDERS = st.sampled_from(["ok", "twice", "nothing", "reject", "fail", "stop", b"{", None])


@given(polls=st.lists(st.lists(ORDERS, max_size=8), max_size=4), batch=st.none() | st.integers(1, 5))
def test_each_record_ends_once_in_its_results_or_as_a_dead_letter_and_in_order(
    polls: list[list[str | bytes | None]], batch: int | None
) -> None:
    app = App("group", retries=Retry(attempts=2))

    def one_batch(orders: list[str]) -> list[str]:
        made = [obey(order) for order in orders]
        return [each for some in made if some is not None for each in (some if isinstance(some, list) else [some])]

    if batch is None:
        app.agent("orders", value=str, output="out")(obey)
    else:
        app.agent("orders", value=str, output="out", batch=batch)(one_batch)
    with Driver(app) as driver:
        for orders in polls:
            driver.send_batch("orders", orders)
    sent = [order for orders in polls for order in orders]
    good = [order for order in sent if isinstance(order, str) and order in OUTCOMES]
    bad = [(str(offset).encode(), order) for offset, order in enumerate(sent) if order not in OUTCOMES]
    assert [result.decode(str) for result in driver.results()] == [
        order for order in good for _ in range(OUTCOMES[order])
    ]
    assert [(letter.header("pool.origin.offset"), letter.value) for letter in driver.dead_letters()] == [
        (offset, msgspec.json.encode(order) if isinstance(order, str) else order) for offset, order in bad
    ]


def test_an_output_says_all_it_may(app: App) -> None:
    @app.agent("any", value=int, codec="msgpack")
    def spread(number: int, source: Record) -> Iterator[Output]:
        yield Output(number, key="text", topic="a", headers=[("x", b"\xff"), ("x", None)], partition=2)
        yield Output(source.offset, key=None, topic="b")

    with Driver(app) as driver:
        driver.send("any", 5, key="k", partition=7)
        driver.send("any", 6, key="k", partition=7)
    first = driver.results("a")[0]
    assert (first.key, first.partition, first.headers) == (b"text", 2, [("x", b"\xff"), ("x", None)])
    assert first.decode(int) == 5
    assert [(result.key, result.decode(int)) for result in driver.results("b")] == [(None, 0), (None, 1)]


def test_start_and_stop_functions_run_around_it(app: App) -> None:
    steps: list[str] = []

    @app.on_start
    def database() -> Iterator[str]:
        steps.append("start")
        yield "db"
        steps.append("stop")

    @app.agent("query", value=str, output="answers")
    def query(text: str) -> str:
        return f"{app.local.database}: {text}"

    with Driver(app) as driver:
        driver.send("query", "x")
        assert steps == ["start"]
    assert steps == ["start", "stop"]
    assert driver.results("answers")[0].decode(str) == "db: x"


def test_an_app_that_cannot_start_does_not_start_here(app: App) -> None:
    @app.on_start
    def broken() -> None:
        raise OSError("no route")

    with pytest.raises(StartFailed, match="no route"), Driver(app):
        pass
    with pytest.raises(AppInvalid, match="has no agent"), Driver(App("empty")):
        pass


def test_a_topic_that_nobody_reads_is_a_mistake_of_the_test(app: App) -> None:
    with Driver(app) as driver, pytest.raises(LookupError, match=r"no agent reads topic 'reading'.* readings"):
        driver.send("reading", HOT)


def test_a_record_for_a_handler_that_is_called_directly() -> None:
    made = record(HOT, topic="t", partition=1, offset=2, key=("any", "key"), headers={"a": "1"}, timestamp=3)
    assert (made.value, made.topic, made.partition, made.offset) == (HOT, "t", 1, 2)
    assert (made.key, made.headers, made.timestamp) == (("any", "key"), [("a", b"1")], 3)
    assert (record().key, record().timestamp, record().headers) == (None, None, [])
