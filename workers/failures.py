"""What becomes of records that failed: a result after all, a dead letter, or the worker's end."""

from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from time import monotonic_ns
from typing import Final

from confluent_kafka import Message

from workers.account import account_of, let_go
from workers.agent import Agent
from workers.care import Care, Condemned
from workers.control import Control
from workers.dead_letter_topic import DeadLetterTopic, SentLetter
from workers.endings import SinkFailed
from workers.guard import IN_ROW, Failure, Guard, Outage
from workers.offsets import Offsets
from workers.outbox import Attempted, Outbox
from workers.raised import as_failure
from workers.records import offset_of
from workers.replay import is_replayed
from workers.retry import Again, GiveUp, decide
from workers.sink import Refusal
from workers.slot import BEAT, COMMITTABLE, POSITION, RECORDS, RETRIES

SLICE: Final = 0.2
"""Seconds of a wait after which what else is due gets its turn: offsets, the proof of membership."""


class Outcome(Enum):
    """How the attempts at a record ended, unless in a Failure."""

    SUCCESS = "success"
    DRAINED = "drained"
    """A drain came first."""


class Failures:
    """Tries failed records again in their place, and sends what fails for good to the dead letters.

    Args:
        agent: whose records they are.
        outbox: takes results.
        letters: takes what failed for good.
        offsets: what is committable, told before a wait.
        words: the worker's slot.
        control: what may stop the task.
        care: which records share their transaction with no other.
        guard: keeps failures back until it is known what they are; None: none is.
    """

    def __init__(
        self,
        agent: Agent,
        outbox: Outbox,
        letters: DeadLetterTopic,
        offsets: Offsets,
        words: memoryview,
        control: Control,
        care: Care,
        guard: Guard | None = None,
    ) -> None:
        self._agent = agent
        self._outbox = outbox
        self._letters = letters
        self._offsets = offsets
        self._words = words
        self._control = control
        self._care = care
        self._guard = guard
        self._settled: set[tuple[int, int]] = set()
        """First offset and number of the records whose refused results are dealt with, above what is committable."""

    def settle_each(self, messages: Sequence[Message], positions: Sequence[int], error: Exception | None) -> None:
        """Settle records one by one, in order, count each and store the position behind it, until a drain comes.

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
            self._words[RECORDS] += 1

    def settle(self, message: Message, error: Exception | None) -> bool:
        """Bring one record to its end; False where a drain came first: it will be read again.

        Raises:
            RecordFatal: it failed for good and the agent has no dead-letter topic.
            Outage: not only this one failed; they will be read again.
            WorkerMustEnd: the worker cannot go on.
        """
        outcome = self._try(message, error, self._guard)
        if isinstance(outcome, Failure):
            self._pass_over(outcome)
        elif outcome is Outcome.SUCCESS and self._guard is not None:
            self._send(self._guard.succeeded())
        return outcome is not Outcome.DRAINED

    def _try(self, message: Message, error: Exception | None, guard: Guard | None) -> "Outcome | Failure":
        """Try a record as often as it is worth it, and while the guard holds it even more often."""
        agent, attempts = self._agent, 1
        release = None if guard is None else partial(self._release, guard, offset_of(message))
        if error is None:
            error = self._attempt(message, attempts, release)
        while error is not None:
            error = agent.cause(message, error)
            covered = agent.retries.covers(error)
            step = decide(
                error,
                agent.retries.attempts if guard is not None and guard.looking else attempts,
                agent.retries,
                dead_letter=agent.dead_letter is not None,
                later=bool(agent.tiers),
            )
            delay: float | None = None
            if isinstance(step, Again):
                delay = step.delay
            elif guard is not None and covered:
                delay = guard.hold()
            if delay is None:
                assert isinstance(step, GiveUp)
                return Failure(message, error, attempts, step, counts=covered and not is_replayed(message))
            let_go(error)  # whoever raises it again adds to its traceback
            if not self._wait(delay):
                return Outcome.DRAINED
            attempts += 1
            error = self._attempt(message, attempts, release)
        return Outcome.SUCCESS

    def settle_with_care(self, message: Message, condemned: Condemned | None) -> bool:
        """As `settle`, for a record that may do harm: a condemned one is not handled any more.

        Raises:
            as `settle`.
        """
        if condemned is None:
            return self.settle(message, None)
        error, attempts, *allowed = condemned
        self._pass_over(Failure(message, error, attempts, GiveUp.DEAD_LETTER, False, *allowed))
        return True

    @property
    def open(self) -> bool:
        """Whether the next record is to be settled here, whatever it is."""
        return self._guard is not None and self._guard.open

    def idle(self) -> None:
        """There is no next record, for the moment.

        Raises:
            as `settle`.
        """
        if self._guard is not None and self._guard.open:
            self._send(self._guard.idle())

    def leave(self) -> None:
        """At the end: what is kept back is the next worker's to decide."""
        if self._guard is not None and self._guard.first is not None:
            self._words[POSITION] = self._guard.first
        self.forget()

    def forget(self) -> None:
        """What is kept back will be read again."""
        if self._guard is not None:
            self._guard.forget()
        self._offsets.cap(None)

    def _pass_over(self, failure: Failure) -> None:
        """Send a record on to where it is to go, or keep it back until it is known whether it is to go there."""
        if self._agent.dead_letter is None and failure.end is not GiveUp.LATER:
            # It ends the worker, and so will it its successors: what came before is to be theirs no more, as far as
            # nothing of it is kept back, of which the offsets know.
            if self._offsets.behind:
                self._offsets.flush(self.settle_refusals)
            self._letters.send(failure.message, failure.error, failure.attempts)
        elif self._guard is None:
            self._send([failure])
        else:
            self._send(self._guard.failed(failure))

    def _release(self, guard: Guard, offset: int) -> bool:
        """Before the results of the record at `offset` are sent, send what was kept back and cannot wait for them.

        Returns:
            whether one of those succeeded after all, so that the handler is to see this record behind it.

        Raises:
            Outage: as `_catch_up`.
        """
        succeeded = False
        if guard.doubtful:
            succeeded = self._catch_up(guard.succeeded())
        elif self._care.alone(offset) or any(self._care.alone(kept) for kept in guard.offsets):
            self._send(guard.succeeded())
        self._part(offset)
        return succeeded

    def _catch_up(self, kept: Sequence[Failure]) -> bool:
        """Before a success is sent, bring those before it to their end, by one more attempt; whether one succeeded.

        Raises:
            Outage: a drain came first, or the outage is back; from there on they will be read again.
        """
        position, succeeded, failing = self._words[POSITION], False, list[Failure]()
        for failure in kept:
            offset, back = offset_of(failure.message), offset_of((failing or [failure])[0].message)
            self._offsets.cap(back)
            self._words[POSITION] = offset  # it is the record in hand
            if not self._outbox.may_go_on():
                raise Outage("drained while records before a success were tried again", back)
            self._offsets.report(self.settle_refusals, idle=False)
            if (failed := self._once_more(failure, partial(self._send_before, failing, offset))) is None:
                succeeded = True
                self._words[POSITION] = offset + 1
                self._part(offset)
            else:
                failing.append(failed)
            if succeeded and sum(one.counts for one in failing) >= IN_ROW:
                raise Outage("the outage is back", back)
            if not succeeded:
                self._send_before(failing, offset)
        self._send(failing)
        self._words[POSITION] = position
        return succeeded

    def _send_before(self, failing: list[Failure], offset: int) -> bool:
        """Send failures on, now that it is known that they are their records' own, before what is of `offset`."""
        self._send(failing)
        failing.clear()
        self._part(offset)
        return False

    def _once_more(self, failure: Failure, release: Callable[[], bool]) -> Failure | None:
        """Try a record that was kept back once more; None where it succeeds."""
        if not failure.counts:
            return failure
        message, attempts = failure.message, failure.attempts + 1
        error = self._attempt(message, attempts, release)
        if error is None:
            return None
        error = self._agent.cause(message, error)
        end = failure.end if self._agent.retries.covers(error) else GiveUp.DEAD_LETTER
        return failure._replace(error=account_of(error), end=end, attempts=attempts)

    def _send(self, failures: Sequence[Failure]) -> None:
        """Send failures on; what is open holds nothing of a record behind them yet."""
        for message, error, attempts, end, _, whole, timed in failures:
            offset = offset_of(message)
            self._part(offset, cap=offset)
            if end is GiveUp.LATER:
                self._letters.send_later(message, error, attempts)
            else:
                self._letters.send(message, error, attempts, whole=whole, timed=timed)
            self._words[POSITION] = max(self._words[POSITION], offset + 1)
            self._part(offset, cap=offset + 1)
        self._offsets.cap(None if self._guard is None else self._guard.first)

    def _part(self, offset: int, *, cap: int | None = None) -> None:
        """Where the record at `offset` is to be alone: commit what is open, up to `cap` or the position."""
        if self._care.alone(offset):
            self._offsets.cap(cap)
            if self._offsets.behind:
                self._offsets.flush(self.settle_refusals)

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

    def _attempt(self, message: Message, number: int, release: Callable[[], bool] | None = None) -> Exception | None:
        """Handle one record and send what comes of it; what went wrong.

        Args:
            message: the record.
            number: of the attempt.
            release: sends what comes before its results; tells whether the handler is to see it again behind that.
        """
        agent = self._agent
        self._words[BEAT] = monotonic_ns()
        try:
            outputs = agent.outputs(agent.call(message))
            if release is not None and release():
                outputs = agent.outputs(agent.call(message))
            self._outbox.send(outputs, None if agent.batch else message.key(), Attempted(message, number))
        except BaseException as raised:  # noqa: BLE001 - a handler may raise anything
            return as_failure(raised)
        return None

    def _wait(self, delay: float) -> bool:
        """Wait before another attempt; False where a drain came first."""
        self._words[RETRIES] += 1
        self._offsets.report(self.settle_refusals, idle=True)
        while delay > 0:
            if self._control.wait(min(delay, SLICE)):
                return False
            delay -= SLICE
            self._outbox.serve()
            self._offsets.report(self.settle_refusals, idle=True)
        return self._outbox.may_go_on()

    def _settle_refused(self, message: Message, error: Exception, attempts: int) -> None:
        if self._first_time(offset_of(message), 1):
            self._letters.send(message, error, attempts)

    def _settle_again(self, batch: list[Message]) -> None:
        """One of a batch's results was refused, and nobody knows whose it was: its records one by one."""
        if not self._first_time(offset_of(batch[0]), len(batch)):
            return
        with self._offsets.withheld():
            for message in batch:
                outcome = self._try(message, None, None)
                if isinstance(outcome, Failure):
                    self._send([outcome])
                elif outcome is Outcome.DRAINED:
                    raise SinkFailed("drained while a batch with a refused result was tried again; it is read again")

    def _first_time(self, offset: int, count: int) -> bool:
        """Whether this is the first refusal of these records' results; each may have several."""
        committable = self._words[COMMITTABLE]
        self._settled = {seen for seen in self._settled if seen[0] + seen[1] > committable}
        known = (offset, count) in self._settled
        self._settled.add((offset, count))
        return not known
