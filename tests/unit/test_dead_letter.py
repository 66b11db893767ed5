"""A dead letter: the record as it was, and headers that say what happened, none of it without bound."""

import hashlib
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.messages import message
from workers import Reject
from workers.account import MESSAGE_BYTES, TRACEBACK_BYTES
from workers.dead_letter import DeadLetter, envelope


def raised(error: Exception) -> Exception:
    """The error with a traceback."""
    with pytest.raises(type(error)):
        raise error
    return error


def letter_of(
    error: BaseException, headers: Sequence[tuple[str, bytes | None]] = (), timestamp: int = 123
) -> DeadLetter:
    failed = message(b"value \xff", key=b"\x00key", headers=[*headers], timestamp=timestamp)
    return envelope(failed, error, topic="in.g.dead", group="g", attempts=3, failed_at_ms=1_700_000_000_007)


def test_the_record_is_untouched_and_its_headers_come_first() -> None:
    own: list[tuple[str, bytes | None]] = [("a", b"\xff"), ("b", None), ("a", b""), ("pool.group", b"earlier")]
    letter = letter_of(ValueError("no"), own, timestamp=456)
    assert (letter.topic, letter.key, letter.value, letter.timestamp) == ("in.g.dead", b"\x00key", b"value \xff", 456)
    assert letter.headers[:4] == own
    assert dict(letter.headers)["pool.group"] == b"g"


def test_the_headers_tell_where_why_how_often_and_when() -> None:
    told = dict(letter_of(raised(KeyError("device"))).headers)
    trace = told.pop("pool.error.traceback") or b""
    assert trace.startswith(b"Traceback (most recent call last):\n")
    assert trace.endswith(b"KeyError: 'device'\n")
    assert told == {
        "pool.origin.topic": b"in",
        "pool.origin.partition": b"3",
        "pool.origin.offset": b"5",
        "pool.origin.timestamp": b"123",
        "pool.group": b"g",
        "pool.error.class": b"KeyError",
        "pool.error.message": b"'device'",
        "pool.attempts": b"3",
        "pool.failed_at": b"2023-11-14T22:13:20.007+00:00",
    }


def test_a_class_is_named_with_its_module() -> None:
    assert dict(letter_of(Reject("why")).headers)["pool.error.class"] == b"workers.errors.Reject"
    assert dict(letter_of(msgspec.DecodeError()).headers)["pool.error.class"] == b"msgspec.DecodeError"


def test_a_record_without_timestamp_gets_none() -> None:
    failed = message(b"v", timestamp=None)
    assert envelope(failed, ValueError(), topic="d", group="g", attempts=1, failed_at_ms=0).timestamp == 0


def test_a_tombstone_stays_one() -> None:
    letter = envelope(message(None, key=None), ValueError(), topic="d", group="g", attempts=1, failed_at_ms=0)
    assert (letter.key, letter.value) == (None, None)


def test_a_message_keeps_its_beginning_and_a_traceback_its_end() -> None:
    told = dict(letter_of(raised(ValueError("begin" + "x" * 100_000 + "end"))).headers)
    text, trace = told["pool.error.message"] or b"", told["pool.error.traceback"] or b""
    assert len(text) == MESSAGE_BYTES
    assert text.startswith(b"begin")
    assert text.endswith("…".encode())
    assert len(trace) == TRACEBACK_BYTES
    assert trace.startswith("…".encode())
    assert trace.endswith(b"xend\n")


@given(st.text(alphabet=st.characters(), min_size=1), st.integers(1, 10_000))
def test_no_cut_goes_through_a_character(text: str, times: int) -> None:
    told = dict(letter_of(ValueError(text * times)).headers)
    for name, limit in (("pool.error.message", MESSAGE_BYTES), ("pool.error.traceback", TRACEBACK_BYTES)):
        raw = told[name] or b""
        assert len(raw) <= limit
        raw.decode()


def test_half_a_surrogate_pair_is_escaped() -> None:
    assert dict(letter_of(ValueError("a\ud800b")).headers)["pool.error.message"] == b"a\\ud800b"


def test_an_error_that_cannot_be_told_does_not_keep_its_record() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("not even this")

    told = dict(letter_of(raised(Mute())).headers)
    assert told["pool.error.message"] == b"<str() of the error raised RuntimeError>"
    assert b"Mute" in (told["pool.error.traceback"] or b"")


@pytest.mark.parametrize("value", [b"x" * 1000, b"", None])
def test_without_its_value_a_letter_says_what_the_value_was(value: bytes | None) -> None:
    letter = envelope(message(value), ValueError(), topic="d", group="g", attempts=1, failed_at_ms=0)
    stripped = letter.without_value("cannot be written to d: too large")
    told = dict(stripped.headers)
    assert stripped.value is None
    assert stripped.headers[: len(letter.headers)] == letter.headers
    assert told["pool.value.omitted"] == b"cannot be written to d: too large"
    assert told["pool.value.sha256"] == hashlib.sha256(value or b"").hexdigest().encode()
    assert told["pool.value.size"] == str(len(value or b"")).encode()
    assert (stripped.topic, stripped.key, stripped.timestamp) == (letter.topic, letter.key, letter.timestamp)
