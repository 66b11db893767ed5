"""What a handler returned, as the outputs that it stands for."""

import inspect
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Final

from workers.errors import ResultRefused
from workers.records import Output


class Shape(Enum):
    """What a result of some type means."""

    OUTPUT = auto()
    ONE = auto()
    SEVERAL = auto()
    AWAITABLE = auto()


def _shape(kind: type) -> Shape:
    if issubclass(kind, Output):
        return Shape.OUTPUT
    if issubclass(kind, list) or hasattr(kind, "__next__"):
        return Shape.SEVERAL
    if hasattr(kind, "__await__") or hasattr(kind, "__anext__"):
        return Shape.AWAITABLE
    return Shape.ONE


class _Shapes(dict[type, Shape]):
    """Each type is looked at but once: a result may follow every record."""

    def __missing__(self, kind: type) -> Shape:
        self[kind] = shape = _shape(kind)
        return shape


_SHAPES: Final = _Shapes()


def outputs(result: object) -> Sequence[Output]:
    """All outputs of one result, an iterator exhausted: nothing is produced before all of them are known.

    None is no output; a list or an iterator is several, without its Nones; all else is one.

    Raises:
        ResultRefused: a list within a list, or something to await.
        Exception: whatever the handler raises while its iterator runs.
    """
    if result is None:
        return ()
    if _SHAPES[type(result)] is Shape.SEVERAL:
        assert isinstance(result, Iterable)
        return [_output(item) for item in result if item is not None]
    return (_output(result),)


def _output(item: object) -> Output:
    match _SHAPES[type(item)]:
        case Shape.ONE:
            return Output(item)
        case Shape.OUTPUT:
            assert isinstance(item, Output)
            return item
        case Shape.SEVERAL:
            raise ResultRefused(
                f"a {type(item).__name__} stands among a handler's several results: "
                "return Output([...]) where a list is one value, or put its items among the results"
            )
        case Shape.AWAITABLE:
            if inspect.iscoroutine(item):
                item.close()
            raise ResultRefused(
                f"a handler returned a {type(item).__name__}, which nobody awaits here: use plain functions"
            )
