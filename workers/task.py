"""The record flow of one partition: poll → decode → handle → produce → report."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import monotonic_ns, time_ns
from typing import Final, NamedTuple

from confluent_kafka import Message

from workers.account import let_go
from workers.agent import Agent
from workers.care import Care
from workers.control import Control
from workers.dead_letter_topic import DeadLetterTopic
from workers.delayed_own import own_delayed
from workers.endings import Rewind
from workers.failures import Failures
from workers.guard import Guard, Outage
from workers.offsets import Offsets
from workers.outbox import Outbox
from workers.queues import HELD, Most
from workers.raised import as_failure
from workers.records import Record, offset_of
from workers.replay import Own, Replays, own
from workers.sink import Sink
from workers.slot import (
    BATCH,
    BEAT,
    COMMITTABLE,
    DEAD_LETTERS,
    DELAYED,
    END,
    HANDLER,
    LATENCY,
    POLLED,
    POSITION,
    RECORDS,
    RESULTS,
    SKIPPED,
)
from workers.source import Source
from workers.transactional_sink import TransactionalSink
from workers.transactions import TransactionalOffsets
from workers.turn import Turn

LONGEST_MS: Final = 86_400_000
"""A latency that is longer counts as this: times of 1970, say, would fill the sum."""


UNPOLLED_NS: Final = 60_000_000_000
"""After which the consumer is asked for what it has to say, though no record is wanted of it: that costs what was read
ahead, as against some kilobytes of reports every five seconds."""


class Failed(NamedTuple):
    """Records that go the careful way, one by one."""

    messages: list[Message]
    error: Exception | None
    """What their first attempt ended in; None where they are still to have it."""

    @classmethod
    def of(cls, batch: list[Message], error: Exception) -> "Failed":
        """A batch that failed with `error`, which is a record's own where there is but one."""
        if len(batch) == 1:
            return cls(batch, error)
        let_go(error)
        return cls(batch, None)


class PartitionTask:
    """Runs one agent over one partition, at least once.

    Offsets it stores in its slot: `POSITION` behind each turn of its loop, and behind each record that is handled with
    care; `COMMITTABLE` once every result and dead letter below it is acknowledged.

    Args:
        agent: what to run.
        source: where records come from.
        sink: where results and dead letters go.
        words: the worker's slot.
        control: what may stop the task.
        group: the consumer group, for dead letters.
        flush_interval: seconds of results that may await acknowledgement, and so be repeated after a crash; where the
            sink is transactional, seconds from one transaction to the next.
        care: which records to handle one by one, and which not at all.
        flush_records: records after which a transactional sink commits, where that is sooner.
        proof_interval: seconds after which a transaction proves membership, if nothing else has.
        replays: which replayed records to handle.
        guard: what keeps an outage from filling the dead letters; None: nothing.
        held: how many results may be held back.
        linger: seconds for which results wait for company where there is no backlog; None: the sink knows.
    """

    def __init__(
        self,
        agent: Agent,
        source: Source,
        sink: Sink,
        words: memoryview,
        control: Control,
        *,
        group: str,
        flush_interval: float,
        care: Care | None = None,
        flush_records: int | None = None,
        proof_interval: float = 5.0,
        replays: Replays = Replays.OWN,
        guard: Guard | None = None,
        held: Most = HELD,
        linger: float | None = None,
    ) -> None:
        self._agent = agent
        self._own = _own(agent, group, replays)
        self._source = source
        self._waits_at, self._waits_since = -1, 0
        """The position at which the loop waits, and since when, in nanoseconds of the monotonic clock."""
        self._words = words
        self._control = control
        self._care = care or Care(until=0)
        if isinstance(sink, TransactionalSink):
            sink.meanwhile = self._meanwhile
            self._outbox = Outbox(agent, sink, words, control, atomic=True)
            self._offsets: Offsets = TransactionalOffsets(
                self._outbox,
                sink,
                words,
                control,
                self._care,
                interval=flush_interval,
                records=flush_records,
                proof_interval=proof_interval,
            )
        else:
            self._outbox = Outbox(agent, sink, words, control, most=held, linger=linger)
            self._offsets = Offsets(self._outbox, words, flush_interval)
        self._outbox.meanwhile = self._meanwhile
        letters = DeadLetterTopic(agent, group, self._outbox, words)
        self._failures = Failures(agent, self._outbox, letters, self._offsets, words, control, self._care, guard)
        self._handle = self._handle_batch if agent.batch else self._handle_each
        self._draw = self._draw_records if agent.wants_record else self._draw_values

    def run(self) -> None:
        """Work until drained; then nothing that was handled is left unacknowledged.

        Raises:
            WorkerMustEnd: the worker cannot go on; what is committable stands in the slot.
        """
        while not self._control.draining:
            try:
                self.turn()
            except Rewind as cause:
                self._rewind(cause)
        self._failures.leave()
        try:
            self._offsets.flush(self._failures.settle_refusals)
        except Rewind as cause:
            self._rewind(cause)
        # What was polled and not handled is in nobody's hand: whatever follows is no record's doing.
        self._words[POLLED] = self._words[POSITION]
        self._words[BEAT] = monotonic_ns()

    def turn(self) -> None:
        """Poll once and handle what came.

        Raises:
            as `run`.
        """
        words = self._words
        words[BEAT] = monotonic_ns()
        if not self._outbox.may_go_on():
            return
        patience = self._outbox.patience()
        messages, end, behind = self._source.poll(patience)
        self._waits_at = -1
        words[END] = self._source.high_watermark()
        if messages:
            self._control.wake()
            if not self._handle_all(messages):
                return
        if end is not None and end > words[POSITION]:
            words[POSITION] = end
        if not behind:
            self._outbox.push()
        idle = not messages and patience is None
        if idle:
            self._failures.idle()
            self._outbox.serve()
        self._report(idle=idle)
        if idle:
            self._control.rest()

    def _meanwhile(self) -> None:
        """While the loop waits for something else than records: see to it that its client's memory does not fill."""
        if self._waits_at != self._words[POSITION]:
            self._waits_at, self._waits_since = self._words[POSITION], monotonic_ns()
        elif monotonic_ns() - self._waits_since > UNPOLLED_NS:
            self._source.serve()

    def _handle_all(self, messages: list[Message]) -> bool:
        """Handle messages in turns short enough to report in between; False where a drain came first."""
        positions = positions_after(messages)
        self._words[POLLED] = positions[-1]
        # Across a gap in the log: it names the record in hand.
        self._words[POSITION] = offset_of(messages[0])
        if self._own is not None and (mine := self._own(messages, positions)):
            self._words[SKIPPED] += len(messages) - len(mine.messages)
            self._words[POSITION] = mine.begin
            messages, positions = mine.messages, mine.positions
            if not messages:
                return True
        self._observe_latency(messages[0])
        while self._outbox.may_go_on():
            began = monotonic_ns()
            if self._care.needed(self._words[POSITION]):
                failed = self._handle_with_care(messages[0], positions[0])
            elif self._failures.open:
                failed = Failed(messages[:1], None)
            else:
                failed = self._handle(messages, positions)
            done = self._done(positions)
            self._count(done, monotonic_ns() - began)
            if failed is not None:
                self._failures.settle_each(failed.messages, positions[done:], failed.error)
                failed = None  # with it goes what its error holds
                done = self._done(positions)
                self._words[RESULTS] = self._outbox.sent
            messages, positions = messages[done:], positions[done:]
            if not messages:
                return True
            self._report(idle=False)
        return False

    def _rewind(self, cause: Rewind) -> None:
        if isinstance(cause, Outage):
            self._words[POSITION] = cause.offset
        else:
            self._offsets.rewind(cause)
            self._words[POSITION] = self._words[COMMITTABLE]
        # Not before: what it keeps back is not to be committed from beside the loop, where that goes by the position.
        self._failures.forget()
        self._source.rewind(self._words[POSITION])

    def _handle_with_care(self, message: Message, position: int) -> Failed | None:
        """Handle one record that may do harm."""
        offset, sent = offset_of(message), self._set_aside()
        if self._care.alone(offset) and self._offsets.behind:
            self._offsets.flush(self._failures.settle_refusals)
        if self._failures.settle_with_care(message, self._care.condemned.get(offset)):
            self._words[POSITION] = position
            # A letter would be sent again if the next record killed this worker.
            if (self._care.alone(offset) or self._set_aside() > sent) and self._offsets.behind:
                self._offsets.flush(self._failures.settle_refusals)
        return None

    def _set_aside(self) -> int:
        """How many records were sent elsewhere than to the results."""
        return self._words[DEAD_LETTERS] + self._words[DELAYED]

    def _handle_each(self, messages: list[Message], positions: Sequence[int]) -> Failed | None:
        """Handle messages one by one, until there is cause to stop or one fails."""
        turn = Turn(messages)
        raised: BaseException | None = None
        self._control.guard(turn)
        try:
            last = self._draw(turn.records)
        except BaseException as error:  # noqa: BLE001 - a handler may raise anything
            last, raised = turn.in_hand(), error
        finally:
            self._control.guard(None)
        if last is None:
            return Failed(messages[:1], None)  # the turn was ended before its first record
        before = bisect_right(positions, offset_of(last))
        done = before + 1 if raised is None else before
        if done:
            self._words[POSITION] = positions[done - 1]
        if raised is None:
            return None
        try:
            # A null value is not what this way decodes: nothing was tried yet.
            return Failed([last], as_failure(raised) if last.value() is not None else None)
        finally:
            del raised  # its traceback has this frame, and so all that was polled: a cycle, were it to stay here

    def _draw_values(self, records: Iterator[Message]) -> Message | None:
        """Draw records through a handler that takes the value alone, and send what it returns; the last one drawn.

        The hot path, of which all that a record does not need is kept away. A store to shared memory would be a tenth
        of it, and C-level maps around the handler are slower: they call it with a frame of the interpreter's own.
        """
        decode, handle, send = self._agent.decode_raw, self._agent.handler, self._outbox.send_result
        message = None
        for message in records:
            result = handle(decode(message.value()))
            if result is not None:
                send(result, message)
        return message

    def _draw_records(self, records: Iterator[Message]) -> Message | None:
        """The same with a handler that takes the record as well."""
        decode, handle, send = self._agent.decode_raw, self._agent.handler, self._outbox.send_result
        decode_key, message = self._agent.decode_key, None
        for message in records:
            value = decode(message.value())
            result = handle(value, Record(message, value, decode_key))
            if result is not None:
                send(result, message)
        return message

    def _handle_batch(self, messages: list[Message], positions: Sequence[int]) -> Failed | None:
        """Handle the first messages as one batch; where it fails, its records are still to be tried one by one."""
        batch = messages[: self._agent.batch]
        try:
            self._outbox.send(self._agent.outputs(self._agent.call_batch(batch)), None, batch)
        except BaseException as raised:  # noqa: BLE001 - a handler may raise anything
            return Failed.of(batch, as_failure(raised))
        self._words[POSITION] = positions[len(batch) - 1]
        return None

    def _done(self, positions: Sequence[int]) -> int:
        """How many of the records at hand are done."""
        position = self._words[POSITION]
        return len(positions) if position == positions[-1] else bisect_right(positions, position)

    def _report(self, *, idle: bool) -> None:
        self._offsets.report(self._failures.settle_refusals, idle=idle)

    def _observe_latency(self, message: Message) -> None:
        kind, timestamp = message.timestamp()
        if kind:
            LATENCY.observe(self._words, min(max(0, time_ns() // 1_000_000 - timestamp), LONGEST_MS))

    def _count(self, records: int, elapsed_ns: int) -> None:
        if records:
            self._words[RECORDS] += records
            self._words[RESULTS] = self._outbox.sent
            HANDLER.observe(self._words, elapsed_ns // records // 1000, records)
            BATCH.observe(self._words, records)


def _own(agent: Agent, group: str, replays: Replays) -> Callable[[list[Message], Sequence[int]], Own | None] | None:
    """What leaves out other groups' records; None where all that is polled is to be handled."""
    if agent.behind is not None:
        return partial(own_delayed, topic=agent.behind, group=group, any_replay=replays is Replays.ALL)
    return partial(own, group=group) if replays is Replays.OWN else None


def positions_after(messages: list[Message]) -> Sequence[int]:
    """For each message the position once it is handled, which is the next one's offset.

    Where no offset is missing, it is computed without asking each.
    """
    first, last = offset_of(messages[0]), offset_of(messages[-1])
    if last - first == len(messages) - 1:
        return range(first + 1, last + 2)
    return [*map(offset_of, messages[1:]), last + 1]
