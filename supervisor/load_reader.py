"""Reads what a load sent and what came of it, as it comes, from the topics themselves."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from supervisor.background import in_background
from supervisor.client_settings import taken_settings
from supervisor.load_numbers import HotFailed, Numbers, Origin
from supervisor.load_refused import LoadRefused
from supervisor.load_verification import Verification
from workers.log import kafka_logger
from workers.settings import Settings
from workers.source import WAITED_OUT

_BROKER_SECONDS: Final = 10.0
_AT_ONCE: Final = 5000
_LOOK_SECONDS: Final = 3.0
"""From one look for new partitions to the next, and how long an answer is waited for."""


class Reader:
    """An observer outside any group, of what is written after it was made, also in partitions that are added later.

    Args:
        settings: for the connection.
        source: the topic that is loaded.
        target: the topic of the results.
        numbers: tells which record a message is.
        verification: gets all that is read.

    Raises:
        ConfigInvalid: librdkafka does not take the settings.
        LoadRefused: a topic is not there, or no broker tells where it ends.
    """

    def __init__(
        self, settings: Settings, source: str, target: str, numbers: Numbers, verification: Verification
    ) -> None:
        self._source = source
        self._target = target
        self._numbers = numbers
        self._verification = verification
        with taken_settings():
            self._consumer = Consumer(_properties(settings))
        self._taken = 0
        self.error: str | None = None
        """Why the topics could not be read wholly; None: they could."""
        self.last_result = time.monotonic()
        """When there was a result of this load last, or any record of it."""
        self._look: Future[Mapping[str, int]] | None = None
        """How many partitions there are, being asked: what waits for a broker here would be in the latencies."""
        self._end: Future[Sequence[int]] | None = None
        """Where the loaded topic ends, partition for partition, being asked."""
        self._look_at = time.monotonic() + _LOOK_SECONDS
        self._ended: dict[int, int] = {}
        """Where partitions of the loaded topic were seen to end: behind what a transaction leaves there, too."""
        try:
            found = self._partitions()
            self._places = [TopicPartition(topic, number) for topic in found for number in range(found[topic])]
            self._begun = [*self._ends(self._places)]
        except KafkaException as failure:
            raise LoadRefused(f"cannot read from {source} and {target}: {failure.args[0].str()}") from failure
        self._consumer.assign(
            [TopicPartition(p.topic, p.partition, end) for p, end in zip(self._places, self._begun, strict=True)]
        )

    def read(self, seconds: float) -> int:
        """Take in what has come, waiting up to `seconds` for something; how many messages it was."""
        self._look_around()
        first = self._consumer.poll(seconds)
        if first is None:
            return 0
        now, verification = time.time_ns(), self._verification
        messages = (first, *self._consumer.consume(_AT_ONCE, 0))
        for message in messages:
            if (error := message.error()) is not None:
                self._heed(error, message)
            elif message.topic() == self._source:
                origin = self._origin(message)
                if origin is None:
                    verification.foreign += 1
                else:
                    key: Any = message.key()
                    verification.sent(origin.seq, origin.due, key=key, answerable=origin.answerable, hot=origin.hot)
            else:
                verification.result(self._numbers.result(message), message.partition() or 0, now)
        if (taken := verification.taken) != self._taken:  # not what others write there
            self._taken, self.last_result = taken, time.monotonic()
        return len(messages)

    def _origin(self, message: Message) -> Origin | None:
        try:
            return self._numbers.origin(message)
        except HotFailed as failure:
            self.error = str(failure)
            return None

    def _heed(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            if message.topic() == self._source:
                self._ended[message.partition() or 0] = message.offset() or 0
        # The group is but a name here, and reading goes on.
        elif error.code() not in WAITED_OUT | {KafkaError.GROUP_AUTHORIZATION_FAILED}:
            self.error = error.str()

    def find_end(self) -> None:
        """Begin to ask where the loaded topic ends now."""
        self._end = in_background(self._source_end)

    def has_found_end(self) -> bool:
        """Take the answer to `find_end`; whether it is there, or there will be none: then `error` says so."""
        if self._end is None or not self._end.done():
            return False
        try:
            self._take_in({self._source: len(self._end.result())})
        except (KafkaException, LoadRefused, RuntimeError) as failure:
            self.error = f"the end of {self._source} is not known: {failure}"
        return True

    def at_end(self) -> bool:
        """Whether the loaded topic is read to the end that is known."""
        assert self._end is not None, "nobody has asked for it"
        positions = self._consumer.position(self._sources())
        begun = [begun for place, begun in zip(self._places, self._begun, strict=True) if place.topic == self._source]
        # A partition of which nothing was read yet has no position, nor was one that is new since then sent anything.
        return all(
            max(p.offset, begun, self._ended.get(p.partition, 0)) >= end
            for p, begun, end in zip(positions, begun, self._end.result(), strict=False)
        )

    def _source_end(self) -> Sequence[int]:
        count = self._partitions()[self._source]
        return self._ends([TopicPartition(self._source, number) for number in range(count)])

    def close(self) -> None:
        """Give the connection up; one that waits for a broker ends with this process."""
        asked: list[Future[Any]] = [one for one in (self._look, self._end) if one is not None]
        if not wait(asked, _LOOK_SECONDS).not_done:  # else they still have the consumer
            self._consumer.close()

    def _look_around(self) -> None:
        """See, now and then, whether there are new partitions; where no broker tells, it is asked again."""
        now = time.monotonic()
        if self._look is None and now >= self._look_at:
            self._look = in_background(partial(self._partitions, _LOOK_SECONDS))
        elif self._look is not None and self._look.done():
            look, self._look, self._look_at = self._look, None, now + _LOOK_SECONDS
            with suppress(KafkaException, LoadRefused, RuntimeError):
                self._take_in(look.result())

    def _take_in(self, counts: Mapping[str, int]) -> None:
        """Read partitions that are new from their beginning: they have nothing that is older than the load."""
        for topic, count in counts.items():
            known = sum(place.topic == topic for place in self._places)
            new = [TopicPartition(topic, number) for number in range(known, count)]
            if new:
                self._consumer.incremental_assign([TopicPartition(topic, place.partition, 0) for place in new])
                self._places += new
                self._begun += [0] * len(new)

    def _sources(self) -> list[TopicPartition]:
        return [place for place in self._places if place.topic == self._source]

    def _partitions(self, seconds: float = _BROKER_SECONDS) -> Mapping[str, int]:
        """How many either topic has."""
        there = self._consumer.list_topics(timeout=seconds).topics
        if self._source not in there:
            raise LoadRefused(f"topic {self._source}, which is loaded, is not there any more")
        if self._target not in there:
            raise LoadRefused(f"topic {self._target} is not there: name the topic that the app writes its results to")
        return {topic: len(there[topic].partitions) for topic in (self._source, self._target)}

    def _ends(self, places: Sequence[TopicPartition]) -> Sequence[int]:
        found = []
        for place in places:
            offsets = self._consumer.get_watermark_offsets(place, timeout=_BROKER_SECONDS)
            if offsets is None:
                raise LoadRefused(f"no end offset of {place.topic}[{place.partition}] within {_BROKER_SECONDS:g} s")
            found.append(offsets[1])
        return found


def _properties(settings: Settings) -> dict[str, Any]:
    logs = kafka_logger("verify")
    return {
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 100,
        **settings.client("consumer"),
        "group.id": "load-verify",  # only a name: this consumer neither joins nor commits
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "logger": logs,
        "error_cb": logs.error_cb,
    }
