"""Which replayed records are this group's: a record that one group failed on comes back to a topic that all read."""

from collections.abc import Sequence
from enum import StrEnum
from operator import length_hint
from typing import Final, NamedTuple

from confluent_kafka import Message

from workers.records import mend_headers, offset_of, raw_headers

REPLAY_GROUP: Final = "pool.replay.group"
"""The last header of a replayed record: the consumer group that it is for, in UTF-8.

With others behind it, it is history: of a record that failed again, or of one that somebody made of a replayed one.
"""


class Replays(StrEnum):
    """Which replayed records a pool handles."""

    OWN = "own"
    """Those for its own group."""
    ALL = "all"
    """Every one, as if it were new."""


class Own(NamedTuple):
    """What is left of polled records without those that are another group's."""

    messages: list[Message]
    positions: Sequence[int]
    """For each message the position once it is handled: the next one's offset, or what follows all that was polled."""
    begin: int
    """The position before the first of them is handled; behind everything where none is left."""


def is_replayed(message: Message) -> bool:
    """Whether a record was replayed, and so has failed before."""
    return any(name == REPLAY_GROUP for name, _ in raw_headers(message)[-1:])


def is_for(message: Message, group: str) -> bool:
    """Whether a record is for `group`: it was not replayed, or it was for this group."""
    return all(name != REPLAY_GROUP or value == group.encode() for name, value in raw_headers(message)[-1:])


def own(messages: list[Message], positions: Sequence[int], group: str) -> Own | None:
    """Leave out what was replayed for other groups; None where there is nothing to leave out.

    Records without headers cost one call in C each and no Python frame.

    Args:
        messages: as polled, in offset order; not empty.
        positions: for each of them the position once it is handled.
        group: the consumer group of this pool.
    """
    if not _any_headers(messages):
        return None
    return without(messages, positions, [message for message in messages if is_for(message, group)])


def without(messages: list[Message], positions: Sequence[int], kept: list[Message]) -> Own | None:
    """What is left where only `kept` are; None where that is all of the messages."""
    if len(kept) == len(messages):
        return None
    offsets = [offset_of(message) for message in kept] + [positions[-1]]
    return Own(kept, offsets[1:], offsets[0])


def _any_headers(messages: list[Message]) -> bool:
    """Whether one of them has headers; those behind it may not have been looked at."""
    unseen = iter(messages)
    while True:
        try:
            return any(map(Message.headers, unseen))
        except SystemError:
            mend_headers(messages[-1 - length_hint(unseen)])
