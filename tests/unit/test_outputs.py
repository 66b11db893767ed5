"""What a handler may return, and what it stands for."""

from collections.abc import Iterator
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import Output
from workers.errors import RecordRefused, ResultRefused
from workers.outputs import headers_of, outputs, partition_of, topic_of


class Alert(msgspec.Struct):
    id: int


class Values(list[Any]):
    """A list of a user's own."""


@pytest.mark.parametrize("value", ["text", b"raw", {"a": 1}, (1, 2), Alert(1), 0, False, {1, 2}, 1.5, "", {}, ()])
def test_these_are_one_value(value: object) -> None:
    assert list(outputs(value)) == [Output(value)]


def test_none_is_no_result_and_an_output_of_none_is_a_tombstone() -> None:
    assert list(outputs(None)) == []
    assert list(outputs(Output(None))) == [Output(None)]


def test_an_output_is_itself() -> None:
    output = Output([1], key="k")
    assert outputs(output)[0] is output


@pytest.mark.parametrize("several", [list, iter, Values, lambda items: (item for item in items)])
def test_a_list_or_an_iterator_is_several_without_its_nones(several: Any) -> None:
    assert outputs(several([1, None, Output(None), "x", (1,)])) == [
        Output(1),
        Output(None),
        Output("x"),
        Output((1,)),
    ]
    assert list(outputs(several([]))) == []


@pytest.mark.parametrize("inner", [[1], iter([1])])
def test_a_list_in_a_list_is_refused_with_its_cure(inner: object) -> None:
    with pytest.raises(ResultRefused, match=r"Output\(\[\.\.\.\]\)"):
        outputs([1, inner])


def test_a_list_in_an_output_is_one_value() -> None:
    assert outputs([Output([1, 2])]) == [Output([1, 2])]


def test_what_must_be_awaited_is_refused() -> None:
    async def alert() -> None: ...

    async def alerts() -> Any:
        yield 1

    with pytest.raises(ResultRefused, match="type coroutine, which nobody awaits"):
        outputs(alert())
    with pytest.raises(ResultRefused, match="type async_generator, which nobody awaits"):
        outputs([alerts()])


def test_what_an_iterator_raises_comes_through_and_nothing_is_half_done() -> None:
    def handler() -> Iterator[int]:
        yield 1
        raise KeyError("late")

    with pytest.raises(KeyError, match="late"):
        outputs(handler())


@given(st.lists(st.one_of(st.none(), st.integers(), st.text(), st.builds(Output, st.integers()))))
def test_a_list_and_an_iterator_over_it_stand_for_the_same(items: list[Any]) -> None:
    assert outputs(items) == outputs(iter(items))
    assert len(outputs(items)) == sum(item is not None for item in items)


@pytest.mark.parametrize(
    ("headers", "pairs"),
    [
        (None, []),
        ([], []),
        ({}, []),
        ({"a": "1", "b": None}, [("a", b"1"), ("b", None)]),
        ([("a", b"1"), ("a", b"2")], [("a", b"1"), ("a", b"2")]),
        ((("a", "ü"),), [("a", "ü".encode())]),
        ([["a", b"1"]], [("a", b"1")]),
    ],
)
def test_headers_are_pairs_or_a_mapping(headers: Any, pairs: list[tuple[str, bytes | None]]) -> None:
    assert headers_of(Output(1, headers=headers)) == pairs


SURROGATE = "\ud800"


@pytest.mark.parametrize(
    "headers",
    [
        {"n": 5},
        {"n": 5.0},
        {5: b"n"},
        ["n"],
        ["nv"],
        [("n", b"1", 2)],
        [5],
        {"n": bytearray(b"1")},
        {SURROGATE: b""},
        {"n": SURROGATE},
    ],
)
def test_headers_that_the_client_would_choke_on_are_refused(headers: Any) -> None:
    with pytest.raises(RecordRefused):
        headers_of(Output(1, headers=headers))


@pytest.mark.parametrize("partition", ["1", 1.0, -2, 2**31])
def test_what_is_no_partition_is_refused(partition: Any) -> None:
    with pytest.raises(ResultRefused, match="give a number from 0"):
        partition_of(Output(1, partition=partition))


def test_without_a_partition_the_key_decides() -> None:
    assert [partition_of(Output(1, partition=given)) for given in (None, 0, 7)] == [-1, 0, 7]


@pytest.mark.parametrize("topic", [5, b"out", "a\0b", SURROGATE])
def test_what_is_no_topics_name_is_refused(topic: Any) -> None:
    with pytest.raises(RecordRefused):
        topic_of(Output(1, topic=topic))


class Names(str, Enum):  # noqa: UP042 - what the test is about
    ORDERS = "orders"


class Number:
    """As numpy's integers are: no int, but one to count by."""

    def __index__(self) -> int:
        return 7


def test_names_of_an_enumeration_and_numbers_of_others_are_taken() -> None:
    assert topic_of(Output(1, topic=Names.ORDERS)) == "orders"
    assert partition_of(Output(1, partition=Number())) == 7  # type: ignore[arg-type]  # what the test is about
