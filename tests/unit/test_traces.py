"""Errors hold what was in their frames: it is let go of as soon as a letter tells of them, whoever keeps the error."""

import gc
from concurrent.futures import Future
from weakref import ref

import pytest

from tests.unit.guard_parts import Partition
from tests.unit.task_parts import Bench, Brokers, records
from workers import App, Reject, Retry
from workers.endings import RecordFatal
from workers.errors import ResultRefused
from workers.slot import DEAD_LETTERS, DELAYED

BAD = Reject("bad")
NO = (b'"no"',) * 8


class Held:
    """What a handler has in hand."""


def app_of(error: Exception, *, batch: int | None = None, retries: Retry = Retry(attempts=1)) -> App:  # noqa: B008
    """An app that raises the same error for each "no"."""
    app = App("group", retries=retries)
    if batch is None:

        @app.agent("in", value=str, output="out", codec="json")
        def one(text: str) -> str:
            if text == "no":
                raise error
            return text
    else:

        @app.agent("in", value=str, output="out", codec="json", batch=batch)
        def several(texts: list[str]) -> list[str]:
            if "no" in texts:
                raise error
            return texts

    return app


def traces(bench: Bench) -> list[bytes]:
    return [letter["pool.error.traceback"] for letter in bench.brokers.letters()]


@pytest.mark.parametrize("delayed", [[], ["1m"]])
def test_a_letter_on_its_way_holds_nothing_of_the_handlers(delayed: list[str]) -> None:
    app, held = App("group", retries=Retry(attempts=1, delayed=delayed)), list[ref[Held]]()

    @app.agent("in", value=str)
    def fail(text: str) -> None:
        mine = Held()
        held.append(ref(mine))
        try:
            dict[str, str]()[text]
        except KeyError as error:
            raise ValueError(mine) from error

    bench = Bench(app, records(*NO))
    bench.task.turn()
    gc.collect()
    assert bench.brokers.pending() == len(NO)
    assert bench.words[DELAYED if delayed else DEAD_LETTERS] == len(NO)
    assert [one() for one in held] == [None] * len(NO)


@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize("retries", [Retry(attempts=1), Retry(attempts=3, backoff=0)])
@pytest.mark.parametrize("error", [BAD, ConnectionError("stored")])
def test_an_error_that_is_raised_again_and_again_tells_of_the_last_time(
    error: Exception, retries: Retry, batch: int | None
) -> None:
    bench = Bench(app_of(error, retries=retries, batch=batch), records(*NO))
    bench.run()
    assert error.__traceback__ is None
    assert len(traces(bench)) == len(NO)
    assert all(trace.count(b"raise error") == 1 for trace in traces(bench))


def test_neither_does_it_grow_in_what_it_led_to() -> None:
    stored, app = Future[str](), App("group", retries=Retry(attempts=2, backoff=0))
    failed = ConnectionError("stored")
    stored.set_exception(failed)

    @app.agent("in", value=str)
    def fail(_: str) -> None:
        try:
            stored.result()
        except ConnectionError as error:
            raise RuntimeError from error

    bench = Bench(app, records(*NO))
    bench.run()
    assert failed.__traceback__ is None
    assert {trace.count(b"stored.result()") for trace in traces(bench)} == {1}


def test_it_is_let_go_where_another_attempt_succeeds() -> None:
    app, error, tries = App("group", retries=Retry(attempts=2, backoff=0)), ConnectionError(), list[str]()

    @app.agent("in", value=str, output="out", codec="json")
    def second_time(text: str) -> str:
        tries.append(text)
        if len(tries) % 2:
            raise error
        return text

    bench = Bench(app, records(*NO))
    bench.run()
    assert bench.brokers.values() == [*NO]
    assert error.__traceback__ is None


def test_it_is_let_go_where_a_batch_fails_whose_records_succeed() -> None:
    app, error = App("group"), ConnectionError()

    @app.agent("in", value=str, output="out", codec="json", batch=4)
    def alone(texts: list[str]) -> list[str]:
        if len(texts) > 1:
            raise error
        return texts

    bench = Bench(app, records(*NO))
    bench.run()
    assert bench.brokers.values() == [*NO]
    assert error.__traceback__ is None


def test_what_is_kept_back_tells_of_its_own_record() -> None:
    partition, error = Partition(12, retries=Retry(attempts=1)), ConnectionError("stored")

    def fail(number: int) -> None:
        if 4 <= number < 8:
            raise error

    partition.on_try = fail
    partition.run()
    assert partition.letters == [4, 5, 6, 7]
    assert error.__traceback__ is None
    told = [letter["pool.error.traceback"].count(b"raise error") for letter in partition.brokers.letters()]
    assert told == [1, 1, 1, 1]


def test_an_error_that_forbids_it_is_set_aside_as_others() -> None:
    class Stubborn(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            raise TypeError(name)

        def with_traceback(self, _: object) -> "Stubborn":
            raise TypeError

        def add_note(self, _: str) -> None:
            raise TypeError

    def verdict(parcel: object) -> ResultRefused | None:
        return ResultRefused("no such topic") if "retry" in getattr(parcel, "topic", "") else None

    app = app_of(Stubborn("no"), retries=Retry(attempts=2, backoff=0, delayed=["1m"]))
    bench = Bench(app, records(*NO), brokers=Brokers(verdict=verdict))
    bench.run()
    assert bench.committable == len(NO)
    assert {trace.count(b"raise error") for trace in traces(bench)} == {1}
    assert {trace.count(b"could not wait") for trace in traces(bench)} == {1}


def test_what_ends_a_worker_still_has_its_traceback() -> None:
    app = App("group", retries=Retry(attempts=2, backoff=0), dead_letter=None)

    @app.agent("in", value=str)
    def fail(text: str) -> None:
        raise ValueError(text)

    with pytest.raises(RecordFatal, match="offset 0: no") as ended:
        Bench(app, records(*NO)).run()
    cause = ended.value.__cause__
    assert isinstance(cause, ValueError)
    assert cause.__traceback__ is not None
