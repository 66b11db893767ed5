"""What an app runs when a worker starts and stops, and where it keeps what it made there."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from workers.errors import AppInvalid, StartFailed
from workers.handlers import name_of, place_of, refuse_async


class Local:
    """A place for what belongs to one worker process, such as a connection: `app.local`.

    What an `on_start` function returns or yields is found here under the function's name; handlers may keep more.
    """

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"app.local has no {name!r} in this process. What an @app.on_start function named {name!r} returns is kept "
            "there; such functions run in each worker when it starts, never when the app is imported"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<app.local: {', '.join(vars(self)) or 'empty'}>"


class Hooks:
    """The start and stop functions of an app, run as a stack: what started last stops first.

    Args:
        local: where values of start functions are kept.
    """

    def __init__(self, local: Local) -> None:
        self._local = local
        self._hooks: list[tuple[Callable[[], Any], bool]] = []
        self._stops: list[Callable[[], Any]] = []

    def add(self, function: Callable[[], Any], *, start: bool) -> None:
        """Register a function for the start, or else for the stop.

        Raises:
            AppInvalid: it is async, takes arguments, or shares its name with another start function.
        """
        try:
            self._check(function, start=start)
        except AppInvalid as problem:
            raise AppInvalid(f"@app.{'on_start' if start else 'on_stop'} {place_of(function)}: {problem}") from None
        self._hooks.append((function, start))

    def _check(self, function: Callable[[], Any], *, start: bool) -> None:
        refuse_async(function)
        parameters = inspect.signature(function).parameters.values()
        needed = [
            p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        if needed:
            raise AppInvalid(f"it needs ({', '.join(needed)}), but is called without arguments")
        if not start and inspect.isgeneratorfunction(function):
            raise AppInvalid("it yields: make it one @app.on_start generator, which stops what it started")
        if start and any(starts and name_of(other) == name_of(function) for other, starts in self._hooks):
            raise AppInvalid("there is another @app.on_start function of that name, and app.local can keep but one")

    def start(self) -> None:
        """Run the start functions in the order in which they were registered.

        Raises:
            StartFailed: one of them raised; what had started before it is stopped again, also at a `sys.exit`.
        """
        for function, starts in self._hooks:
            try:
                if starts:
                    self._begin(function)
                else:
                    self._stops.append(function)
            except Exception as error:
                failure = StartFailed(f"@app.on_start {place_of(function)} failed: {type(error).__name__}: {error}")
                for later in self._unwind():
                    failure.add_note(f"Stopping what had started failed, too: {type(later).__name__}: {later}")
                raise failure from error
            except BaseException:
                self._unwind()
                raise

    def stop(self) -> None:
        """Stop what has started, in reverse, all of it even where one raises.

        Raises:
            BaseExceptionGroup: of all that was raised.
        """
        errors = self._unwind()
        if errors:
            raise BaseExceptionGroup("stopping the app failed", errors)

    def _begin(self, function: Callable[[], Any]) -> None:
        value = function()
        if inspect.isgeneratorfunction(function):
            generator: Iterator[Any] = value
            try:
                value = next(generator)
            except StopIteration:
                raise TypeError("it ended without a yield") from None
            self._stops.append(lambda: _finish(generator, place_of(function)))
        if value is not None:
            setattr(self._local, name_of(function), value)

    def _unwind(self) -> list[BaseException]:
        errors: list[BaseException] = []
        while self._stops:
            try:
                self._stops.pop()()
            except BaseException as error:  # noqa: BLE001 the others must stop, too
                errors.append(error)
        vars(self._local).clear()
        return errors


def _finish(generator: Iterator[Any], place: str) -> None:
    try:
        next(generator)
    except StopIteration:
        return
    raise TypeError(f"@app.on_start {place} yielded twice: once, between start and stop, is what it may")
