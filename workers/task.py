"""The record flow of one partition: poll → decode → handle → produce → report."""

from collections.abc import Iterable, Sequence
from itertools import count
from time import monotonic_ns, time_ns
from typing import Any, Final, NamedTuple, Protocol

from confluent_kafka import Message

from workers.agent import Agent
from workers.dead_letter import DeadLetter, envelope
from workers.endings import RecordFatal, SinkFailed, WorkerMustEnd
from workers.errors import ResultRefused
from workers.outputs import is_one_value
from workers.records import UNSET, Output
from workers.retry import Again, GiveUp, decide
from workers.sink import Parcel, Sink
from workers.slot import (
    BATCH,
    BEAT,
    COMMITTABLE,
    DEAD_LETTERS,
    END,
    FLUSH_NS,
    FLUSHES,
    HANDLER,
    LATENCY,
    POLLED,
    POSITION,
    RECORDS,
    RESULTS,
    RETRIES,
)
from workers.source import Source

PAUSE: Final = 0.05
"""Seconds between two looks at what the task waits for: the lease, room in the queue, acknowledgements."""


class Control(Protocol):
    """What may stop a task between two records."""

    @property
    def draining(self) -> bool: ...

    def leased(self) -> bool: ...

    def guard(self, turn: list[Any]) -> None: ...

    def wait(self, seconds: float) -> bool: ...


class Buried(NamedTuple):
    """A dead letter on its way, so that it can be sent once more without its value."""

    letter: DeadLetter
    stripped: bool


class PartitionTask:
    """Runs one agent over one partition, at least once.

    Offsets it stores in its slot: `POSITION` before each record, so that it is a sign of life and names the record in
    hand; `COMMITTABLE` once every result and dead letter below it is acknowledged.

    Args:
        agent: what to run.
        source: where records come from.
        sink: where results and dead letters go.
        words: the worker's slot.
        control: what may stop the task.
        group: the consumer group, for dead letters.
        flush_interval: seconds of results that may await acknowledgement, and so be repeated after a crash.
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
    ) -> None:
        self._agent = agent
        self._source = source
        self._sink = sink
        self._words = words
        self._control = control
        self._group = group
        self._flush_interval_ns = int(flush_interval * 1e9)
        self._flushed_at = monotonic_ns()
        self._unsettled = False
        self._handle = self._handle_batch if agent.batch else self._handle_each

    def run(self) -> None:
        """Work until drained; then nothing that was handled is left unacknowledged.

        Raises:
            WorkerMustEnd: the worker cannot go on; what is committable stands in the slot.
        """
        while not self._control.draining:
            self.turn()
        self._flush()

    def turn(self) -> None:
        """Poll once and handle what came."""
        words = self._words
        words[BEAT] = monotonic_ns()
        if not self._control.leased():
            self._control.wait(PAUSE)
            return
        messages, end = self._source.poll()
        words[END] = self._source.high_watermark()
        if messages:
            self._observe(messages)
            if not self._handle_all(messages):
                return
        if end is not None and end > words[POSITION]:
            words[POSITION] = end
        self._report(idle=not messages)

    def _handle_all(self, messages: list[Message]) -> bool:
        """Handle messages in turns short enough to report in between; False where a drain came first."""
        positions = positions_after(messages)
        self._words[POLLED] = positions[-1]
        done = 0
        while done < len(messages):
            if self._control.draining:
                return False
            if not self._control.leased():
                self._control.wait(PAUSE)
                continue
            began, before = monotonic_ns(), done
            done = self._handle(messages, positions, before)
            self._count(done - before, monotonic_ns() - began)
            if done < len(messages):
                self._report(idle=False)
        return True

    def _handle_each(self, messages: list[Message], positions: Sequence[int], begin: int) -> int:
        """Handle messages from index `begin` one by one; the index of the first that is not done."""
        words, at = self._words, POSITION
        turn = messages[begin:]
        self._control.guard(turn)
        index = begin - 1
        error: Exception | None = None
        try:
            for index, position, result in zip(count(begin), positions[begin:], self._agent.results(turn)):
                if result is not None and not self._emit(messages[index], result):
                    return index
                words[at] = position
        except WorkerMustEnd:
            raise
        except Exception as raised:
            error = raised
        done = index + 1
        # A handler's StopIteration ends the results as quietly as the guard does; but the guard empties the turn.
        if error is None and (done == len(messages) or not turn):
            return done
        if not self._settle(messages[done], error):
            return done
        words[POSITION] = positions[done]
        return done + 1

    def _handle_batch(self, messages: list[Message], positions: Sequence[int], begin: int) -> int:
        """Handle one batch from index `begin`; where it fails, its records one by one."""
        assert self._agent.batch is not None
        batch = messages[begin : begin + self._agent.batch]
        try:
            self._send(self._agent.outputs(self._agent.call_batch(batch)), None, batch)
        except WorkerMustEnd:
            raise
        except Exception as error:
            if len(batch) == 1:
                return begin + self._settle_all(batch, positions[begin:], error)
            return begin + self._settle_all(batch, positions[begin:], None)
        self._words[POSITION] = positions[begin + len(batch) - 1]
        return begin + len(batch)

    def _settle_all(self, messages: list[Message], positions: Sequence[int], error: Exception | None) -> int:
        for done, message in enumerate(messages):
            if self._control.draining or not self._settle(message, error):
                return done
            self._words[POSITION] = positions[done]
        return len(messages)

    def _emit(self, message: Message, result: Any) -> bool:
        """Send a record's results; where they cannot be sent, settle it. False where a drain came first."""
        try:
            if self._agent.output is not None and is_one_value(result):
                # What most results are: the same as below, without its Output and lists.
                self._accept(Parcel(self._agent.output, self._agent.encode(result), message.key()), message)
                self._words[RESULTS] += 1
            else:
                self._send(self._agent.outputs(result), message.key(), message)
        except WorkerMustEnd:
            raise
        except Exception as error:
            return self._settle(message, error)
        return True

    def _settle(self, message: Message, error: Exception | None) -> bool:
        """Bring a record that failed with `error` to its end: a result after all, or a dead letter.

        Without an error it has not been tried yet. False where a drain came first: the record stays to be read again.

        Raises:
            RecordFatal: it failed for good and the agent has no dead-letter topic.
        """
        agent, attempts = self._agent, 0 if error is None or message.value() is None else 1
        error = error if attempts else None
        while True:
            if error is not None:
                error = agent.cause(message, error)
                match decide(error, attempts, agent.retries, dead_letter=agent.dead_letter is not None):
                    case Again(delay):
                        self._words[RETRIES] += 1
                        self._report(idle=False)
                        if self._control.wait(delay) or not self._hold():
                            return False
                    case GiveUp.DEAD_LETTER:
                        self._bury(message, error, attempts)
                        return True
                    case GiveUp.FAIL:
                        raise RecordFatal(f"offset {message.offset()}: {error}") from error
            attempts += 1
            self._words[BEAT] = monotonic_ns()
            try:
                self._send(agent.outputs(agent.call(message)), None if agent.batch else message.key(), message)
                return True
            except WorkerMustEnd:
                raise
            except Exception as raised:
                error = raised

    def _hold(self) -> bool:
        """Wait for the lease; False where a drain came first."""
        while not self._control.leased():
            if self._control.wait(PAUSE):
                return False
        return True

    def _send(self, outputs: Iterable[Output], key: bytes | None, origin: Message | list[Message]) -> None:
        """Encode all outputs, then hand them to the sink: a failure to encode leaves nothing half sent."""
        parcels = [self._parcel(output, key) for output in outputs]
        for parcel in parcels:
            self._accept(parcel, origin)
        self._words[RESULTS] += len(parcels)

    def _parcel(self, output: Output, key: bytes | None) -> Parcel:
        topic = output.topic or self._agent.output
        if topic is None:
            raise ResultRefused(
                f"a result of {self._agent.name} has no topic: give the agent output=, or return Output(…, topic=)"
            )
        if output.key is not UNSET:
            key = self._agent.encode_key(output.key)
        partition = -1 if output.partition is None else output.partition
        return Parcel(topic, self._agent.encode(output.value), key, output.header_pairs() or None, partition)

    def _accept(self, parcel: Parcel, origin: Any) -> None:
        while not self._sink.send(parcel, origin):
            self._words[BEAT] = monotonic_ns()
            self._sink.wait(PAUSE)

    def _bury(self, message: Message, error: Exception, attempts: int) -> None:
        assert self._agent.dead_letter is not None
        letter = envelope(
            message,
            error,
            topic=self._agent.dead_letter,
            group=self._group,
            attempts=attempts,
            failed_at_ms=time_ns() // 1_000_000,
        )
        self._words[DEAD_LETTERS] += 1
        self._post(letter, stripped=False)

    def _post(self, letter: DeadLetter, *, stripped: bool) -> None:
        parcel = Parcel(letter.topic, letter.value, letter.key, letter.headers, letter.partition, letter.timestamp)
        try:
            self._accept(parcel, Buried(letter, stripped))
        except SinkFailed:
            raise
        except Exception as refused:
            self._post_again(Buried(letter, stripped), refused)

    def _post_again(self, buried: Buried, refused: Exception) -> None:
        """A dead letter was refused: send it without its value; refused again, it must not let its offset pass."""
        if buried.stripped:
            raise SinkFailed(f"a dead letter without its value was refused, too: {refused}") from refused
        self._post(buried.letter.without_value(str(refused)), stripped=True)

    def _report(self, *, idle: bool) -> None:
        """Store what is committable, when it can be known at no cost or it is time to make sure."""
        words = self._words
        if words[COMMITTABLE] == words[POSITION] or self._unsettled:
            return
        if self._sink.pending() == 0 and not self._sink.refusals:
            words[COMMITTABLE] = words[POSITION]
            self._flushed_at = monotonic_ns()
        elif idle or monotonic_ns() - self._flushed_at >= self._flush_interval_ns:
            self._flush()

    def _flush(self) -> None:
        """Wait until all results and dead letters are acknowledged, however long the brokers take."""
        began = monotonic_ns()
        while True:
            self._words[BEAT] = monotonic_ns()
            pending = self._sink.wait(PAUSE)
            if self._sink.refusals:
                self._settle_refusals()
            elif not pending:
                break
        self._words[COMMITTABLE] = self._words[POSITION]
        self._flushed_at = monotonic_ns()
        self._words[FLUSHES] += 1
        self._words[FLUSH_NS] += self._flushed_at - began

    def _settle_refusals(self) -> None:
        """A result that the brokers refused is its record's failure."""
        refusals, self._sink.refusals = self._sink.refusals, []
        buried: set[int] = set()
        for origin, error in refusals:
            if isinstance(origin, Buried):
                self._post_again(origin, error)
            elif isinstance(origin, list) and len(origin) > 1:
                self._settle_again(origin)
            else:
                message: Message = origin[0] if isinstance(origin, list) else origin
                offset = offset_of(message)
                if offset in buried:
                    continue
                buried.add(offset)
                if self._agent.dead_letter is None:
                    raise RecordFatal(f"offset {offset}: {error}") from error
                self._bury(message, error, attempts=1)

    def _settle_again(self, batch: list[Message]) -> None:
        """One of a batch's results was refused after the position had passed it: its records one by one."""
        position = self._words[POSITION]
        self._unsettled = True
        if self._settle_all(batch, [position] * len(batch), None) < len(batch):
            raise SinkFailed("drained while a batch with a refused result was tried again; it will be read once more")
        self._unsettled = False

    def _observe(self, messages: list[Message]) -> None:
        kind, timestamp = messages[0].timestamp()
        if kind:
            LATENCY.observe(self._words, max(0, time_ns() // 1_000_000 - timestamp))

    def _count(self, records: int, elapsed_ns: int) -> None:
        if records:
            self._words[RECORDS] += records
            HANDLER.observe(self._words, elapsed_ns // records // 1000, records)
            BATCH.observe(self._words, records)


def positions_after(messages: list[Message]) -> Sequence[int]:
    """For each message the position once it is handled; without asking each, where no offset is missing."""
    first, last = offset_of(messages[0]), offset_of(messages[-1])
    if last - first == len(messages) - 1:
        return range(first + 1, last + 2)
    return [offset_of(message) + 1 for message in messages]


def offset_of(message: Message) -> int:
    offset = message.offset()
    assert offset is not None, "only produced messages have no offset"
    return offset
