"""Draws values of any type that msgspec knows, within its constraints."""

import base64
import datetime as dt
import math
import random
import re
import string
import uuid
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import inspect

from supervisor.load_limits import allows, ends, integers, limits, multiples
from supervisor.load_refused import LoadRefused

Draw = Callable[[], Any]
"""Makes one value, of what msgspec can encode."""

_LETTERS: Final = string.ascii_lowercase + string.digits
_LENGTH: Final = (3, 12)
_ITEMS: Final = (0, 3)
_DAY_SECONDS: Final = 86_400
_DEEPEST: Final = 6
"""Types within types, below which lists and optional fields stay empty."""
_TRIES: Final = 20
"""For one value that is like no other, or is of a certain kind."""
_TRIED: Final = 200
"""Values of which one has to be of a certain kind."""
_DECIMALS: Final = 9
"""Of a float."""
_CHECKS: Final = ("__post_init__", "__attrs_pre_init__", "__attrs_post_init__")
"""Methods by which a class may refuse a value."""


class Filling:
    """Turns types into what draws their values. Optional fields and long lists end where types hold themselves.

    Args:
        chance: draws.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._depth = 0
        self.unsure = False
        """Whether some type has a check of its own, which may refuse what its constraints let pass."""

    def draw(self, info: inspect.Type) -> Draw:
        """What makes a value of a type.

        Raises:
            LoadRefused: none can be drawn.
        """
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
        if not (numbers := integers(info)):
            raise _nothing(f"integer within {limits(info)}")
        return partial(self._chance.randrange, numbers.start, numbers.stop, numbers.step)

    def _FloatType(self, info: inspect.FloatType) -> Draw:  # noqa: N802
        if info.multiple_of is not None:
            if not (numbers := multiples(info)):
                raise _nothing(f"float that is an exact multiple within {limits(info)}")
            return partial(self._chance.choice, numbers)
        low, high = ends(info)
        inner = (high - low) / 1e6  # bounds may be exclusive
        draw: Draw = partial(self._chance.uniform, low + inner, high - inner)
        if inner > 10**-_DECIMALS + 4 * math.ulp(max(abs(low), abs(high))):
            return lambda: round(draw(), _DECIMALS)
        return self._such(draw, partial(allows, info), f"float within {limits(info)}")  # to round is to leave it

    def _DecimalType(self, _info: inspect.Type) -> Draw:  # noqa: N802
        return lambda: Decimal(self._chance.randint(0, 10_000)) / 100

    def _StrType(self, info: inspect.StrType) -> Draw:  # noqa: N802
        if info.pattern is None:
            return self._text(_lengths(info.min_length, info.max_length, _LENGTH))
        low, high = info.min_length or 0, math.inf if info.max_length is None else info.max_length
        search = re.compile(info.pattern).search
        what = f"string of {low} to {high} characters that matches {info.pattern!r}"
        return self._such(
            self._matching(info.pattern), lambda text: low <= len(text) <= high and search(text) is not None, what
        )

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

    _CollectionType = _VarTupleType = _ListType

    def _SetType(self, info: inspect.CollectionType) -> Draw:  # noqa: N802
        low, high = _lengths(info.min_length, info.max_length, _ITEMS)
        if self._depth > _DEEPEST:
            high = low
        return self._different(self.draw(info.item_type), low, high) if high else list

    _FrozenSetType = _SetType

    def _TupleType(self, info: inspect.TupleType) -> Draw:  # noqa: N802
        items = [self.draw(kind) for kind in info.item_types]
        return lambda: [item() for item in items]

    def _DictType(self, info: inspect.DictType) -> Draw:  # noqa: N802
        low, high = _lengths(info.min_length, info.max_length, _ITEMS)
        kinds = info.key_type.types if isinstance(info.key_type, inspect.UnionType) else (info.key_type,)
        kinds = tuple(kind for kind in kinds if not isinstance(kind, _NO_KEYS))
        if not kinds:  # in JSON, such a dict can only be empty
            if low:
                raise _nothing(f"dict with keys of {type(info.key_type).__name__}, which JSON does not have,")
            return dict
        if self._depth > _DEEPEST:
            high = low
        if not high:
            return dict
        keys, value = self._different(self.draw(inspect.UnionType(kinds)), low, high), self.draw(info.value_type)
        return lambda: {key: value() for key in keys()}

    def _StructType(self, info: inspect.StructType) -> Draw:  # noqa: N802
        self._enter(info.cls)
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
        self._enter(info.cls)
        draws = [(field.encode_name, self.draw(field.type)) for field in info.fields]
        return lambda: {name: draw() for name, draw in draws}

    _DataclassType = _TypedDictType

    def _NamedTupleType(self, info: inspect.NamedTupleType) -> Draw:  # noqa: N802
        draws = [self.draw(field.type) for field in info.fields]
        return lambda: [draw() for draw in draws]

    # Parts of these.

    def _enter(self, kind: type) -> None:
        checked = any(hasattr(kind, name) for name in _CHECKS)
        self.unsure |= checked or any(field.validator for field in getattr(kind, "__attrs_attrs__", ()))
        if self._depth > 2 * _DEEPEST:
            raise LoadRefused(f"--type: {kind.__qualname__} holds itself without end; give --file")

    def _moment(self) -> float:
        """Some second of the first day of 2026."""
        return 1_767_225_600 + self._chance.randrange(_DAY_SECONDS)

    def _text(self, lengths: tuple[int, int]) -> Draw:
        return lambda: "".join(self._chance.choices(_LETTERS, k=self._chance.randint(*lengths)))

    def _such(self, draw: Draw, good: Callable[[Any], bool], what: str) -> Draw:
        """Of what is drawn, what is good."""
        kept = [value for value in (draw() for _ in range(_TRIED)) if good(value)]
        if not kept:
            raise _nothing(what)

        def drawn() -> Any:
            luck = (value for value in (draw() for _ in range(_TRIES)) if good(value))
            return next(luck, None) or self._chance.choice(kept)

        return drawn

    def _different(self, item: Draw, low: int, high: int) -> Draw:
        """So many values, no two of them alike."""

        def drawn() -> list[Any]:
            return different(item, self._chance.randint(low, high))

        what = f"set or dict of {low} different items"
        return self._such(drawn, lambda found: len(found) >= low, what) if low else drawn

    def _matching(self, pattern: str) -> Draw:
        try:
            from rstr import Rstr  # noqa: PLC0415 - most types have no pattern
        except ImportError as missing:
            raise LoadRefused(
                f"--type: a field must match {pattern!r}, for which the package rstr is needed:"
                " pip install 'partition-pool[load]'"
            ) from missing
        draw: Draw = partial(Rstr(self._chance).xeger, pattern)
        try:
            draw()
        except KeyError as unknown:  # what rstr does not know
            raise _nothing(f"string that matches {pattern!r}") from unknown
        return draw


_NO_KEYS: Final = (
    inspect.BoolType,
    inspect.NoneType,
    inspect.CollectionType,
    inspect.ListType,
    inspect.VarTupleType,
    inspect.TupleType,
    inspect.SetType,
    inspect.FrozenSetType,
    inspect.DictType,
    inspect.StructType,
    inspect.NamedTupleType,
    inspect.TypedDictType,
    inspect.DataclassType,
)


def different(draw: Draw, count: int) -> list[Any]:
    """So many values, no two of them alike; fewer where more do not turn up."""
    found: dict[bytes, Any] = {}
    for _ in range(_TRIES * count):
        if len(found) == count:
            break
        value = draw()
        found[msgspec.json.encode(value)] = value
    return list(found.values())


def _nothing(what: str) -> LoadRefused:
    return LoadRefused(f"--type: no {what} can be drawn; leave the field out, or give a file of records (--file)")


def _lengths(low: int | None, high: int | None, usual: tuple[int, int]) -> tuple[int, int]:
    least = low if low is not None else min(usual[0], usual[0] if high is None else high)
    return least, high if high is not None else max(least, usual[1])
