"""Payload from a file: a JSON value a line, sent as it is."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from supervisor.load_refused import LoadRefused
from supervisor.payload import Batch, Message
from workers.times import seconds_at

_UNITS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""From how large a number of which fractions of a second it is, since 1970: nano-, micro- or milliseconds."""


class FilePayload:
    """A file's lines, again from the first one where more are asked for.

    Args:
        path: the file; all of it is held in memory.
        key: the field that holds a record's key; None: records have no key.

    Raises:
        LoadRefused: it cannot be read, a line is no JSON, or has no such field.
    """

    numbered = False

    def __init__(self, path: Path, key: str | None) -> None:
        self._path = path
        try:
            lines = [line.strip() for line in path.read_bytes().splitlines()]
        except OSError as failure:
            raise LoadRefused(f"--file {path} cannot be read: {failure.strerror}") from failure
        self._lines = [line for line in lines if line]
        if not self._lines:
            raise LoadRefused(f"--file {path} is empty: it has to hold a JSON value a line")
        self.weight = math.ceil(statistics.fmean(map(len, self._lines)))
        values = [self._decode(number, line) for number, line in enumerate(self._lines, 1)]
        self._values = values
        self._keys = [None if key is None else key_text(self._field(n, v, key)) for n, v in enumerate(values, 1)]

    def __len__(self) -> int:
        return len(self._lines)

    def times(self, field: str) -> list[float]:
        """When each record was made, in seconds, from a field with a time in ISO 8601 or a number since 1970.

        Raises:
            LoadRefused: a line has no such field or no time in it, or is older than the line before.
        """
        times: list[float] = []
        for number, value in enumerate(self._values, 1):
            given = self._field(number, value, field)
            try:
                times.append(_seconds(given))
            except (ValueError, OverflowError) as failure:
                raise self._wrong(number, f"{field} is no time: {given!r}") from failure
            if len(times) > 1 and times[-1] < times[-2]:
                raise self._wrong(number, f"its {field} is earlier than that of the line before; sort the file")
        return times

    def require_pad(self) -> None:
        """See to it that all lines can get a field that makes them longer.

        Raises:
            LoadRefused: one is no object.
        """
        for number, value in enumerate(self._values, 1):
            if not isinstance(value, dict):
                raise self._wrong(number, "it is no JSON object, so it cannot be made longer; leave out --oversized")

    def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:  # noqa: ARG002 a file has its own
        count = len(self._lines)
        return [{"key": self._keys[seq % count], "value": self._lines[seq % count]} for seq in seqs]

    def bulk(self, seqs: range, due: int) -> list[Batch]:
        return [(-1, self.messages(seqs, [due] * len(seqs)))]

    def _decode(self, number: int, line: bytes) -> Any:
        try:
            return msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as failure:
            raise self._wrong(number, f"it is no JSON: {failure}") from failure
        except RecursionError as failure:
            raise self._wrong(number, "it is nested too deeply") from failure

    def _field(self, number: int, value: Any, name: str) -> Any:
        if not isinstance(value, dict) or name not in value:
            raise self._wrong(number, f"it has no field {name}")
        return value[name]

    def _wrong(self, number: int, what: str) -> LoadRefused:
        return LoadRefused(f"--file {self._path}, record {number}: {what}")


def key_text(value: Any) -> bytes | None:
    """A field's value as a record's key."""
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def _seconds(given: Any) -> float:
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return next((given / parts for above, parts in _UNITS if given >= above), float(given))
    return seconds_at(str(given))
