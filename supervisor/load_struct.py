"""Payload of any type that msgspec knows: each record's value is drawn from the type's fields and constraints."""

import base64
import datetime as dt
import math
import random
import string
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import inspect

from supervisor.load_keys import Keys
from supervisor.load_refused import LoadRefused
from supervisor.payload import Batch, Message, pad

Draw = Callable[[], Any]
"""Makes one value, of what msgspec can encode."""

SEQ: Final = "seq"
SENT_AT: Final = "sent_at"

_LETTERS: Final = string.ascii_lowercase + string.digits
_WIDTH: Final = 100.0
"""From a number's lowest value to its highest, where only one of them is given, or none."""
_LENGTH: Final = (3, 12)
_ITEMS: Final = (0, 3)
_DAY_SECONDS: Final = 86_400
_DEEPEST: Final = 6
"""Types within types, below which lists and optional fields stay empty."""
_TRIED: Final = 50


class StructPayload:
    """Values of one type, as JSON.

    Integer fields of the names `seq` and `sent_at` get the record's number and the time at which it was due.

    Args:
        kind: the type.
        keys: the records' keys, by their number.
        key: the field that holds the key; None: the key is in no field.
        size: bytes to which a value is padded.
        chance: draws.

    Raises:
        LoadRefused: no values of the type can be drawn.
    """

    def __init__(self, kind: Any, keys: Keys, key: str | None, size: int, chance: random.Random) -> None:
        self._keys = keys
        self._size = size
        self._draw = _Filling(chance).draw(_type_info(kind))
        self._encode = msgspec.json.Encoder().encode
        fields = _fields(kind)
        self._seq = SEQ if isinstance(fields.get(SEQ), inspect.IntType) else None
        self._sent_at = SENT_AT if isinstance(fields.get(SENT_AT), inspect.IntType) else None
        self.numbered = self._seq is not None and self._sent_at is not None
        """Whether a value says by itself which record it is, and when it was due."""
        self._key = key
        if key is not None and key not in fields:
            raise LoadRefused(f"--key {key}: {kind.__qualname__} has no such field; it has {', '.join(fields)}")
        self._key_is_number = key is not None and isinstance(fields[key], inspect.IntType)
        self._try(kind)

    def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
        keys = self._keys.take(len(seqs))
        return [self._message(*facts) for facts in zip(seqs, dues, keys, strict=True)]

    def bulk(self, seqs: range, due: int) -> list[Batch]:
        return [(-1, self.messages(seqs, [due] * len(seqs)))]

    def _message(self, seq: int, due: int, key: int) -> Message:
        value = self._draw()
        if self._seq:
            value[self._seq] = seq
        if self._sent_at:
            value[self._sent_at] = due
        text = b"%d" % key if self._key_is_number else b"key-%04d" % key
        if self._key:
            value[self._key] = key if self._key_is_number else text.decode()
        encoded = self._encode(value)
        if len(encoded) < self._size and encoded[-1:] == b"}":
            encoded = pad(encoded, self._size)
        return {"key": text, "value": encoded}

    def _try(self, kind: Any) -> None:
        """Have some values read, so that what is sent is of the type."""
        for message in self.messages(range(_TRIED), [0] * _TRIED):
            try:
                msgspec.json.decode(message["value"], type=kind)
            except msgspec.ValidationError as failure:
                raise LoadRefused(
                    f"--type: no values of {kind.__qualname__} can be drawn: {failure} in {message['value'].decode()};"
                    " give a file of records instead (--file)"
                ) from failure


def _type_info(kind: Any) -> inspect.Type:
    try:
        return inspect.type_info(kind)
    except TypeError as failure:
        raise LoadRefused(f"--type: msgspec does not know {kind!r}: {failure}") from failure


def _fields(kind: Any) -> dict[str, inspect.Type]:
    """The types of a record's fields, by their names in JSON; none where it is not an object with fields."""
    info = _type_info(kind)
    if isinstance(info, inspect.StructType) and info.array_like:
        return {}
    return {field.encode_name: field.type for field in getattr(info, "fields", ())}


class _Filling:
    """Turns types into what draws their values. Optional fields and long lists end where types hold themselves."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._depth = 0

    def draw(self, info: inspect.Type) -> Draw:
        make = getattr(self, f"_{type(info).__name__}", None)
        if make is None:
            raise LoadRefused(f"--type: there is no telling what a value of {info} is; leave it out, or give --file")
        self._depth += 1
        try:
            drawn: Draw = make(info)
            return drawn
        finally:
            self._depth -= 1

    # Scalars. Each method is named after the type of msgspec.inspect that it fills.

    def _AnyType(self, _info: inspect.Type) -> Draw:  # noqa: N802
        return self._text(_LENGTH)

    def _NoneType(self, _info: inspect.Type) -> Draw:  # noqa: N802
        return lambda: None

    def _BoolType(self, _info: inspect.Type) -> Draw:  # noqa: N802
        return lambda: self._chance.random() < 0.5

    def _IntType(self, info: inspect.IntType) -> Draw:  # noqa: N802
        step = info.multiple_of or 1
        above = None if info.gt is None else info.gt + 1
        below = None if info.lt is None else info.lt - 1
        low, high = _limits(_first(info.ge, above), _first(info.le, below), 100 * step)
        first, last = math.ceil(low / step), math.floor(high / step)
        return lambda: int(self._chance.randint(first, last) * step)

    def _FloatType(self, info: inspect.FloatType) -> Draw:  # noqa: N802
        low, high = _limits(_first(info.ge, info.gt), _first(info.le, info.lt), _WIDTH)
        step = info.multiple_of or 0.0
        if step:
            first, last = math.floor(low / step) + 1, math.ceil(high / step) - 1
            return lambda: self._chance.randint(first, last) * step
        inner = (high - low) / 1e6  # bounds may be exclusive
        return lambda: round(self._chance.uniform(low + inner, high - inner), 9)

    def _DecimalType(self, _info: inspect.Type) -> Draw:  # noqa: N802
        return lambda: Decimal(self._chance.randint(0, 10_000)) / 100

    def _StrType(self, info: inspect.StrType) -> Draw:  # noqa: N802
        if info.pattern is not None:
            return self._matching(info.pattern)
        return self._text(_lengths(info.min_length, info.max_length, _LENGTH))

    def _BytesType(self, info: inspect.BytesType) -> Draw:  # noqa: N802
        low, high = _lengths(info.min_length, info.max_length, _LENGTH)
        return lambda: base64.b64encode(self._chance.randbytes(self._chance.randint(low, high))).decode()

    _ByteArrayType = _MemoryViewType = _BytesType

    def _DateTimeType(self, info: inspect.DateTimeType) -> Draw:  # noqa: N802
        zone = None if info.tz is False else dt.UTC
        return lambda: dt.datetime.fromtimestamp(self._moment(), dt.UTC).replace(tzinfo=zone)

    def _DateType(self, _info: inspect.Type) -> Draw:  # noqa: N802
        return lambda: dt.datetime.fromtimestamp(self._moment(), dt.UTC).date()

    def _TimeType(self, info: inspect.TimeType) -> Draw:  # noqa: N802
        zone = dt.UTC if info.tz else None
        return lambda: dt.datetime.fromtimestamp(self._moment(), dt.UTC).time().replace(tzinfo=zone)

    def _TimeDeltaType(self, _info: inspect.Type) -> Draw:  # noqa: N802
        return lambda: dt.timedelta(seconds=self._chance.randint(0, _DAY_SECONDS))

    def _UUIDType(self, _info: inspect.Type) -> Draw:  # noqa: N802
        return lambda: uuid.UUID(int=self._chance.getrandbits(128), version=4)

    def _EnumType(self, info: inspect.EnumType) -> Draw:  # noqa: N802
        return partial(self._chance.choice, [member.value for member in info.cls])

    def _LiteralType(self, info: inspect.LiteralType) -> Draw:  # noqa: N802
        return partial(self._chance.choice, list(info.values))

    # What holds others.

    def _UnionType(self, info: inspect.UnionType) -> Draw:  # noqa: N802
        plain = [kind for kind in info.types if isinstance(kind, inspect.NoneType)]
        kinds = plain if plain and self._depth > _DEEPEST else info.types
        draws = [self.draw(kind) for kind in kinds]

        def drawn() -> Any:
            return self._chance.choice(draws)()

        return drawn

    def _ListType(self, info: inspect.CollectionType) -> Draw:  # noqa: N802
        low, high = _lengths(info.min_length, info.max_length, _ITEMS)
        if self._depth > _DEEPEST:
            high = low
        if not high:
            return list
        item = self.draw(info.item_type)
        return lambda: [item() for _ in range(self._chance.randint(low, high))]

    _SetType = _FrozenSetType = _CollectionType = _VarTupleType = _ListType

    def _TupleType(self, info: inspect.TupleType) -> Draw:  # noqa: N802
        items = [self.draw(kind) for kind in info.item_types]
        return lambda: [item() for item in items]

    def _DictType(self, info: inspect.DictType) -> Draw:  # noqa: N802
        low, high = _lengths(info.min_length, info.max_length, _ITEMS)
        key, value = self.draw(info.key_type), self.draw(info.value_type)
        return lambda: {str(key()): value() for _ in range(self._chance.randint(low, high))}

    def _StructType(self, info: inspect.StructType) -> Draw:  # noqa: N802
        if self._depth > 2 * _DEEPEST:
            raise LoadRefused(f"--type: {info.cls.__qualname__} holds itself without end; give --file")
        draws = [
            (field.encode_name, self.draw(field.type))
            for field in info.fields
            if field.required or self._depth <= _DEEPEST
        ]
        tag = {} if info.tag_field is None else {info.tag_field: info.tag}
        if info.array_like:
            return lambda: [*tag.values(), *(draw() for _, draw in draws)]
        return lambda: {**tag, **{name: draw() for name, draw in draws}}

    def _TypedDictType(self, info: inspect.TypedDictType | inspect.DataclassType) -> Draw:  # noqa: N802
        draws = [(field.encode_name, self.draw(field.type)) for field in info.fields]
        return lambda: {name: draw() for name, draw in draws}

    _DataclassType = _TypedDictType

    def _NamedTupleType(self, info: inspect.NamedTupleType) -> Draw:  # noqa: N802
        draws = [self.draw(field.type) for field in info.fields]
        return lambda: [draw() for draw in draws]

    # Parts of these.

    def _moment(self) -> float:
        """Some second of the first day of 2026."""
        return 1_767_225_600 + self._chance.randrange(_DAY_SECONDS)

    def _text(self, lengths: tuple[int, int]) -> Draw:
        return lambda: "".join(self._chance.choices(_LETTERS, k=self._chance.randint(*lengths)))

    def _matching(self, pattern: str) -> Draw:
        try:
            from rstr import Rstr  # noqa: PLC0415 - most types have no pattern
        except ImportError as missing:
            raise LoadRefused(
                f"--type: a field must match {pattern!r}, for which the package rstr is needed:"
                " pip install 'partition-pool[load]'"
            ) from missing
        return partial(Rstr(self._chance).xeger, pattern)


def _first(*values: Any) -> Any:
    """The first that is not None; None where all are."""
    return next((value for value in values if value is not None), None)


def _limits(low: float | None, high: float | None, width: float) -> tuple[float, float]:
    if low is None:
        low = min(0, high - width) if high is not None else 0
    return low, low + width if high is None else high


def _lengths(low: int | None, high: int | None, usual: tuple[int, int]) -> tuple[int, int]:
    least = low if low is not None else min(usual[0], usual[0] if high is None else high)
    return least, high if high is not None else max(least, usual[1])
