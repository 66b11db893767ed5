"""What can be told about a user's function before it is ever called."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from workers.errors import AppInvalid


def name_of(function: Callable[..., Any]) -> str:
    """The function's own name; of a callable object, its class's."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def place_of(function: Callable[..., Any]) -> str:
    """The function's name and where it stands, as `alert() at sensors.py:12`."""
    name = name_of(function)
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(_call_method(function), "__code__", None)
    return f"{name}()" if code is None else f"{name}() at {code.co_filename}:{code.co_firstlineno}"


def _call_method(function: object) -> Any:
    return inspect.getattr_static(type(function), "__call__", None)


def refuse_async(function: Callable[..., Any]) -> None:
    """Refuse what would have to be awaited.

    Raises:
        AppInvalid: it is async.
    """
    called = function
    while isinstance(called, functools.partial):
        called = called.func
    for candidate in (called, _call_method(called)):
        if inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate):
            raise AppInvalid("it is async, which the pool does not run: make it a plain def")


def wants_record(handler: Callable[..., Any]) -> bool:
    """Whether a handler takes a Record behind the value, told by its parameters without a default.

    Raises:
        AppInvalid: it is no handler: a class, async, or with other parameters.
    """
    if not callable(handler):
        raise AppInvalid(f"{handler!r} cannot be called: decorate a function")
    if isinstance(handler, type):
        raise AppInvalid("it is a class: pass an object of it, whose __call__ takes the value")
    refuse_async(handler)
    try:
        parameters = inspect.signature(handler).parameters.values()
    except (ValueError, TypeError):
        return False  # C functions may not tell; the value alone is what most take
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    keywords = [p for p in parameters if p.default is p.empty and p.kind is p.KEYWORD_ONLY]
    takes_one = bool(places) or any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if keywords or not takes_one or len(needed) > 2:
        names = ", ".join(p.name for p in (*needed, *keywords))
        raise AppInvalid(f"it needs ({names}), but a handler is given the value, or the value and a Record")
    return len(needed) == 2
