"""Typed decoding and encoding: bytes to what an agent declares, and results to bytes.

Bytes pass as they are in every codec. msgspec's decoders and encoders are C, so a bound method of theirs in a `map`
costs no Python frame.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, get_origin

import msgspec
from msgspec import inspect

from workers.errors import DecodeFailed, EncodeFailed


class Codec(StrEnum):
    """How values are written in a topic."""

    JSON = "json"
    MSGPACK = "msgpack"
    RAW = "raw"
    """Bytes as they are, `str` as UTF-8 text."""


def decoder(codec: Codec, declared: Any) -> Callable[[bytes], Any]:
    """What turns the bytes of a value that is not null into `declared`.

    Raises:
        TypeError: nothing decodes to such a type.
    """
    kind = _without_none(inspect.type_info(declared))
    if isinstance(kind, inspect.BytesType) and kind == inspect.BytesType():
        return bytes  # of bytes, bytes() makes no copy
    if codec is Codec.RAW:
        if isinstance(kind, inspect.AnyType):
            return bytes
        if isinstance(kind, inspect.StrType) and kind == inspect.StrType():
            return bytes.decode
        raise TypeError('codec="raw" gives bytes or str')
    foreign = _foreign_type(inspect.type_info(declared), set())
    if foreign is not None:
        raise TypeError(f"msgspec cannot decode {foreign.__module__}.{foreign.__qualname__}")
    module = msgspec.json if codec is Codec.JSON else msgspec.msgpack
    decode: Callable[[bytes], Any] = module.Decoder(declared).decode
    return decode


def key_decoder(codec: Codec, declared: Any) -> Callable[[bytes], Any]:
    """What turns the bytes of a key that is not null into `declared`. A key of type `str` is UTF-8 in every codec.

    Raises:
        TypeError: nothing decodes to such a type.
    """
    if declared is None:
        return _unread
    kind = _without_none(inspect.type_info(declared))
    text = isinstance(kind, inspect.StrType) and kind == inspect.StrType()
    decode = decoder(Codec.RAW if text else codec, declared)

    def decode_key(raw: bytes) -> Any:
        try:
            return decode(raw)
        except Exception as error:
            raise DecodeFailed(f"the key is not what key={type_name(declared)} declares: {error}") from error

    return decode_key


def encoder(codec: Codec) -> Callable[[Any], bytes | None]:
    """What turns a result's value into bytes: None into None, a tombstone; bytes as they are; the rest as `codec` says.

    The function that it returns raises EncodeFailed.
    """
    writers = _Writers(_writer(codec))

    def encode(value: Any) -> bytes | None:
        try:
            return writers[type(value)](value)
        except Exception as error:
            raise EncodeFailed(f"a result of type {type_name(type(value))} does not encode: {error}") from error

    return encode


def encode_text(text: str) -> bytes:
    """UTF-8.

    Raises:
        EncodeFailed: the text holds half of a surrogate pair.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EncodeFailed(f"a text is not valid Unicode: {error}") from error


def takes_null(declared: Any) -> bool:
    """Whether None is a value of the type, so that a tombstone can be one."""
    return _takes_null(inspect.type_info(declared))


def type_name(declared: Any) -> str:
    """The type as a user would write it."""
    if isinstance(declared, type) and get_origin(declared) is None:
        return declared.__qualname__
    return str(declared).replace("typing.", "")


def _takes_null(info: inspect.Type) -> bool:
    if isinstance(info, inspect.Metadata):
        return _takes_null(info.type)
    if isinstance(info, inspect.UnionType):
        return info.includes_none
    if isinstance(info, inspect.CustomType):
        return info.cls is object
    return isinstance(info, inspect.AnyType | inspect.NoneType)


def _without_none(info: inspect.Type) -> inspect.Type:
    if isinstance(info, inspect.Metadata):
        return _without_none(info.type)
    if isinstance(info, inspect.UnionType):
        rest = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
        if len(rest) == 1:
            return rest[0]
    return info


def _foreign_type(info: Any, seen: set[int]) -> type | None:
    """The first type within `info` that msgspec accepts but could never fill, if there is one."""
    if id(info) in seen:
        return None
    seen.add(id(info))
    if isinstance(info, inspect.CustomType):
        return None if info.cls is object else info.cls
    if isinstance(info, tuple | list):
        parts: list[Any] = list(info)
    elif isinstance(info, inspect.Type | inspect.Field):
        parts = [getattr(info, name) for name in info.__struct_fields__ if name not in ("default", "default_factory")]
    else:
        return None
    return next((found for part in parts if (found := _foreign_type(part, seen)) is not None), None)


def _writer(codec: Codec) -> Callable[[Any], bytes]:
    match codec:
        case Codec.JSON:
            return msgspec.json.Encoder().encode
        case Codec.MSGPACK:
            return msgspec.msgpack.Encoder().encode
        case Codec.RAW:
            return _write_raw


class _Writers(dict[type, Callable[[Any], bytes | None]]):
    """How to write a value, by its type. Each type is looked at but once: a result may follow every record."""

    def __init__(self, write: Callable[[Any], bytes]) -> None:
        super().__init__({type(None): _write_null})
        self._write = write

    def __missing__(self, kind: type) -> Callable[[Any], bytes | None]:
        self[kind] = writer = bytes if issubclass(kind, bytes | bytearray | memoryview) else self._write
        return writer


def _write_null(value: None) -> None:  # noqa: ARG001 one writer among others
    return None


def _unread(raw: bytes) -> None:
    """A key that the agent declares as None: nobody reads it."""


def _write_raw(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    raise TypeError('codec="raw" takes bytes or str')
