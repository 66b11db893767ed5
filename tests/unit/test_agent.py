"""An agent feeds a handler: fast where all is well, with care where it is not, and both agree."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.unit.messages import message, messages
from workers import App, Output, Record
from workers.agent import Agent
from workers.errors import DecodeFailed, EncodeFailed, Reject


class Reading(msgspec.Struct):
    n: int


def agent_of(handler: Callable[..., Any], value: Any = Reading, **declared: Any) -> Agent:
    app = App("group")
    app.agent("in", value=value, **declared)(handler)
    return app.agents["in"]


def double(reading: Reading) -> int:
    return reading.n * 2


def with_offset(reading: Reading, record: Record) -> tuple[int, int, object, bool]:
    return reading.n, record.offset, record.key, record.value is reading


def test_a_handler_of_one_gets_the_value() -> None:
    assert list(map(agent_of(double).call, messages(b'{"n":1}', b'{"n":2}'))) == [2, 4]


def test_a_handler_of_two_gets_the_record_with_the_same_value() -> None:
    results = map(agent_of(with_offset).call, messages(b'{"n":1}', b'{"n":2}'))
    assert list(results) == [(1, 0, "k", True), (2, 1, "k", True)]


def test_a_tombstone_reaches_a_handler_whose_type_takes_it() -> None:
    assert agent_of(lambda value: value is None, value=Reading | None).call(message(None)) is True


def test_a_tombstone_is_refused_otherwise_with_its_cure() -> None:
    with pytest.raises(DecodeFailed, match=r"tombstone.*declare value=Reading \| None"):
        agent_of(double).call(message(None))


def test_an_empty_value_is_no_tombstone() -> None:
    with pytest.raises(DecodeFailed, match=r"not what value=.*Reading \| None declares"):
        agent_of(double, value=Reading | None).call(message(b""))
    assert agent_of(lambda value: value, value=bytes).call(message(b"")) == b""


class TestBatches:
    def test_a_batch_handler_gets_lists(self) -> None:
        agent = agent_of(lambda readings: sum(reading.n for reading in readings), batch=10)
        assert agent.call_batch(messages(b'{"n":1}', b'{"n":2}')) == 3
        assert agent.call(message(b'{"n":5}')) == 5

    def test_a_batch_handler_of_two_gets_the_records(self) -> None:
        def handler(readings: list[Reading], records: list[Record]) -> list[tuple[int, int]]:
            assert [record.value for record in records] == readings
            return [(reading.n, record.offset) for reading, record in zip(readings, records, strict=True)]

        agent = agent_of(handler, batch=10)
        assert agent.call_batch(messages(b'{"n":1}', b'{"n":2}')) == [(1, 0), (2, 1)]

    def test_tombstones_go_in_where_the_type_takes_them(self) -> None:
        agent = agent_of(lambda readings: readings, value=Reading | None, batch=10)
        assert agent.call_batch(messages(b'{"n":1}', None)) == [Reading(1), None]

    def test_one_wrong_value_fails_the_batch_before_the_handler_runs(self) -> None:
        called: list[Any] = []
        agent = agent_of(called.append, batch=10)
        with pytest.raises(DecodeFailed):
            agent.call_batch(messages(b'{"n":1}', b"{"))
        assert called == []


class TestCause:
    def test_a_value_at_fault_is_named_in_place_of_what_the_decoder_raised(self) -> None:
        cause = agent_of(double).cause(message(b"{"), msgspec.DecodeError("truncated"))
        assert isinstance(cause, DecodeFailed)

    def test_a_handlers_own_decode_error_stays_what_it_is(self) -> None:
        error = msgspec.DecodeError("from a call to some service")
        assert agent_of(double).cause(message(b'{"n":1}'), error) is error

    def test_a_refusal_stays_what_it_is(self) -> None:
        error = Reject("why")
        assert agent_of(double).cause(message(b"{"), error) is error


def test_handlers_may_be_callable_objects_and_generators() -> None:
    class Sum:
        def __init__(self) -> None:
            self.total = 0

        def __call__(self, reading: Reading) -> int:
            self.total += reading.n
            return self.total

    def repeat(reading: Reading) -> Iterator[Output]:
        for _ in range(reading.n):
            yield Output(reading.n)

    agent = agent_of(Sum())
    assert agent.name == "Sum"
    assert list(map(agent.call, messages(b'{"n":1}', b'{"n":2}'))) == [1, 3]
    agent = agent_of(repeat)
    assert agent.outputs(agent.call(message(b'{"n":2}'))) == [Output(2), Output(2)]


@pytest.mark.parametrize(
    ("codec", "key", "raw"),
    [
        ("json", None, None),
        ("json", "a", b"a"),
        ("json", b"\xff", b"\xff"),
        ("json", 5, b"5"),
        ("json", {"a": 1}, b'{"a":1}'),
        ("msgpack", "a", b"a"),
        ("raw", "a", b"a"),
    ],
)
def test_keys_are_text_as_it_is_and_the_rest_by_codec(codec: str, key: object, raw: bytes | None) -> None:
    assert agent_of(lambda value: value, value=bytes, codec=codec).encode_key(key) == raw


@pytest.mark.parametrize("key", ["\ud800", object()])
def test_a_key_that_cannot_be_written_is_refused(key: object) -> None:
    with pytest.raises(EncodeFailed):
        agent_of(double).encode_key(key)
