"""Dead letters on their way to their topic: as whole as the brokers take them, and never lost in silence."""

from time import time_ns
from typing import NamedTuple

from confluent_kafka import Message

from workers.dead_letter import DeadLetter, envelope
from workers.endings import SinkFailed, WorkerMustEnd
from workers.outbox import Outbox
from workers.sink import Parcel, TimestampRefused
from workers.slot import DEAD_LETTERS


class SentLetter(NamedTuple):
    """On whose behalf a dead letter is sent: its own, so that it can be sent again with less in it."""

    letter: DeadLetter
    whole: bool
    """Whether it still has its value."""
    message: Message
    """The record."""
    error: Exception
    """What it failed with, in its last attempt."""
    attempts: int


class DeadLetterTopic:
    """Sends the records of one agent that failed for good.

    Args:
        topic: the topic; None: such a record must end the worker, and comes here by a bug.
        group: the consumer group.
        outbox: takes the letters.
        words: the worker's slot.
    """

    def __init__(self, topic: str | None, group: str, outbox: Outbox, words: memoryview) -> None:
        self._topic = topic
        self._group = group
        self._outbox = outbox
        self._words = words

    def send(self, message: Message, error: Exception, attempts: int, *, whole: bool = True) -> None:
        """Send a record that failed with `error` in its last attempt, number `attempts`; `whole`: with its value.

        Raises:
            SinkFailed: the letter cannot be written, so the record's offset must not pass.
        """
        assert self._topic is not None
        letter = envelope(
            message,
            error,
            topic=self._topic,
            group=self._group,
            attempts=attempts,
            failed_at_ms=time_ns() // 1_000_000,
        )
        self._words[DEAD_LETTERS] += 1
        if not whole:
            letter = letter.without_value(str(error))
        self._post(SentLetter(letter, whole, message, error, attempts))

    def send_again(self, sent: SentLetter, refused: Exception) -> None:
        """A letter was refused: send it without what was refused of it.

        Raises:
            SinkFailed: nothing can be left out any more; the record's offset must not pass.
        """
        letter = sent.letter
        if isinstance(refused, TimestampRefused) and letter.timestamp:
            self._post(sent._replace(letter=letter.without_timestamp()))
        elif sent.whole:
            self._post(sent._replace(letter=letter.without_value(str(refused)), whole=False))
        else:
            raise SinkFailed(f"a dead letter without its value was refused, too: {refused}") from refused

    def _post(self, sent: SentLetter) -> None:
        letter = sent.letter
        parcel = Parcel(letter.topic, letter.value, letter.key, letter.headers, letter.partition, letter.timestamp)
        try:
            self._outbox.accept(parcel, sent)
        except WorkerMustEnd:
            raise
        except Exception as refused:  # noqa: BLE001 - whatever the client does not take, it may take in part
            self.send_again(sent, refused)
