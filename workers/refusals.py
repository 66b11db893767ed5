"""Whose a refused message was: the records on whose behalf it was sent."""

from collections.abc import Iterable, Iterator
from typing import Any

from confluent_kafka import Message

from workers.account import account_of
from workers.care import Condemned
from workers.dead_letter_topic import SentLetter, left_of
from workers.errors import ResultRefused
from workers.outbox import Attempted
from workers.records import offset_of
from workers.sink import Refusal


def condemned_by(refusal: Refusal) -> tuple[int, Condemned] | None:
    """Which record a refusal condemns; None where that cannot be known before its batch is handled one by one.

    Raises:
        SinkFailed: nothing can be left out any more.
    """
    match refusal.origin:
        case SentLetter() as sent:
            return offset_of(sent.message), _with_less(sent, refusal.error)
        case Attempted(message, attempts):
            return offset_of(message), Condemned(account_of(refusal.error), attempts)
        case [Message() as message]:
            return offset_of(message), Condemned(account_of(refusal.error), 1)
        case Message() as message:
            return offset_of(message), Condemned(account_of(refusal.error), 1)
    return None


def _with_less(sent: SentLetter, refused: ResultRefused) -> Condemned:
    """A letter that was refused, without what was refused of it; what cannot wait is given up."""
    if sent.later:
        return Condemned(sent.account, sent.attempts)
    left = left_of(sent, refused)
    return Condemned(sent.account, sent.attempts, whole=left.whole, timed=left.timed)


def records_of(refusals: Iterable[Refusal]) -> Iterator[tuple[int, Refusal]]:
    """The offsets of all records on whose behalf something was refused."""
    for refusal in refusals:
        for message in _messages(refusal.origin):
            yield offset_of(message), refusal


def last_offset(origin: Any) -> int:
    """The highest offset of the records on whose behalf a message was sent; -1 where there is none."""
    messages = _messages(origin)
    return offset_of(messages[-1]) if messages else -1


def _messages(origin: Any) -> list[Message]:
    match origin:
        case None:
            return []
        case list():
            return origin
        case Attempted(message) | SentLetter(message=message):
            return [message]
    return [origin]
