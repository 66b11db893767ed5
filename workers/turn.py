"""The records that a worker's loop handles in one go, and how far it has got with them."""

from collections.abc import Iterator, Sequence
from typing import Any

from confluent_kafka import Message


class Turn:
    """Records drawn one by one from a list that another thread may empty: neither costs a record anything.

    Args:
        messages: the records, in offset order.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._left = [*messages]
        self.ended = False
        """Whether it was ended, perhaps before its last record."""
        self.records: Iterator[Message] = iter(self._left)
        """To be drawn from, one record when the one before it is done."""

    def end(self) -> None:
        """Let no other record be drawn."""
        self.ended = True
        self._left.clear()

    def in_hand(self) -> Message | None:
        """The record that was drawn last; None where that is none, or not known any more, since the turn is over."""
        drawn = self._drawn()
        return self._messages[drawn - 1] if drawn else None

    def _drawn(self) -> int:
        """How many records were drawn so far, the last of which may be in hand; 0 where that is not known any more."""
        # What a list's iterator is pickled by: its place in the list. It outlasts `end` until one more is asked for.
        state: Any = self.records.__reduce__()
        _, _, *place = state
        if place:
            return int(place[0])
        return 0 if self.ended else len(self._messages)
