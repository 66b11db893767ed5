"""Sends a payload's records as their schedule says, and hands each delivery report to the recorder."""

import sys
import time
from typing import Final

from confluent_kafka import KafkaException, Producer

from supervisor.payload import Payload
from supervisor.recorder import Recorder
from supervisor.schedule import Schedule

_SLICE: Final = 500
"""Records sent between two looks at the clock and at delivery reports."""
_QUEUE_FULL_WAIT: Final = 0.05
_PUNCTUAL_SECONDS: Final = 0.1
"""A record sent no later than this kept the schedule."""


class Sender:
    """One load on one topic. Single-threaded: it works while `run_until` or `finish` runs, and begins with the first.

    Args:
        producer: with delivery reports for each record; its queue bounds the memory in use.
        count: records after which it is done; None: no such end.
        duration: seconds after which it is done; None: no such end.
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
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._payload = payload
        self._schedule = schedule
        self.recorder = recorder
        self._count = sys.maxsize if count is None else count
        self._duration = float("inf") if duration is None else duration
        self._started: float | None = None
        self._ended: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds of sending, so far or in all."""
        return 0.0 if self._started is None else (self._ended or time.monotonic()) - self._started

    @property
    def done(self) -> bool:
        return self._ended is not None

    @property
    def share_done(self) -> float | None:
        """How much of the load is sent, from 0 to 1; None for one without an end."""
        if self._count == sys.maxsize and self._duration == float("inf"):
            return None
        return min(1.0, max(self.recorder.sent / self._count, self.elapsed / self._duration))

    @property
    def behind(self) -> int:
        """Records that were not handed over though the schedule asked for them some time ago; 0 without a rate."""
        due = self._schedule.due(max(0.0, min(self.elapsed, self._duration) - _PUNCTUAL_SECONDS))
        return 0 if due == sys.maxsize else max(0, min(due, self._count) - self.recorder.sent)

    def run_until(self, deadline: float) -> None:
        """Send what falls due before `deadline` (seconds of the monotonic clock); return sooner where all is sent."""
        if self._started is None:
            self._started = time.monotonic()
        while not self.done and (now := time.monotonic()) < deadline:
            elapsed = now - self._started
            sent = self.recorder.sent
            due = min(self._schedule.due(min(elapsed, self._duration)), self._count)
            if sent < due:
                self._send(min(due, sent + _SLICE))
            if self.recorder.sent >= self._count or elapsed >= self._duration:
                self.stop()
            elif sent >= due:
                wake = self._started + min(self._schedule.at(sent), self._duration)
                self._producer.poll(max(0.001, min(deadline, wake) - now))

    def stop(self) -> None:
        """Send nothing more. What was handed over remains to be waited for with `finish`."""
        self._ended = self._ended or time.monotonic()

    def finish(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the reports that are still out; True when there are none."""
        self._producer.flush(timeout)
        return self.recorder.outstanding == 0

    def abandon(self) -> None:
        """Give up what is still out: each such record counts as failed, though a broker may have written it."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _send(self, until: int) -> None:
        recorder, topic, record = self.recorder, self._topic, self._payload.record
        produce, delivered = self._producer.produce, recorder.delivered
        try:
            for seq in range(recorder.sent, until):
                key, value = record(seq)
                produce(topic, value, key, on_delivery=delivered)
                recorder.sent = seq + 1
        except BufferError:
            self._producer.poll(_QUEUE_FULL_WAIT)
        except KafkaException as error:  # such as a record that is too large: its own failure
            recorder.refused(error.args[0])
            if error.args[0].fatal():
                self.stop()
        else:
            self._producer.poll(0)
