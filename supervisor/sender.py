"""Sends a payload's records as their schedule says, whatever the brokers do, and tells the recorder of each."""

import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from supervisor.load_pages import PAGE
from supervisor.payload import Message, Payload
from supervisor.recorder import Recorder
from supervisor.schedule import Schedule, Unlimited

_SLICE: Final = PAGE
"""Records sent between two looks at the clock and at what the brokers say, at most."""
_SLICE_BYTES: Final = 4 * 1024 * 1024
"""What they weigh at most, so that few records lie here beside the producer's queue."""
_QUEUE_FULL_WAIT: Final = 0.005
_PUNCTUAL_SECONDS: Final = 0.1
"""A record sent no later than this kept the schedule."""
OVERTIME_SECONDS: Final = 30.0
"""How long what was due in the load's time may still be handed over when that is over."""


class _Made(NamedTuple):
    """Messages to be handed over."""

    partition: int
    messages: list[Message]
    moments: list[float]
    """When each was due, in seconds of the monotonic clock; in bulk, when the first one was."""


class Sender:
    """One load on one topic. Single-threaded: it works while `run_until` or `finish` runs, and begins with the first.

    Args:
        producer: its queue bounds the memory in use.
        count: records after which it is done; None: no such end.
        duration: seconds after which it is done; None: no such end.
        first: the number of the first record.
        step: from one record's number to the next.
        queue: how many records the producer takes; it is never given more.
        bulk: send as fast as can be. The producer then reports failures only, and a latency is told from how many
            records are acknowledged, not from each.
        overtime: seconds after `duration` in which what was due in it is still handed over. What is not by then, or
            when it is stopped, has failed. None: such records are left out, for a rate that is only tried.
    """

    def __init__(
        self,
        producer: Producer,
        topic: str,
        payload: Payload,
        schedule: Schedule,
        recorder: Recorder,
        *,
        count: int | None = None,
        duration: float | None = None,
        first: int = 0,
        step: int = 1,
        queue: int = 100_000,
        bulk: bool = False,
        overtime: float | None = OVERTIME_SECONDS,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._payload = payload
        self._schedule = schedule
        self.recorder = recorder
        self._count = sys.maxsize if count is None else count
        self._duration = float("inf") if duration is None else duration
        self._first = first
        self._step = step
        self._queue = queue
        self._bulk = bulk
        self._overtime = overtime
        self._slice = max(1, min(_SLICE, _SLICE_BYTES // payload.weight))
        self.position = 0
        """How many records of the schedule were made, to be handed over at once, or when the producer has room."""
        self._made: list[_Made] = []
        """What the producer had no room for: it goes before anything else."""
        self._stuck = False
        """Whether it had too little at some time since `run_until` was last called."""
        self.fatal: KafkaError | None = None
        """Why the producer can send nothing more; None: it can."""
        self._started: float | None = None
        self._ended: float | None = None

    def begin_at(self, moment: float) -> None:
        """Set the load's start, in seconds of the monotonic clock; else it is when `run_until` is first called."""
        self._started = moment

    @property
    def elapsed(self) -> float:
        """Seconds of sending, so far or in all."""
        return 0.0 if self._started is None else max(0.0, (self._ended or time.monotonic()) - self._started)

    @property
    def done(self) -> bool:
        return self._ended is not None

    @property
    def share_done(self) -> float | None:
        """How much of the load is sent, from 0 to 1; None for one without an end."""
        if self._count == sys.maxsize and self._duration == float("inf"):
            return None
        return min(1.0, max(self.position / self._count if self._count else 1.0, self.elapsed / self._duration))

    @property
    def behind(self) -> int:
        """Records that were not handed over though the schedule asked for them some time ago; 0 without a rate."""
        before = self.elapsed - _PUNCTUAL_SECONDS
        if before < 0 or isinstance(self._schedule, Unlimited):
            return 0
        due = self._schedule.due(min(before, self._duration))
        return max(0, min(due, self._count) - self.position + sum(len(made.messages) for made in self._made))

    def run_until(self, deadline: float) -> None:
        """Send what falls due before `deadline` (seconds of the monotonic clock); return sooner where all is sent."""
        self._stuck = False
        if self._started is None:
            self._started = time.monotonic()
        while not self.done and (now := time.monotonic()) < deadline:
            if (elapsed := now - self._started) < 0:
                self._poll(max(0.001, min(deadline, self._started) - now))
                continue
            due = min(self._schedule.due(min(elapsed, self._duration)), self._count)
            if self._made:
                self._poll(_QUEUE_FULL_WAIT)
                if not self.done:
                    self._hand_over(self._made)
            elif self.position < due:
                # Slices of the numbers, not of this load: a payload may have pages of them.
                into = (self._first // self._step + self.position) % self._slice
                self._send(min(due - self.position, self._slice - into))
            if self._over(elapsed, due):
                self.stop()
            elif self.position >= due and not self._made:
                wake = self._started + min(self._schedule.at(self.position), self._duration)
                self._poll(max(0.001, min(deadline, wake) - now))

    def _over(self, elapsed: float, due: int) -> bool:
        """Whether nothing more is to be sent: all is, or it is too late for what is not."""
        if self.position >= due and not self._made:
            return due == self._count or elapsed >= self._duration
        late = 0.0 if isinstance(self._schedule, Unlimited) else self._overtime or _PUNCTUAL_SECONDS
        return elapsed >= self._duration + late

    def stop(self) -> None:
        """Send nothing more. What was handed over remains to be waited for with `finish`."""
        if self._ended is not None:
            return
        self._ended = time.monotonic()
        # Where it is merely late when it is stopped, by a busy machine, nothing has failed.
        if self._overtime is not None and (self._stuck or self.elapsed >= self._duration):
            self.recorder.unsent(self.behind)

    def finish(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the reports that are still out; True when there are none."""
        self._serve(self._producer.flush, timeout)
        return self.recorder.outstanding == 0

    def abandon(self) -> None:
        """Give up what is still out: each such record counts as failed, though a broker may have written it."""
        self._producer.purge()
        self._serve(self._producer.flush, 1.0)

    def _send(self, count: int) -> None:
        room = self._queue - len(self._producer)
        self._stuck |= room < min(count, self._queue)
        if room < (min(count, self._queue) if self._bulk else 1):  # in bulk, whole slices are faster
            self._poll(_QUEUE_FULL_WAIT)
            return
        count = min(count, room)
        begun = self._started or 0.0
        first = self._first + self.position * self._step
        seqs = range(first, first + count * self._step, self._step)
        if isinstance(self._schedule, Unlimited):
            moments = [time.monotonic()] * (1 if self._bulk else count)
        else:
            last = self.position + (1 if self._bulk else count)
            moments = [begun + self._schedule.at(number) for number in range(self.position, last)]
        since = time.time_ns() - time.monotonic_ns()
        self.position += count
        if self._bulk:
            batches = self._payload.bulk(seqs, since + int(moments[0] * 1e9))
            self._hand_over([_Made(partition, messages, moments) for partition, messages in batches])
        else:
            messages = self._payload.messages(seqs, [since + int(moment * 1e9) for moment in moments])
            self._hand_over([_Made(-1, messages, _of_each(messages, moments))])
        self._poll(0)

    def _hand_over(self, made: list[_Made]) -> None:
        """Hand over what the producer has room for, and keep the rest: whoever waits here keeps no deadline."""
        self._made = []
        hand_over = self._produce_batch if self._bulk else self._produce
        for place, one in enumerate(made):
            if (left := hand_over(one)) is not None:
                self._made, self._stuck = [left, *made[place + 1 :]], True
                return

    def _produce_batch(self, made: _Made) -> _Made | None:
        """Hand over a batch. What there was no room for, always its end, is returned."""
        partition, messages, (due,) = made
        taken = self._producer.produce_batch(self._topic, messages, partition, on_delivery=self.recorder.undelivered)
        self.recorder.handed_over(due, taken)
        if taken == len(messages):
            return None
        left = []
        for message in messages:
            if (error := message.pop("_error", None)) is None:
                continue
            if error.code() == KafkaError._QUEUE_FULL:
                left.append(message)
            else:
                self._refuse(error)
        if left and not taken and not len(self._producer):  # it would never fit
            self._refuse(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
            del left[0]
        return _Made(partition, left, [due]) if left else None

    def _produce(self, made: _Made) -> _Made | None:
        """Hand over record by record. What there was no room for is returned."""
        produce, recorder = self._producer.produce, self.recorder
        partition, messages, moments = made
        for place, (message, due) in enumerate(zip(messages, moments, strict=True)):
            try:
                produce(self._topic, on_delivery=partial(recorder.delivered, due), **message)
                recorder.sent += 1
            except BufferError:
                if len(self._producer):
                    return _Made(partition, messages[place:], moments[place:])
                self._refuse(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
            except KafkaException as failure:  # such as a record that is too large: its own failure
                self._refuse(failure.args[0])
        return None

    def _refuse(self, error: KafkaError) -> None:
        self.recorder.refused(error)
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._fail(error)

    def _fail(self, error: KafkaError) -> None:
        """Stop for an error after which the producer takes nothing more."""
        if self.fatal is None or error.fatal():  # else it is only what came of it
            self.fatal = error
        self.stop()

    def _poll(self, seconds: float) -> None:
        self._serve(self._producer.poll, seconds)

    def _serve(self, wait: Callable[[float], object], seconds: float) -> None:
        """Take in reports for so long. A fatal error is raised here, and nobody else is told its cause."""
        try:
            wait(seconds)
        except KafkaException as failure:
            self._fail(failure.args[0])
        if self._bulk:
            self.recorder.settled(len(self._producer))


def _of_each(messages: list[Message], moments: list[float]) -> list[float]:
    """When each message is due, where some are there twice: both at the time of their record."""
    if len(messages) == len(moments):
        return moments
    ahead, found = iter(moments), list[float]()
    for before, message in pairwise([None, *messages]):
        found.append(found[-1] if message is before else next(ahead))
    return found
