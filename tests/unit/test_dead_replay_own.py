"""A record replayed for another group is left out; offsets stay whole, and other records are not even copied."""

import pytest
from confluent_kafka import Message

from tests.unit.messages import message
from workers.replay import REPLAY_GROUP, Own, is_for, own

Headers = list[tuple[str, str | bytes | None]]

MINE: Headers = [(REPLAY_GROUP, b"mine")]
THEIRS: Headers = [(REPLAY_GROUP, b"theirs")]


def polled(*headers: Headers | None) -> list[Message]:
    return [message(b"v", offset=10 + index, headers=one) for index, one in enumerate(headers)]


def after(messages: list[Message]) -> list[int]:
    return [(one.offset() or 0) + 1 for one in messages]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, True),
        ([], True),
        ([("other", b"theirs")], True),
        (MINE, True),
        (THEIRS, False),
        ([*THEIRS, *MINE], True),
        ([*MINE, *THEIRS], False),
        ([(REPLAY_GROUP, None)], False),
        ([*THEIRS, ("pool.origin.topic", b"in")], True),
        ([(REPLAY_GROUP, "größe".encode())], False),
    ],
)
def test_whose_a_record_is(headers: Headers | None, expected: bool) -> None:
    assert is_for(message(b"v", headers=headers), "mine") is expected


@pytest.mark.parametrize("headers", [(None, None), (None, MINE), ([("a", b"")], None)])
def test_nothing_is_left_out_where_all_is_ours(
    headers: tuple[Headers | None, ...],
) -> None:
    messages = polled(*headers)
    assert own(messages, after(messages), "mine") is None


def test_positions_pass_over_what_is_left_out() -> None:
    messages = polled(THEIRS, None, THEIRS, THEIRS, MINE, None, THEIRS)
    kept = own(messages, after(messages), "mine")
    assert kept == Own([messages[1], messages[4], messages[5]], [14, 15, 17], 11)


def test_a_gap_in_the_offsets_is_passed_over_with_it() -> None:
    messages = [message(b"v", offset=3), message(b"v", offset=9, headers=THEIRS), message(b"v", offset=20)]
    assert own(messages, after(messages), "mine") == Own([messages[0], messages[2]], [20, 21], 3)


def test_where_nothing_is_ours_the_position_is_behind_all() -> None:
    messages = polled(THEIRS, THEIRS)
    assert own(messages, after(messages), "mine") == Own([], [], 12)
