"""Which record a message is, or is the result of, whatever else is in it."""

import pytest

from supervisor.load_flaws import FLAW_HEADER, SENT_AT_HEADER, SEQ_HEADER
from supervisor.load_numbers import HotFailed, Numbers
from tests.unit.messages import message

NUMBERS = Numbers(marked=True)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (b'{"seq": 5}', 5),
        (b'{"seq": 5, "temperature": "high"}', 5),
        (b'{"seq": 5, "sent_at": "2026-01-31T12:00:00Z"}', 5),
        (b'{"seq": "5"}', 5),
        (b'{"seq": 5.0}', 5),
        (b'{"temperature": 57.30000001234}', 1234),
        (b'{"temperature": "57.30000001234"}', 1234),
        (b'{"seq": "none", "temperature": 57.30000001234}', 1234),
        (b'{"temperature": "nan"}', None),
        (b'{"seq": true}', None),
        (b'{"seq": [5', None),
        (b"[5]", None),
        (b"\xff", None),
        (b'{"seq": 5, "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
        (None, None),
    ],
)
def test_a_result_tells_its_number_by_whichever_field_can_be_read(value: bytes | None, number: int | None) -> None:
    assert NUMBERS.result(message(value)) == number


@pytest.mark.parametrize(
    ("temperature", "hot"), [("57.5", True), ('"57.5"', True), ("50.0", False), ('"high"', None), ("null", None)]
)
def test_a_record_is_known_whatever_its_temperature_is(temperature: str, hot: bool | None) -> None:
    origin = NUMBERS.origin(message(b'{"seq": 5, "sent_at": 7, "temperature": %s}' % temperature.encode()))
    assert origin is not None
    assert (origin.seq, origin.due, origin.hot) == (5, 7, hot)


@pytest.mark.parametrize("value", [b'{"seq": 5}', b'{"seq": -5, "sent_at": 7}', b'{"seq": 5, "sent_at": 1%030d}' % 0])
def test_what_no_load_has_sent_is_no_record_of_it(value: bytes) -> None:
    assert NUMBERS.origin(message(value)) is None


@pytest.mark.parametrize(
    "headers",
    [
        [(FLAW_HEADER, b"unheard of"), (SEQ_HEADER, b"5"), (SENT_AT_HEADER, b"7")],
        [(SEQ_HEADER, b"\xff"), (SENT_AT_HEADER, b"7")],
        [(SEQ_HEADER, b"9" * 5000), (SENT_AT_HEADER, b"7")],
    ],
)
def test_headers_that_no_load_has_written_are_no_record_of_it(headers: list[tuple[str, str | bytes | None]]) -> None:
    assert NUMBERS.origin(message(b"{}", headers=headers)) is None


def test_a_function_that_fails_is_told_with_what_it_was_given() -> None:
    numbers = Numbers(marked=False, hot=lambda value: value["amount"] > 5)
    with pytest.raises(HotFailed, match=r"KeyError: 'amount', given .*sent_at"):
        numbers.origin(message(b'{"seq": 5, "sent_at": 7}'))


def test_a_field_of_the_users_own_is_no_number() -> None:
    numbers = Numbers(marked=False, told=False)
    assert numbers.result(message(b'{"seq": 5}')) is None
    assert numbers.result(message(b'{"seq": 5}', headers=[(SEQ_HEADER, b"7")])) == 7
    assert numbers.origin(message(b'{"seq": 5, "sent_at": 7}')) is None
