"""A turn's records are drawn one by one; whoever looks knows which is in hand, also after the turn was ended."""

from tests.unit.messages import messages
from workers.turn import Turn


def test_the_record_in_hand_is_the_one_drawn_last() -> None:
    records = messages(b"", b"", b"")
    turn = Turn(records)
    assert turn.in_hand() is None
    for message in turn.records:
        assert turn.in_hand() is message
    assert turn.in_hand() is records[-1], "until the next turn"
    assert not turn.ended


def test_an_ended_turn_gives_no_other_record_and_knows_its_last() -> None:
    records = messages(b"", b"", b"")
    turn = Turn(records)
    first = next(turn.records)
    turn.end()
    assert turn.ended
    assert turn.in_hand() is first
    assert list(turn.records) == []
    assert turn.in_hand() is None, "which was the last one nobody knows any more: it must not be the turn's last"
    assert len(records) == 3
