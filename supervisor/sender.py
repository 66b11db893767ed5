"""Sends a payload's records as their schedule says, whatever the brokers do, and tells the recorder of each."""

import sys
import time
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer

from supervisor.load_pages import PAGE
from supervisor.payload import Message, Payload
from supervisor.recorder import Recorder
from supervisor.schedule import Schedule, Unlimited

_SLICE: Final = PAGE
"""Records sent between two looks at the clock and at what the brokers say."""
_QUEUE_FULL_WAIT: Final = 0.005
_PUNCTUAL_SECONDS: Final = 0.1
"""A record sent no later than this kept the schedule."""


class Sender:
    """One load on one topic. Single-threaded: it works while `run_until` or `finish` runs, and begins with the first.

    Args:
        producer: its queue bounds the memory in use.
        count: records after which it is done; None: no such end.
        duration: seconds after which it is done; None: no such end.
        first: the number of the first record.
        step: from one record's number to the next.
        queue: how many records the producer takes; it is never given more, since what it refuses loses its order.
        bulk: send as fast as can be. The producer then reports failures only, and a latency is told from how many
            records are acknowledged, not from each.
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
        self.position = 0
        """How many records of the schedule were handed over; some of them more than once, where that is asked for."""
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
        return min(1.0, max(self.position / self._count, self.elapsed / self._duration))

    @property
    def behind(self) -> int:
        """Records that were not handed over though the schedule asked for them some time ago; 0 without a rate."""
        if isinstance(self._schedule, Unlimited):
            return 0
        due = self._schedule.due(max(0.0, min(self.elapsed, self._duration) - _PUNCTUAL_SECONDS))
        return max(0, min(due, self._count) - self.position)

    def run_until(self, deadline: float) -> None:
        """Send what falls due before `deadline` (seconds of the monotonic clock); return sooner where all is sent."""
        if self._started is None:
            self._started = time.monotonic()
        while not self.done and (now := time.monotonic()) < deadline:
            elapsed = max(0.0, now - self._started)
            due = min(self._schedule.due(min(elapsed, self._duration)), self._count)
            if self.position < due:
                self._send(min(due - self.position, _SLICE - self.position % _SLICE))
            if self.position >= self._count or (elapsed >= self._duration and self._over(due)):
                self.stop()
            elif self.position >= due:
                wake = self._started + min(self._schedule.at(self.position), self._duration)
                self._poll(max(0.001, min(deadline, wake) - now))

    def _over(self, due: int) -> bool:
        """Whether, the time being over, nothing more is to be sent: what was due in it is, where it is not too late."""
        unlimited = isinstance(self._schedule, Unlimited)
        return unlimited or self.position >= due or self.elapsed > self._duration + _PUNCTUAL_SECONDS

    def stop(self) -> None:
        """Send nothing more. What was handed over remains to be waited for with `finish`."""
        self._ended = self._ended or time.monotonic()

    def finish(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the reports that are still out; True when there are none."""
        self._producer.flush(timeout)
        self._settle()
        return self.recorder.outstanding == 0

    def abandon(self) -> None:
        """Give up what is still out: each such record counts as failed, though a broker may have written it."""
        self._producer.purge()
        self._producer.flush(1.0)
        self._settle()

    def _send(self, count: int) -> None:
        room = self._queue - len(self._producer)
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
        if self._bulk:
            for partition, messages in self._payload.bulk(seqs, since + int(moments[0] * 1e9)):
                self._hand_over(messages, partition, moments[0])
        else:
            messages = self._payload.messages(seqs, [since + int(moment * 1e9) for moment in moments])
            self._produce(messages, moments)
        self.position += count
        self._poll(0)

    def _hand_over(self, messages: list[Message], partition: int, due: float) -> None:
        recorder, todo = self.recorder, messages
        while True:
            taken = self._producer.produce_batch(self._topic, todo, partition, on_delivery=recorder.undelivered)
            recorder.handed_over(due, taken)
            if taken == len(todo):
                return
            left = []
            for message in todo:
                if (error := message.pop("_error", None)) is None:
                    continue
                if error.code() == KafkaError._QUEUE_FULL:
                    left.append(message)
                else:
                    self._refuse(error)
            todo = left
            if not todo or self.done:
                return
            self._poll(_QUEUE_FULL_WAIT)

    def _produce(self, messages: list[Message], moments: list[float]) -> None:
        produce, recorder = self._producer.produce, self.recorder
        # A payload may repeat records: what there is more of than moments is as late as the last.
        moments += moments[-1:] * (len(messages) - len(moments))
        for message, due in zip(messages, moments, strict=True):
            while not self.done:
                try:
                    produce(self._topic, on_delivery=partial(recorder.delivered, due), **message)
                    recorder.sent += 1
                    break
                except BufferError:
                    if not len(self._producer):
                        self._refuse(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
                        break
                    self._poll(_QUEUE_FULL_WAIT)
                except KafkaException as failure:  # such as a record that is too large: its own failure
                    self._refuse(failure.args[0])
                    break

    def _refuse(self, error: KafkaError) -> None:
        self.recorder.refused(error)
        if error.fatal():
            self.stop()

    def _poll(self, seconds: float) -> None:
        self._producer.poll(seconds)
        self._settle()

    def _settle(self) -> None:
        if self._bulk:
            self.recorder.settled(len(self._producer))
