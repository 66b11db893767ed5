"""Start and stop functions are a stack, and a failed start leaves nothing behind."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from workers import App
from workers.errors import AppInvalid, StartFailed


class Steps(list[str]):
    """What happened, in order."""

    def function(self, name: str, error: Exception | None = None) -> Callable[[], None]:
        def step() -> None:
            self.append(name)
            if error is not None:
                raise error

        step.__name__ = name
        return step

    def generator(self, name: str, error: Exception | None = None) -> Callable[[], Iterator[str]]:
        def step() -> Iterator[str]:
            self.append(f"{name} starts")
            yield name
            self.append(f"{name} stops")
            if error is not None:
                raise error

        step.__name__ = name
        return step


def test_starts_run_in_order_and_stops_in_reverse() -> None:
    app, steps = App("group"), Steps()
    app.on_start(steps.function("a"))
    app.on_start(steps.generator("b"))
    app.on_stop(steps.function("c"))
    app.on_start(steps.generator("d"))
    app.start()
    assert steps == ["a", "b starts", "d starts"]
    steps.clear()
    app.stop()
    assert steps == ["d stops", "c", "b stops"]


def test_what_is_returned_or_yielded_is_kept_while_the_worker_runs() -> None:
    app = App("group")

    @app.on_start
    def client() -> object:
        return "a client"

    @app.on_start
    def database() -> Iterator[str]:
        yield f"a database, after {app.local.client}"

    @app.on_start
    def warm_up() -> None: ...

    app.start()
    app.local.own = 1
    assert (app.local.client, app.local.database, app.local.own) == ("a client", "a database, after a client", 1)
    assert repr(app.local) == "<app.local: client, database, own>"
    assert not hasattr(app.local, "warm_up")
    app.stop()
    assert repr(app.local) == "<app.local: empty>"


def test_what_is_not_there_says_how_it_would_be() -> None:
    with pytest.raises(AttributeError, match=r"app\.local has no 'database'.*@app\.on_start function named 'database'"):
        _ = App("group").local.database


def test_hooks_come_back_unchanged() -> None:
    app, steps = App("group"), Steps()
    start, stop = steps.function("a"), steps.function("b")
    assert app.on_start(start) is start
    assert app.on_stop(stop) is stop


def test_a_stop_that_calls_exit_keeps_no_other_from_its_own() -> None:
    app, steps = App("group"), Steps()
    app.on_start(steps.generator("a"))

    @app.on_stop
    def leave() -> None:
        sys.exit(3)

    app.start()
    with pytest.raises(BaseExceptionGroup) as failed:
        app.stop()
    assert [type(error) for error in failed.value.exceptions] == [SystemExit]
    assert steps[-1] == "a stops"


def test_an_app_starts_again_after_it_has_stopped() -> None:
    app, steps = App("group"), Steps()
    app.on_start(steps.generator("a"))
    for _ in range(2):
        app.start()
        app.stop()
    assert steps == ["a starts", "a stops"] * 2


def test_stopping_what_never_started_does_nothing() -> None:
    app, steps = App("group"), Steps()
    app.on_start(steps.generator("a"))
    app.on_stop(steps.function("b"))
    app.stop()
    assert steps == []


def test_a_start_that_fails_stops_what_had_started_before_it() -> None:
    app, steps = App("group"), Steps()
    app.on_start(steps.generator("a"))
    app.on_start(steps.function("b", OSError("no route")))
    app.on_start(steps.generator("c"))
    app.on_stop(steps.function("d"))
    with pytest.raises(
        StartFailed, match=r"@app.on_start b\(\) at .*test_hooks.py:\d+ failed: OSError: no route"
    ) as failed:
        app.start()
    assert isinstance(failed.value.__cause__, OSError)
    assert steps == ["a starts", "b", "a stops"]
    app.stop()
    assert steps == ["a starts", "b", "a stops"]


def test_a_start_that_calls_exit_stops_what_had_started_before_it() -> None:
    app, steps = App("group"), Steps()
    app.on_start(steps.generator("a"))

    @app.on_start
    def leave() -> None:
        sys.exit(3)

    with pytest.raises(SystemExit):
        app.start()
    assert steps == ["a starts", "a stops"]


def test_a_start_that_fails_tells_also_what_failed_while_stopping() -> None:
    app, steps = App("group"), Steps()
    app.on_start(steps.generator("a", KeyError("later")))
    app.on_start(steps.function("b", OSError("no route")))
    with pytest.raises(StartFailed) as failed:
        app.start()
    assert failed.value.__notes__ == ["Stopping what had started failed, too: KeyError: 'later'"]


def test_all_that_has_started_is_stopped_even_where_some_of_it_raises() -> None:
    app, steps = App("group"), Steps()
    app.on_start(steps.generator("a"))
    app.on_start(steps.generator("b", OSError("b")))
    app.on_stop(steps.function("c", KeyError("c")))
    app.start()
    with pytest.raises(ExceptionGroup, match="stopping the app failed") as failed:
        app.stop()
    assert [type(error) for error in failed.value.exceptions] == [KeyError, OSError]
    assert steps[-1] == "a stops"


def test_a_generator_that_never_yields_has_not_started() -> None:
    app = App("group")

    @app.on_start
    def empty() -> Iterator[int]:
        yield from ()

    with pytest.raises(StartFailed, match="it ended without a yield"):
        app.start()


def test_a_generator_that_yields_twice_is_told_so() -> None:
    app = App("group")

    @app.on_start
    def twice() -> Iterator[int]:
        yield 1
        yield 2

    app.start()
    with pytest.raises(ExceptionGroup) as failed:
        app.stop()
    assert "twice()" in str(failed.value.exceptions[0])
    assert "yielded twice" in str(failed.value.exceptions[0])


async def async_hook() -> None: ...
async def async_generator_hook() -> Any:
    yield


def of_one(app: App) -> None: ...
def of_one_keyword(*, app: App) -> None: ...


@pytest.mark.parametrize(
    ("hook", "complaint"),
    [
        (async_hook, "is async"),
        (async_generator_hook, "is async"),
        (of_one, r"it needs \(app\), but is called without arguments"),
        (of_one_keyword, r"it needs \(app\)"),
    ],
)
def test_what_cannot_be_called_plainly_is_refused_with_its_place(hook: Any, complaint: str) -> None:
    app = App("group")
    with pytest.raises(AppInvalid, match=rf"@app.on_start {hook.__name__}\(\) at .*test_hooks.py:\d+: .*{complaint}"):
        app.on_start(hook)
    with pytest.raises(AppInvalid, match=rf"@app.on_stop {hook.__name__}\(\) at .*: .*{complaint}"):
        app.on_stop(hook)


def test_a_stop_that_yields_is_refused() -> None:
    with pytest.raises(AppInvalid, match=r"make it one @app\.on_start generator"):
        App("group").on_stop(Steps().generator("a"))


def test_two_starts_of_one_name_are_refused() -> None:
    app, steps = App("group"), Steps()
    app.on_start(steps.function("a"))
    with pytest.raises(AppInvalid, match=r"another @app\.on_start function of that name"):
        app.on_start(steps.function("a"))
