"""What the generator can send besides readings: values of any type, lines of a file, records with flaws."""

import datetime as dt
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest
from msgspec import Meta, Struct

from supervisor.load_file import FilePayload
from supervisor.load_flaws import Flaw, Flawed, Numbered
from supervisor.load_keys import Keys
from supervisor.load_refused import LoadRefused
from supervisor.load_struct import StructPayload
from supervisor.payload import Message

DUE = 1_770_000_000_000_000_000


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Place(NamedTuple):
    x: float
    y: float


class Facts(TypedDict):
    note: str


class Cat(Struct, tag=True):
    lives: Annotated[int, Meta(ge=1, le=9)]


class Dog(Struct, tag=True, rename="camel"):
    good_boy: bool


class Node(Struct):
    name: str
    next: "Node | None" = None
    children: "list[Node]" = []


class Pair(Struct, array_like=True):
    left: int
    right: str


class Everything(Struct):
    seq: int
    sent_at: int
    device: str
    number: Annotated[int, Meta(gt=5, lt=20, multiple_of=5)]
    below: Annotated[int, Meta(le=-1000)]
    share: Annotated[float, Meta(gt=0, lt=1)]
    code: Annotated[str, Meta(pattern=r"^[A-Z]{3}-\d{4}$")]
    word: Annotated[str, Meta(min_length=30, max_length=31)]
    blob: bytes
    moment: dt.datetime
    zoned: Annotated[dt.datetime, Meta(tz=True)]
    naive: Annotated[dt.datetime, Meta(tz=False)]
    day: dt.date
    time: dt.time
    gap: dt.timedelta
    price: Decimal
    id: uuid.UUID
    colour: Colour
    kind: Literal["a", "b", 3]
    maybe: int | None
    pet: Cat | Dog
    place: Place
    facts: Facts
    pair: Pair
    numbers: Annotated[list[int], Meta(min_length=2, max_length=4)]
    pairs: tuple[int, str]
    names: set[str]
    table: Mapping[str, float]
    tree: Node
    anything: Any


class Order(Struct):
    order: str
    amount: float


def keys(count: int = 10) -> Keys:
    return Keys(count, None, random.Random(1))


def structs(kind: Any, key: str | None = None, size: int = 0) -> StructPayload:
    return StructPayload(kind, keys(), key, size, random.Random(1))


def test_every_field_is_drawn_from_its_type_and_constraints() -> None:
    payload = structs(Everything, key="device")
    assert payload.numbered
    for seq, message in enumerate(payload.messages(range(300), [DUE] * 300)):
        value = msgspec.json.decode(message["value"], type=Everything)  # checks all constraints
        assert (value.seq, value.sent_at) == (seq, DUE)
        assert value.device.encode() == message["key"]


def test_all_values_of_a_choice_come_up() -> None:
    values = [
        msgspec.json.decode(m["value"], type=Everything) for m in structs(Everything).messages(range(200), [0] * 200)
    ]
    assert {value.colour for value in values} == set(Colour)
    assert {type(value.pet) for value in values} == {Cat, Dog}
    assert {value.number for value in values} == {10, 15}
    assert {value.maybe is None for value in values} == {True, False}


def test_a_type_without_a_number_is_numbered_by_headers() -> None:
    payload = structs(Order)
    assert not payload.numbered
    (message,) = Numbered(payload).messages([7], [DUE])
    assert message["headers"] == [("load.seq", b"7"), ("load.sent_at", b"%d" % DUE)]


def test_a_value_is_padded_and_still_of_its_type() -> None:
    (message,) = structs(Order, size=500).messages([1], [DUE])
    assert len(message["value"]) == 500
    msgspec.json.decode(message["value"], type=Order)


class Nothing(Struct):
    pass


@pytest.mark.parametrize("size", [20, 21, 300])
def test_a_value_without_fields_is_padded_too(size: int) -> None:
    (message,) = structs(Nothing, size=size).messages([1], [DUE])
    assert len(message["value"]) == size
    msgspec.json.decode(message["value"], type=Nothing)


class Tight(Struct):
    """Constraints that few of the values meet that are drawn without them."""

    code: Annotated[str, Meta(pattern="^[a-z]+$", min_length=5, max_length=40)]
    colours: Annotated[set[Colour], Meta(min_length=2)]
    flags: Annotated[frozenset[bool], Meta(min_length=2)]
    days: Annotated[dict[dt.date, int], Meta(min_length=1)]
    digits: Annotated[dict[Annotated[int, Meta(ge=0, le=4)], int], Meta(min_length=5, max_length=5)]
    tenths: Annotated[float, Meta(multiple_of=0.1, gt=0)]
    unit: Annotated[float, Meta(ge=0, le=1, multiple_of=1)]
    large: Annotated[int, Meta(gt=2**62, lt=2**62 + 3)]
    none: dict[bool, int]


def test_constraints_that_few_values_meet_are_kept() -> None:
    found = [msgspec.json.decode(m["value"], type=Tight) for m in structs(Tight).messages(range(500), [DUE] * 500)]
    assert {value.unit for value in found} == {0, 1}
    assert len({value.tenths for value in found}) > 5
    assert {len(value.colours) for value in found} == {2}
    assert {value.large for value in found} == {2**62 + 1, 2**62 + 2}


class Counted(Struct):
    seq: Annotated[int, Meta(ge=1, le=10)]
    sent_at: int


def test_a_field_that_cannot_be_every_records_number_is_drawn_like_others() -> None:
    payload = structs(Counted)
    assert not payload.numbered
    values = [msgspec.json.decode(m["value"], type=Counted) for m in payload.messages(range(50), [DUE] * 50)]
    assert {value.sent_at for value in values} == {DUE}
    assert {value.seq for value in values} == set(range(1, 11))


class Plain(Struct):
    seq: int
    sent_at: int


@pytest.mark.parametrize("key", ["seq", "sent_at"])
def test_a_field_that_is_the_key_tells_no_number_and_no_time(key: str) -> None:
    payload = structs(Plain, key=key)
    assert not payload.numbered
    for seq, message in enumerate(Numbered(payload).messages(range(100, 200), [DUE] * 100), 100):
        value = msgspec.json.decode(message["value"])
        assert message["key"] == b"%d" % value[key]
        assert value[key] < 10
        assert {"seq": seq, "sent_at": DUE} | {key: value[key]} == value
        assert dict(message["headers"]) == {"load.seq": b"%d" % seq, "load.sent_at": b"%d" % DUE}


class Picky(Struct):
    """Refuses what its constraints let pass."""

    number: int

    def __post_init__(self) -> None:
        if self.number == 7:
            raise KeyError(self.number)


@dataclass
class Even:
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("odd")


class Holder(Struct):
    seq: int
    parts: "dict[str, Picky | None]"
    even: Even


@pytest.mark.parametrize("kind", [Picky, Even, Holder])
def test_what_a_type_refuses_by_a_check_of_its_own_is_drawn_again(kind: Any) -> None:
    for message in structs(kind).messages(range(2000), [DUE] * 2000):
        msgspec.json.decode(message["value"], type=kind)


class Small(Struct):
    seq: int
    sent_at: int

    def __post_init__(self) -> None:
        if self.seq > 100:
            raise ValueError("too large")


def test_a_record_that_its_type_refuses_whatever_is_drawn_ends_it_with_words() -> None:
    payload = structs(Small)
    assert len(payload.messages(range(100), [DUE] * 100)) == 100
    with pytest.raises(LoadRefused, match=r"no values of Small can be drawn: too large in \{.*give a file"):
        payload.messages([101], [DUE])


def test_what_has_no_check_of_its_own_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = structs(Everything)
    monkeypatch.setattr(payload, "_decode", None)
    assert len(payload.messages(range(10), [DUE] * 10)) == 10


class Narrow(Struct):
    """Bounds between which few or no numbers of nine decimals lie."""

    little: Annotated[float, Meta(gt=0, lt=1e-5)]
    less: Annotated[float, Meta(gt=1e-12, lt=2e-12)]
    large: Annotated[float, Meta(gt=1e17, lt=1e17 + 100)]
    one: Annotated[float, Meta(ge=1e-10, le=1e-10)]


def test_a_float_is_within_its_bounds_however_near_they_are() -> None:
    messages = structs(Narrow).messages(range(20_000), [DUE] * 20_000)
    values = [msgspec.json.decode(message["value"], type=Narrow) for message in messages]
    assert len({value.little for value in values}) > 10_000
    assert {value.one for value in values} == {1e-10}


def test_of_a_dicts_keys_those_are_drawn_that_json_has() -> None:
    found = [msgspec.json.decode(m["value"]) for m in structs(dict[str | None, int]).messages(range(50), [DUE] * 50)]
    assert max(map(len, found)) == 3
    for nothing in (dict[None, int], dict[list[int], int], dict[dict[str, int] | None, int]):
        assert {message["value"] for message in structs(nothing).messages(range(50), [DUE] * 50)} == {b"{}"}


class Keyed(Struct):
    number: Annotated[int, Meta(ge=1)]
    tens: Annotated[int, Meta(gt=0, le=100, multiple_of=10)]
    below: Annotated[int, Meta(lt=0)]
    text: str
    maybe: str | None
    short: Annotated[str, Meta(max_length=3)]
    long: Annotated[str, Meta(min_length=20)]
    code: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    id: uuid.UUID
    day: dt.datetime


@pytest.mark.parametrize("key", Keyed.__struct_fields__)
def test_the_keys_field_meets_its_constraints_and_every_process_gives_a_key_the_same_value(key: str) -> None:
    seen: list[set[bytes]] = []
    for seed in range(2):
        payload = StructPayload(Keyed, keys(), key, 0, random.Random(seed))
        messages = payload.messages(range(300), [0] * 300)
        for message in messages:
            value = getattr(msgspec.json.decode(message["value"], type=Keyed), key)
            text = msgspec.to_builtins(value)
            assert message["key"] == str(text).replace("+00:00", "Z").encode()
        seen.append({message["key"] for message in messages})
    assert len(seen[0]) == 10
    assert seen[0] == seen[1]


class Tree(TypedDict):
    kids: dict[str, "Tree"]


class Chain(TypedDict):
    next: "Chain"


def test_a_type_may_hold_itself_where_it_can_end() -> None:
    for message in structs(Tree).messages(range(20), [DUE] * 20):
        msgspec.json.decode(message["value"], type=Tree)


class Count(NamedTuple):
    """A list in JSON, so that its fields have no names there."""

    seq: int
    sent_at: int


class Unknown(Struct):
    field: "Nowhere"  # type: ignore[name-defined]  # noqa: F821


class Astray(Struct):
    field: "dt.nothing"  # type: ignore[name-defined]


def test_what_is_a_list_in_json_is_numbered_by_headers() -> None:
    payload = structs(Count)
    assert not payload.numbered
    (message,) = payload.messages([7], [DUE])
    assert isinstance(msgspec.json.decode(message["value"]), list)


class Impossible(Struct):
    number: Annotated[int, Meta(gt=5)] | None
    words: Annotated[dict[Literal["a"], int], Meta(min_length=2)]


@pytest.mark.parametrize(
    ("kind", "key", "says"),
    [
        (Impossible, None, "no set or dict of 2 different items can be drawn; leave the field out, or give a file"),
        (Annotated[dict[bool, int], Meta(min_length=1)], None, "no dict with keys of BoolType"),
        (Annotated[int, Meta(gt=1, lt=2)], None, "no integer within gt=1, lt=2"),
        (Annotated[float, Meta(ge=1, le=2, multiple_of=7)], None, "no float that is an exact multiple"),
        (Annotated[str, Meta(pattern="^[ab]{9}$", max_length=3)], None, "no string of 0 to 3 characters that matches"),
        (Order, "nothing", "no such field; it has order, amount"),
        (Cat | Dog, "name", "no such field; it has none"),
        (Everything, "colour", "only 2 different values; give --devices 2"),
        (Tight, "large", "only 2 different values; give --devices 2"),
        (complex, None, "no telling"),
        (Chain, None, "Chain holds itself without end"),
        (Count, "seq", "no such field; it has none"),
        (Unknown, None, "msgspec does not know"),
        (Astray, None, "msgspec does not know .* has no attribute 'nothing'"),
        (Annotated[int, Meta(le=2**70)], None, "msgspec does not know .* don't fit in an int64"),
        (Annotated[int, Meta(ge=2**64)], None, "msgspec does not know .* don't fit in an int64"),
        (set[dict[str, int]], None, "no values of .* can be drawn: unhashable"),
        (dict[Literal["a", None], int], None, "no values of .* can be written as JSON: "),  # noqa: PYI061
        (Annotated[float, Meta(gt=1, lt=1.0000000000000002)], None, "no float within gt=1, lt=1"),
    ],
)
def test_what_cannot_be_filled_is_refused(kind: Any, key: str | None, says: str) -> None:
    with pytest.raises(LoadRefused, match=says):
        structs(kind, key=key)


def written(directory: Path, text: str) -> Path:
    path = directory / "records.jsonl"
    path.write_text(text)
    return path


def test_lines_are_sent_as_they_are_again_from_the_first(tmp_path: Path) -> None:
    file = FilePayload(written(tmp_path, '{"id": "a",  "n": 1}\n\n{"id": 7}\n{"id": null}\n'), "id")
    assert len(file) == 3
    found = [(message["key"], message["value"]) for message in file.messages(range(4), [0] * 4)]
    first = (b"a", b'{"id": "a",  "n": 1}')
    assert found == [first, (b"7", b'{"id": 7}'), (None, b'{"id": null}'), first]


def test_what_values_weigh_is_told(tmp_path: Path) -> None:
    file = FilePayload(written(tmp_path, f'{{"id": "{"x" * 100_000}"}}\n{{}}\n'), None)
    assert file.weight == pytest.approx(50_000, rel=0.01)
    assert structs(Order, size=4000).weight == 4000
    flaws = Flawed(file, {Flaw.OVERSIZED: 0.5, Flaw.LATE: 0.1}, 900_000, 0, random.Random(1))
    assert flaws.weight == pytest.approx(500_000, rel=0.01)


def test_times_are_read_in_every_unit_and_in_iso_8601(tmp_path: Path) -> None:
    given = ["1770000000", "1770000000500", "1770000001000000", "1770000002000000000", '"2026-02-02T02:40:03Z"']
    file = FilePayload(written(tmp_path, "".join(f'{{"t": {one}}}\n' for one in given)), None)
    assert [time - 1_770_000_000 for time in file.times("t")] == [0, 0.5, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ('{"t": 1}\nnonsense\n', "record 2: it is no JSON"),
        ('{"t": 1}\n{"u": 1}\n', "record 2: it has no field t"),
        ('{"t": "soon"}\n', "record 1: t is no time"),
        ('{"t": 1%s}\n' % ("0" * 400), "record 1: t is no time"),
        ('{"t": -1%s}\n' % ("0" * 400), "record 1: t is no time"),
        ("1\n" + "[" * 100_000 + "]" * 100_000 + "\n", "record 2: it is nested too deeply"),
        ('{"t": 2}\n{"t": 1}\n', "record 2: its t is earlier"),
    ],
)
def test_a_file_that_will_not_do_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(LoadRefused, match=says):
        FilePayload(written(tmp_path, text), None).times("t")


def test_a_line_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b'{"t": 1}\n{"t": "\xff"}\n')
    with pytest.raises(LoadRefused, match="record 2: it is no JSON"):
        FilePayload(path, None)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadRefused, match="cannot be read"):
        FilePayload(tmp_path / "nothing", None)


def flawed(**shares: float) -> list[Message]:
    chance = random.Random(1)
    payload = structs(Order)
    flaws = Flawed(payload, {Flaw(name): share for name, share in shares.items()}, 5000, 60_000, chance)
    return flaws.messages(range(1000), [DUE] * 1000)


def flaw(message: Message) -> str | None:
    value = dict(message["headers"]).get("load.flaw")
    return None if value is None else value.decode()


def test_flaws_come_in_their_shares_and_say_what_they_are() -> None:
    messages = flawed(malformed=0.1, tombstone=0.1, duplicate=0.1)
    counts = {kind: sum(flaw(message) == kind for message in messages) for kind in ("malformed", "tombstone")}
    assert all(70 < count < 130 for count in counts.values())
    assert max((dict(message["headers"])["load.seq"] for message in messages), key=int) == b"999"


def test_a_malformed_value_cannot_be_decoded() -> None:
    for message in flawed(malformed=1.0):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(message["value"])


def test_an_oversized_value_is_of_its_type_and_size() -> None:
    for message in flawed(oversized=1.0)[:10]:
        assert len(message["value"]) > 5000
        msgspec.json.decode(message["value"], type=Order)


def test_what_is_oversized_may_have_no_fields(tmp_path: Path) -> None:
    file = FilePayload(written(tmp_path, "{ }\n"), None)
    (message,) = Flawed(file, {Flaw.OVERSIZED: 1.0}, 5000, 0, random.Random(1)).messages([0], [DUE])
    assert len(msgspec.json.decode(message["value"])["pad"]) == 5000


class Strict(Struct, forbid_unknown_fields=True):
    order: str


class Short(Struct):
    order: str
    pad: Annotated[str, Meta(max_length=1000)] = ""


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Strict, "--oversized: Strict takes no field that makes a value longer: .*unknown field `pad`"),
        (Short, "--oversized: Short takes no field that makes a value longer: .*length <= 1000"),
        (dict[str, int], "--oversized: dict.* takes no field that makes a value longer"),
        (Pair, "--oversized: a value of Pair may be no JSON object, such as "),
        (Order | list[int], "--oversized: a value of .* may be no JSON object, such as "),
    ],
)
def test_a_type_whose_values_cannot_be_oversized_is_refused(kind: Any, says: str) -> None:
    with pytest.raises(LoadRefused, match=says):
        structs(kind).require_pad(5000)
    structs(Order).require_pad(5000)


def test_a_file_with_a_line_that_cannot_be_oversized_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadRefused, match="record 2: it is no JSON object, so it cannot be made longer"):
        FilePayload(written(tmp_path, '{"a": 1}\n[1, 2]\n'), None).require_pad()
    FilePayload(written(tmp_path, '{"a": 1}\n{ }\n'), None).require_pad()


def test_a_duplicate_comes_twice_a_late_one_is_old_a_tombstone_has_no_value() -> None:
    assert len(flawed(duplicate=1.0)) == 2000
    assert {message["timestamp"] for message in flawed(late=1.0)} == {DUE // 1_000_000 - 60_000}
    assert {message["value"] for message in flawed(tombstone=1.0)} == {None}
