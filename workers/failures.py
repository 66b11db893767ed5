"""What becomes of records that failed: a result after all, a dead letter, or the worker's end."""

import traceback
from collections.abc import Sequence
from time import monotonic_ns

from confluent_kafka import Message

from workers.agent import Agent
from workers.care import Condemned
from workers.dead_letter_topic import DeadLetterTopic, SentLetter
from workers.endings import Rewind, SinkFailed, WorkerMustEnd
from workers.errors import HandlerFailed
from workers.offsets import Offsets
from workers.outbox import Attempted, Outbox
from workers.records import offset_of
from workers.retry import Again, GiveUp, decide
from workers.sink import Refusal
from workers.slot import BEAT, COMMITTABLE, POSITION, RETRIES


class Failures:
    """Tries failed records again in their place, and sends what fails for good to the dead letters.

    Args:
        agent: whose records they are.
        outbox: takes results.
        letters: takes what failed for good.
        offsets: what is committable, told before a wait.
        words: the worker's slot.
    """

    def __init__(
        self,
        agent: Agent,
        outbox: Outbox,
        letters: DeadLetterTopic,
        offsets: Offsets,
        words: memoryview,
    ) -> None:
        self._agent = agent
        self._outbox = outbox
        self._letters = letters
        self._offsets = offsets
        self._words = words
        self._settled: set[tuple[int, int]] = set()
        """First offset and number of the records whose refused results are dealt with, above what is committable."""

    def settle_each(self, messages: Sequence[Message], positions: Sequence[int], error: Exception | None) -> None:
        """Settle records one by one, in order, and store the position behind each, until a drain comes.

        Args:
            messages: the records.
            positions: the position behind each, and perhaps more.
            error: what their first attempt ended in; None where they are still to have it.

        Raises:
            WorkerMustEnd: the worker cannot go on.
        """
        for message, position in zip(messages, positions, strict=False):
            if not self._outbox.may_go_on() or not self.settle(message, error):
                return
            self._words[POSITION] = position

    def settle(self, message: Message, error: Exception | None) -> bool:
        """Bring one record to its end; False where a drain came first: it will be read again.

        Raises:
            RecordFatal: it failed for good and the agent has no dead-letter topic.
            WorkerMustEnd: the worker cannot go on.
        """
        agent, attempts = self._agent, 1
        if error is None:
            error = self._attempt(message, attempts)
        while error is not None:
            error = agent.cause(message, error)
            match decide(
                error,
                attempts,
                agent.retries,
                dead_letter=agent.dead_letter is not None,
                later=bool(agent.tiers),
            ):
                case Again(delay):
                    if not self._wait(delay):
                        return False
                case GiveUp.LATER:
                    self._letters.send_later(message, error, attempts)
                    return True
                case GiveUp():
                    self._letters.send(message, error, attempts)
                    return True
            attempts += 1
            error = self._attempt(message, attempts)
        return True

    def settle_with_care(self, message: Message, condemned: Condemned | None) -> bool:
        """As `settle`, for a record that may do harm: a condemned one is not handled any more.

        Raises:
            as `settle`.
        """
        if condemned is None:
            return self.settle(message, None)
        self._letters.send(message, condemned.error, condemned.attempts, whole=condemned.whole)
        return True

    def settle_refusals(self, refusals: Sequence[Refusal]) -> None:
        """The brokers refused what was sent: that is its record's failure, long after the position has passed it.

        Raises:
            WorkerMustEnd: the worker cannot go on.
        """
        for origin, error in refusals:
            if isinstance(origin, SentLetter):
                self._letters.send_again(origin, error)
            elif isinstance(origin, list) and len(origin) > 1:
                self._settle_again(origin)
            else:
                message, attempts = origin if isinstance(origin, Attempted) else (origin, 1)
                self._settle_refused(message[0] if isinstance(message, list) else message, error, attempts)

    def _attempt(self, message: Message, number: int) -> Exception | None:
        """Handle one record and send what comes of it; what went wrong."""
        agent = self._agent
        self._words[BEAT] = monotonic_ns()
        try:
            outputs = agent.outputs(agent.call(message))
            self._outbox.send(outputs, None if agent.batch else message.key(), Attempted(message, number))
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - a handler may raise anything
            return failure(raised)
        return None

    def _wait(self, delay: float) -> bool:
        """Wait before another attempt; False where a drain came first."""
        self._words[RETRIES] += 1
        self._offsets.report(self.settle_refusals, idle=True)
        return self._outbox.may_go_on(delay)

    def _settle_refused(self, message: Message, error: Exception, attempts: int) -> None:
        if self._first_time(offset_of(message), 1):
            self._letters.send(message, error, attempts)

    def _settle_again(self, batch: list[Message]) -> None:
        """One of a batch's results was refused, and nobody knows whose it was: its records one by one."""
        if not self._first_time(offset_of(batch[0]), len(batch)):
            return
        with self._offsets.withheld():
            for message in batch:
                if not self.settle(message, None):
                    raise SinkFailed("drained while a batch with a refused result was tried again; it is read again")

    def _first_time(self, offset: int, count: int) -> bool:
        """Whether this is the first refusal of these records' results; each may have several."""
        committable = self._words[COMMITTABLE]
        self._settled = {seen for seen in self._settled if seen[0] + seen[1] > committable}
        known = (offset, count) in self._settled
        self._settled.add((offset, count))
        return not known


def failure(raised: Exception | SystemExit) -> Exception:
    """What a record failed with, given what its handling raised.

    Raises:
        WorkerMustEnd, Rewind: it is not the record that failed.
    """
    if isinstance(raised, WorkerMustEnd | Rewind):
        raise raised
    if isinstance(raised, MemoryError):
        # What its frames hold is the very memory that is missing, for the dead letter too.
        traceback.clear_frames(raised.__traceback__)
    if isinstance(raised, SystemExit):
        # Left alone it would end the worker, and every one after it at the same record.
        return _caused(f"the handler called sys.exit({raised.code!r}): raise an exception instead", raised)
    if isinstance(raised, StopIteration):
        return _caused("the handler raised StopIteration: a next() without a default, perhaps", raised)
    return raised


def _caused(text: str, cause: BaseException) -> HandlerFailed:
    failed = HandlerFailed(text)
    failed.__cause__ = cause
    return failed
