"""The types of what `App.agent` returns: decorators that a type checker holds a handler against."""

from collections.abc import Callable
from typing import Protocol, TypeVar, overload

from workers.records import Record

V = TypeVar("V")
R = TypeVar("R")


class HandlerDecorator(Protocol[V]):
    """For a handler of one value. The handler comes back unchanged."""

    @overload
    def __call__(self, handler: Callable[[V], R], /) -> Callable[[V], R]: ...
    @overload
    def __call__(self, handler: Callable[[V, Record], R], /) -> Callable[[V, Record], R]: ...


class BatchDecorator(Protocol[V]):
    """For a handler of a list of values. The handler comes back unchanged."""

    @overload
    def __call__(self, handler: Callable[[list[V]], R], /) -> Callable[[list[V]], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[V], list[Record]], R], /) -> Callable[[list[V], list[Record]], R]: ...
