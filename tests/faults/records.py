"""What the load sends and what becomes of it: records numbered for each key."""

from enum import Enum, StrEnum
from typing import Final

import msgspec


class Deed(StrEnum):
    """What a record has its handler do."""

    PASS = ""
    FLAKY = "flaky"
    """Fail at the first attempt of each process."""
    FAIL = "fail"
    SEGFAULT = "segfault"
    EXIT = "exit"
    SPIN = "spin"
    """Never return."""
    ALLOCATE = "allocate"
    """Allocate without end."""


DEADLY: Final = (Deed.SEGFAULT, Deed.EXIT, Deed.SPIN, Deed.ALLOCATE)
"""The deeds that take their process along."""


class Numbered(msgspec.Struct):
    """A record of the input topic."""

    key: int
    n: int
    """The record's number among those of its key, from 0."""
    sent_at: int
    """Nanoseconds of the monotonic clock, which all processes of a machine share."""
    do: Deed = Deed.PASS


class Done(msgspec.Struct):
    """The result of one record."""

    key: int
    n: int
    do: Deed
    pid: int
    at: int
    """When it was handled: nanoseconds of the monotonic clock."""


class End(Enum):
    """Where a record has ended."""

    RESULT = "result"
    DEAD_LETTER = "dead letter"


def due_end(do: Deed) -> End:
    """Where a record with this deed is to end."""
    return End.RESULT if do in (Deed.PASS, Deed.FLAKY) else End.DEAD_LETTER
