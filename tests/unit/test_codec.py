"""Bytes to declared types and back, and what cannot be declared."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, NewType, Optional, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.codec import Codec, decoder, encoder, key_decoder, takes_null, type_name
from workers.errors import DecodeFailed, EncodeFailed


class Reading(msgspec.Struct):
    id: str
    children: "list[Reading]" = []


class Typed(TypedDict):
    a: int


@dataclass
class Point:
    x: int


class Foreign:
    """A class that msgspec knows nothing about."""


class Holder(msgspec.Struct):
    inner: "list[Foreign | None]"


UserId = NewType("UserId", int)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("declared", "raw", "value"),
    [
        (Reading, b'{"id":"a","children":[{"id":"b"}]}', Reading("a", [Reading("b")])),
        (Typed, b'{"a":1}', {"a": 1}),
        (Point, b'{"x":1}', Point(1)),
        (dict[str, Any], b'{"a":[1]}', {"a": [1]}),
        (Any, b"[1]", [1]),
        (object, b"[1]", [1]),
        (str, b'"a"', "a"),
        (UserId, b"5", 5),
        (Reading | None, b'{"id":"a"}', Reading("a")),
        (Optional[int], b"5", 5),  # noqa: UP045 both spellings
        (Annotated[int, msgspec.Meta(ge=1)], b"5", 5),
        (Decimal, b'"1.5"', Decimal("1.5")),
    ],
)
def test_json_decodes_to_what_is_declared(declared: Any, raw: bytes, value: object) -> None:
    assert decoder(Codec.JSON, declared)(raw) == value


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("declared", [bytes, bytes | None])
def test_bytes_pass_as_they_are_in_every_codec(codec: Codec, declared: Any) -> None:
    raw = b"\x00\xff not JSON"
    assert decoder(codec, declared)(raw) is raw
    assert encoder(codec)(raw) is raw
    assert encoder(codec)(bytearray(raw)) == raw
    assert encoder(codec)(memoryview(raw)) == raw


@pytest.mark.parametrize("codec", Codec)
def test_none_is_a_tombstone_in_every_codec(codec: Codec) -> None:
    assert encoder(codec)(None) is None


def test_text_is_json_in_json_and_utf8_when_raw() -> None:
    assert encoder(Codec.JSON)("ü") == '"ü"'.encode()
    assert encoder(Codec.RAW)("ü") == "ü".encode()
    assert decoder(Codec.RAW, str)("ü".encode()) == "ü"
    assert decoder(Codec.RAW, str | None)(b"a") == "a"


@pytest.mark.parametrize("declared", [int, Reading, dict[str, Any], Annotated[str, msgspec.Meta(max_length=3)]])
def test_raw_gives_nothing_but_bytes_and_text(declared: Any) -> None:
    with pytest.raises(TypeError, match="gives bytes or str"):
        decoder(Codec.RAW, declared)


@pytest.mark.parametrize("declared", [Foreign, list[Foreign], dict[str, Foreign], Holder, Foreign | None])
@pytest.mark.parametrize("codec", [Codec.JSON, Codec.MSGPACK])
def test_a_type_that_can_never_be_filled_is_refused_wherever_it_hides(codec: Codec, declared: Any) -> None:
    with pytest.raises(TypeError, match=r"cannot decode .*Foreign"):
        decoder(codec, declared)


@pytest.mark.parametrize("declared", [5, "Reading", int | Foreign, bytes | str])
def test_what_msgspec_refuses_is_refused(declared: Any) -> None:
    with pytest.raises(TypeError):
        decoder(Codec.JSON, declared)


@pytest.mark.parametrize(
    ("declared", "takes"),
    [
        (Reading, False),
        (Reading | None, True),
        (Optional[Reading], True),  # noqa: UP045 both spellings
        (Annotated[Reading | None, msgspec.Meta(title="t")], True),
        (Any, True),
        (object, True),
        (None, True),
        (bytes, False),
        (bytes | None, True),
        (dict[str, None], False),
    ],
)
def test_a_tombstone_needs_a_type_that_takes_none(declared: Any, takes: bool) -> None:
    assert takes_null(declared) is takes


@pytest.mark.parametrize("codec", [Codec.JSON, Codec.MSGPACK])
@given(value=JSON)
def test_what_is_encoded_decodes_to_itself(codec: Codec, value: Any) -> None:
    raw = encoder(codec)(value)
    assert value is None or decoder(codec, Any)(raw or b"") == value


@pytest.mark.parametrize("codec", Codec)
def test_a_result_that_cannot_be_encoded_says_its_type(codec: Codec) -> None:
    with pytest.raises(EncodeFailed, match="type Foreign does not encode"):
        encoder(codec)(Foreign())


@pytest.mark.parametrize(
    ("codec", "declared", "raw", "key"),
    [
        (Codec.JSON, str, b"a", "a"),
        (Codec.MSGPACK, str, b"a", "a"),
        (Codec.JSON, str | None, b"a", "a"),
        (Codec.JSON, bytes, b"\xff", b"\xff"),
        (Codec.JSON, int, b"5", 5),
        (Codec.JSON, None, b"\xff", None),
        (Codec.MSGPACK, Typed, msgspec.msgpack.encode({"a": 1}), {"a": 1}),
        (
            Codec.JSON,
            UUID,
            b'"00000000-0000-0000-0000-000000000001"',
            UUID(int=1),
        ),
    ],
)
def test_keys_have_types_of_their_own(codec: Codec, declared: Any, raw: bytes, key: object) -> None:
    assert key_decoder(codec, declared)(raw) == key


def test_a_wrong_key_says_what_was_declared() -> None:
    with pytest.raises(DecodeFailed, match="the key is not what key=str declares"):
        key_decoder(Codec.JSON, str)(b"\xff")


def test_types_are_named_as_one_writes_them() -> None:
    assert type_name(Reading) == "Reading"
    assert type_name(dict[str, Any]) == "dict[str, Any]"
    assert type_name(int | None) == "int | None"
