"""Which record a message is, or is the result of: by its headers, its fields, or the digits of its temperature."""

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from confluent_kafka import Message

from supervisor.load_flaws import FLAW_HEADER, SENT_AT_HEADER, SEQ_HEADER, Flaw
from supervisor.payload import HOT_ABOVE, marked_number
from workers.records import raw_headers


class Fields(msgspec.Struct):
    """What of a value can tell its number."""

    seq: int | None = None
    sent_at: int | None = None
    temperature: float | None = None


class _Loose(msgspec.Struct):
    """The same, whatever an app makes of them."""

    seq: Any = None
    sent_at: Any = None
    temperature: Any = None


class Origin(NamedTuple):
    """What a record of the input topic says of itself."""

    seq: int
    due: int
    """Nanoseconds since the epoch."""
    answerable: bool
    hot: bool | None
    """None: it has no temperature, so there is no telling."""


Hot = Callable[[Any], bool]
"""Whether a record of this value, decoded, is to have a result."""

_LATEST: Final = 2**63 - 1
_DIGITS: Final = 20
"""Of numbers that no load has sent."""
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises; the last one where a value is nested too deeply."""
_decode_fields: Final = msgspec.json.Decoder(Fields).decode
_decode_loosely: Final = msgspec.json.Decoder(_Loose).decode
_decode_any: Final = msgspec.json.Decoder().decode


class HotFailed(Exception):
    """The user's function does not tell which records are to have a result."""


class Numbers:
    """Reads numbers from messages.

    Args:
        marked: whether temperatures carry them; see `SensorPayload`.
        told: whether fields `seq` do; else those are the user's own.
        hot: tells the records that are to have a result; None: those whose temperature is above `HOT_ABOVE`.
    """

    def __init__(self, *, marked: bool, told: bool = True, hot: Hot | None = None) -> None:
        self._marked = marked
        self._told = told
        self._hot = hot

    def origin(self, message: Message) -> Origin | None:
        """What a record of the input topic is; None: nothing that this load has sent.

        Raises:
            HotFailed: there is no telling whether it is to have a result.
        """
        headers = dict(raw_headers(message))
        value = message.value()
        told = headers.get(FLAW_HEADER)
        try:
            answerable = told is None or Flaw(_text(told)).has_result
        except ValueError:
            return None
        fields = _fields(value) if answerable else None
        if SEQ_HEADER in headers:
            seq, due = _number(headers[SEQ_HEADER]), _number(headers.get(SENT_AT_HEADER))
        elif fields is not None and self._told:
            seq, due = fields.seq, fields.sent_at
        else:
            return None
        if seq is None or due is None or seq < 0 or abs(due) > _LATEST:
            return None
        return Origin(seq, due, answerable, self._is_hot(value, fields) if answerable else None)

    def result(self, message: Message) -> int | None:
        """The number of the record that a result is of; None: it does not tell."""
        headers = raw_headers(message)
        if headers and (number := dict(headers).get(SEQ_HEADER)) is not None:
            return _number(number)
        fields = _fields(message.value()) if self._told else None
        if fields is None:
            return None
        if fields.seq is None and self._marked and fields.temperature is not None:
            return marked_number(fields.temperature)
        return fields.seq

    def _is_hot(self, value: Any, fields: Fields | None) -> bool | None:
        if self._hot is not None:
            try:
                return bool(self._hot(_decode_any(value)))
            except Exception as error:
                given = _text(value)[:200]
                raise HotFailed(f"--expect raised {type(error).__name__}: {error}, given {given}") from error
        if fields is None or fields.temperature is None:
            return None
        return fields.temperature > HOT_ABOVE


def _fields(value: Any) -> Fields | None:
    if value is None:
        return None
    try:
        return _decode_fields(value)
    except msgspec.ValidationError:
        return _each_field(value)
    except _UNREADABLE:
        return None


def _each_field(value: Any) -> Fields | None:
    """What can be read of a value of which not all can, such as a temperature that is "high"."""
    try:
        loose = _decode_loosely(value)
    except _UNREADABLE:
        return None
    return Fields(_read(loose.seq, int), _read(loose.sent_at, int), _read(loose.temperature, float))


def _read(given: Any, kind: type[Any]) -> Any:
    """A number, also one in a string, as decimals are; None: it is none."""
    try:
        number = msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError:
        return None
    return number if abs(number) < math.inf else None


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _number(value: Any) -> int | None:
    text = _text(value)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < _DIGITS else None
