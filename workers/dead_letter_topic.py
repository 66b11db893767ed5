"""Records that failed on their way to their topic: as whole as the brokers take them, and never lost in silence."""

from time import time_ns
from typing import NamedTuple

import msgspec
from confluent_kafka import KafkaError, Message

from workers.account import Account, account_of, text_of
from workers.agent import Agent
from workers.dead_letter import DeadLetter, envelope
from workers.endings import RecordFatal, Rewind, SinkFailed, WorkerMustEnd
from workers.errors import ResultRefused
from workers.origin import origin_of
from workers.outbox import Outbox
from workers.sink import TOPIC_ERRORS, Parcel
from workers.slot import DEAD_LETTERS, DELAYED


class SentLetter(NamedTuple):
    """On whose behalf a dead letter is sent: its own, so that it can be sent again with less in it."""

    letter: DeadLetter
    whole: bool
    """Whether it still has its value."""
    message: Message
    """The record."""
    account: Account
    """Of what it failed with, in its last attempt."""
    attempts: int
    """How many it has had here."""
    later: bool = False
    """Whether it is to wait in a retry topic, and so is no dead letter yet."""


class Left(NamedTuple):
    """What a refused letter still has when it is sent again."""

    whole: bool
    """Whether its value."""
    timed: bool
    """Whether its record's time."""


def left_of(sent: SentLetter, refused: Exception) -> Left:
    """A refused letter without what was refused of it.

    Raises:
        SinkFailed: nothing can be left out any more; the record's offset must not pass.
    """
    code = refused.code if isinstance(refused, ResultRefused) else None
    timed = sent.letter.timestamp != 0
    if timed and code == KafkaError.INVALID_TIMESTAMP:
        return Left(sent.whole, timed=False)
    if sent.whole and code not in TOPIC_ERRORS:
        return Left(whole=False, timed=timed)
    raise SinkFailed(f"a dead letter was refused, and can have nothing less in it: {refused}") from refused


class DeadLetterTopic:
    """Sends the records of one agent that failed: for good, or until they have waited in a retry topic.

    Args:
        agent: whose they are.
        group: the consumer group.
        outbox: takes the letters.
        words: the worker's slot.
    """

    def __init__(self, agent: Agent, group: str, outbox: Outbox, words: memoryview) -> None:
        self._agent = agent
        self._group = group
        self._outbox = outbox
        self._words = words

    def send(
        self, message: Message, error: Exception | Account, attempts: int, *, whole: bool = True, timed: bool = True
    ) -> None:
        """Send a record that failed with `error` in its last attempt, number `attempts`.

        Args:
            message: the record.
            error: what it failed with, which loses its traceback, or what is told of that.
            attempts: how many it has had here.
            whole: whether with its value.
            timed: whether with its time.

        Raises:
            RecordFatal: there are no dead letters.
            SinkFailed: the letter cannot be written, so the record's offset must not pass.
        """
        if self._agent.dead_letter is None:
            raise RecordFatal(f"offset {message.offset()}: {text_of(error)}") from _cause(error)
        account = account_of(error)
        letter = self._envelope(message, account, attempts, self._agent.dead_letter)
        self._words[DEAD_LETTERS] += 1
        if not timed and letter.timestamp:
            letter = letter.without_timestamp()
        if not whole:
            letter = letter.without_value(text_of(account))
        self._post(SentLetter(letter, whole, message, account, attempts))

    def send_later(self, message: Message, error: Exception | Account, attempts: int) -> None:
        """Send a record to wait in its next retry topic; with what a dead letter tells, but written now.

        Raises:
            as `send`.
        """
        account = account_of(error)
        letter = self._envelope(message, account, attempts, self._agent.tiers[0].topic)
        self._words[DELAYED] += 1
        waiting = msgspec.structs.replace(letter, timestamp=0)
        self._post(SentLetter(waiting, True, message, account, attempts, later=True))

    def send_again(self, sent: SentLetter, refused: Exception) -> None:
        """A letter was refused: send it without what was refused of it. What cannot wait is given up.

        Raises:
            RecordFatal: there are no dead letters.
            SinkFailed: nothing can be left out any more; the record's offset must not pass.
        """
        if sent.later:
            account = sent.account.noted(f"It could not wait for its next attempt: {refused}")
            self.send(sent.message, account, sent.attempts)
            return
        letter, left = sent.letter, left_of(sent, refused)
        less = letter.without_timestamp() if left.whole == sent.whole else letter.without_value(str(refused))
        self._post(sent._replace(letter=less, whole=left.whole))

    def _envelope(self, message: Message, account: Account, attempts: int, topic: str) -> DeadLetter:
        return envelope(
            message,
            account,
            topic=topic,
            group=self._group,
            attempts=attempts,
            failed_at_ms=time_ns() // 1_000_000,
            origin=origin_of(message, delayed=self._agent.delay > 0),
        )

    def _post(self, sent: SentLetter) -> None:
        letter = sent.letter
        parcel = Parcel(letter.topic, letter.value, letter.key, letter.headers, letter.partition, letter.timestamp)
        try:
            self._outbox.accept(parcel, sent)
        except (WorkerMustEnd, Rewind):
            raise
        except Exception as refused:  # noqa: BLE001 - whatever the client does not take, it may take in part
            self.send_again(sent, refused)


def _cause(error: Exception | Account) -> Exception | None:
    return None if isinstance(error, Account) else error
