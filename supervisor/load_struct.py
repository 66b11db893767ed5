"""Payload of any type that msgspec knows: each record's value is drawn from the type's fields and constraints."""

import math
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import inspect

from supervisor.load_file import key_text
from supervisor.load_filling import Filling, different
from supervisor.load_keys import Keys
from supervisor.load_limits import allows, integers
from supervisor.load_refused import LoadRefused
from supervisor.payload import Batch, Message, pad, with_pad

SEQ: Final = "seq"
SENT_AT: Final = "sent_at"

_NUMBERS: Final = (0, 1, 2**31 - 1)
_MOMENTS: Final = (10**18, 10**18 + 1, 4 * 10**18)
"""Nanoseconds since 1970."""
_TRIED: Final = 50
_DRAWN: Final = 1000
"""Values for one record, of which its type has to take one."""
_SHOWN: Final = 500
"""Characters of a value."""


class StructPayload:
    """Values of one type, as JSON.

    Integer fields of the names `seq` and `sent_at` get the record's number and the time at which it was due, where
    their constraints let them, and where they are not the key.

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
        filling = Filling(chance)
        self._draw = filling.draw(_type_info(kind))
        self._make = self._sound if filling.unsure else self._message
        self._name = _name(kind)
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(kind).decode
        fields = _fields(kind)
        self._seq = SEQ if key != SEQ and _takes(fields.get(SEQ), _NUMBERS) else None
        self._sent_at = SENT_AT if key != SENT_AT and _takes(fields.get(SENT_AT), _MOMENTS) else None
        self.numbered = self._seq is not None and self._sent_at is not None
        """Whether a value says by itself which record it is, and when it was due."""
        self.told = self._seq is not None
        """Whether it says at least which record it is."""
        self._key = key
        self._key_values: Sequence[Any] = ()
        if key is not None:
            if key not in fields:
                has = ", ".join(fields) or "none"
                raise LoadRefused(f"--key {key}: {self._name} has no such field; it has {has}")
            self._key_values = _key_values(key, fields[key], keys.count)
        self.weight = self._try()

    def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
        keys = self._keys.take(len(seqs))
        return [self._make(*facts) for facts in zip(seqs, dues, keys, strict=True)]

    def bulk(self, seqs: range, due: int) -> list[Batch]:
        return [(-1, self.messages(seqs, [due] * len(seqs)))]

    def require_pad(self, size: int) -> None:
        """Have some values read that are longer by so many bytes, as oversized ones are.

        Raises:
            LoadRefused: they cannot be made longer, or are then no longer of the type.
        """
        text = b"x" * size
        for value in self._some():
            if value[-1:] != b"}":
                raise LoadRefused(
                    f"--oversized: a value of {self._name} may be no JSON object, such as {value.decode()[:_SHOWN]}, so"
                    " no field makes it longer; leave out --oversized"
                )
            if (failure := self._failure(with_pad(value, text))) is not None:
                raise LoadRefused(
                    f"--oversized: {self._name} takes no field that makes a value longer: {failure};"
                    " leave out --oversized, or let it take unknown fields"
                ) from failure

    def _sound(self, seq: int, due: int, key: int) -> Message:
        """A record that its type takes, where that may refuse what is drawn.

        Raises:
            LoadRefused: it takes none, as where it does not like the number or the key.
        """
        message, left = self._message(seq, due, key), _DRAWN
        while (failure := self._failure(message["value"])) is not None:
            if not (left := left - 1):
                raise self._refusal(message["value"], failure) from failure
            message = self._message(seq, due, key)
        return message

    def _message(self, seq: int, due: int, key: int) -> Message:
        value = self._draw()
        if self._seq:
            value[self._seq] = seq
        if self._sent_at:
            value[self._sent_at] = due
        if self._key:
            value[self._key] = self._key_values[key]
            text = key_text(value[self._key])
        else:
            text = b"key-%04d" % key
        encoded = self._encode(value)
        if len(encoded) < self._size and encoded[-1:] == b"}":
            encoded = pad(encoded, self._size)
        return {"key": text, "value": encoded}

    def _try(self) -> int:
        """Have some values read, so that what is sent is of the type; how long they are."""
        try:
            values = self._some()
        except TypeError as failure:  # such as a dict with a key that JSON does not have
            raise LoadRefused(
                f"--type: no values of {self._name} can be written as JSON: {failure};"
                " give a file of records instead (--file)"
            ) from failure
        for value in values:
            if (wrong := self._failure(value)) is not None:
                raise self._refusal(value, wrong) from wrong
        return math.ceil(statistics.fmean(map(len, values)))

    def _some(self) -> list[bytes]:
        """Values that might be sent now."""
        return [message["value"] for message in self.messages(range(_TRIED), [time.time_ns()] * _TRIED)]

    def _failure(self, value: bytes) -> Exception | None:
        """Why no app could read a value; None: it could."""
        try:
            self._decode(value)
        except Exception as failure:  # noqa: BLE001 - a type's own check may raise anything
            return failure
        return None

    def _refusal(self, value: bytes, failure: Exception) -> LoadRefused:
        return LoadRefused(
            f"--type: no values of {self._name} can be drawn: {failure} in {value.decode()[:_SHOWN]};"
            " give a file of records instead (--file)"
        )


def _type_info(kind: Any) -> inspect.Type:
    try:
        return inspect.type_info(kind)
    except Exception as failure:  # such as of a bound of 2**64, or of a field's type that is text and names nothing
        raise LoadRefused(f"--type: msgspec does not know {kind!r}: {failure}") from failure


def _name(kind: Any) -> str:
    return getattr(kind, "__qualname__", None) or str(kind)  # a union has no name


def _fields(kind: Any) -> dict[str, inspect.Type]:
    """The types of a record's fields, by their names in JSON; none where it is not an object with fields."""
    info = _type_info(kind)
    if isinstance(info, inspect.NamedTupleType) or (isinstance(info, inspect.StructType) and info.array_like):
        return {}
    return {field.encode_name: field.type for field in getattr(info, "fields", ())}


def _takes(info: inspect.Type | None, numbers: Sequence[int]) -> bool:
    return isinstance(info, inspect.IntType) and allows(info, *numbers)


def _key_values(name: str, info: inspect.Type, count: int) -> Sequence[Any]:
    """What the key's field holds, by the key's number: the same in all processes."""
    if isinstance(info, inspect.UnionType):  # not None, which is no key
        info = next(kind for kind in info.types if not isinstance(kind, inspect.NoneType))
    names = [f"key-{number:04d}" for number in range(count)]
    values: Sequence[Any]
    if isinstance(info, inspect.IntType):
        values = integers(info, count)[:count]
    elif isinstance(info, inspect.StrType) and _takes_texts(info, names):
        values = names
    else:
        values = msgspec.to_builtins(different(Filling(random.Random(name)).draw(info), count))
    if len(values) < count:
        raise LoadRefused(f"--key {name}: it has only {len(values)} different values; give --devices {len(values)}")
    return values


def _takes_texts(info: inspect.StrType, texts: Sequence[str]) -> bool:
    """Whether a type takes texts of ascending length."""
    shortest, longest = len(texts[0]), len(texts[-1])
    return info.pattern is None and (info.min_length or 0) <= shortest <= longest <= (info.max_length or longest)
