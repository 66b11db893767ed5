"""What a handler returned, as the outputs that it stands for."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index
from typing import Any, Final

from workers.codec import encode_text
from workers.errors import ResultRefused
from workers.records import Output

_LAST_PARTITION: Final = 2**31 - 1


def outputs(result: Any) -> Sequence[Output]:
    """All outputs of one result, an iterator exhausted: nothing is produced before all of them are known.

    None is no output; a list or an iterator is several, without its Nones; all else is one.

    Raises:
        ResultRefused: a list within a list, or something to await.
        Exception: whatever the handler raises while its iterator runs.
    """
    return READERS[type(result)](result)


def _none(result: None) -> Sequence[Output]:  # noqa: ARG001 one reader among others
    return ()


def one(result: object) -> Sequence[Output]:
    """The reader of what is one plain value: no Output, nothing of several."""
    return (Output(result),)


def _as_it_is(result: Output) -> Sequence[Output]:
    return (result,)


def _several(results: Iterable[Any]) -> Sequence[Output]:
    found: list[Output] = []
    for result in results:
        read = READERS[type(result)]
        if read is _several:
            raise ResultRefused(
                f"a {type(result).__name__} stands among a handler's several results: "
                "return Output([...]) where a list is one value, or put its items among the results"
            )
        found += read(result)
    return found


def _awaitable(result: object) -> Sequence[Output]:
    if inspect.iscoroutine(result):
        result.close()  # or Python warns that nobody awaited it
    raise ResultRefused(
        f"a handler returned something of type {type(result).__name__}, which nobody awaits here: use plain functions"
    )


def headers_of(output: Output) -> list[tuple[str, bytes | None]]:
    """An output's headers as they are sent.

    Raises:
        ResultRefused: one of them is no pair of a name, and a text, bytes or None.
        EncodeFailed: a text is not valid Unicode.
    """
    given = output.headers or ()
    pairs = given.items() if isinstance(given, Mapping) else given
    return [_header(pair) for pair in pairs]


def _header(pair: Any) -> tuple[str, bytes | None]:
    name, value = pair if isinstance(pair, tuple | list) and len(pair) == 2 else (None, None)
    if not isinstance(name, str) or not isinstance(value, str | bytes | None):
        raise ResultRefused(f"a header is {pair!r:.200}: give pairs of a name, and str, bytes or None")
    encode_text(name)  # the client dies of one that does not encode
    return name, encode_text(value) if isinstance(value, str) else value


def partition_of(output: Output) -> int:
    """The partition that an output names; -1 where the key decides.

    Raises:
        ResultRefused: it is no partition.
    """
    if output.partition is None:
        return -1
    try:
        partition = index(output.partition)  # numpy's, too
    except TypeError:
        partition = -2
    if not -1 <= partition <= _LAST_PARTITION:
        raise ResultRefused(f"a result's partition is {output.partition!r:.200}: give a number from 0, or leave it out")
    return partition


def topic_of(output: Output) -> str:
    """The topic that an output names.

    Raises:
        ResultRefused: no topic can have that name.
        EncodeFailed: it is not valid Unicode.
    """
    topic: Any = output.topic
    if not isinstance(topic, str) or "\0" in topic:
        raise ResultRefused(f"a result's topic is {topic!r:.200}, which is no topic's name")
    encode_text(topic)
    return str.__str__(topic)  # of an enumeration its value, as the client takes it


Reader = Callable[[Any], Sequence[Output]]


class _Readers(dict[type, Reader]):
    """How to read a result, by its type. Each type is looked at but once: a result may follow every record."""

    def __missing__(self, kind: type) -> Reader:
        self[kind] = read = _reader(kind)
        return read


def _reader(kind: type) -> Reader:
    if kind is type(None):
        return _none
    if issubclass(kind, Output):
        return _as_it_is
    if issubclass(kind, list) or hasattr(kind, "__next__"):
        return _several
    if hasattr(kind, "__await__") or hasattr(kind, "__anext__"):
        return _awaitable
    return one


READERS: Final = _Readers()
"""For the type of a result, what reads it."""
