"""What the group has committed, looked at all the time, and where results ended at that moment."""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

_EVERY: Final = 0.5
_TIMEOUT: Final = 5.0


class Sample(NamedTuple):
    """One look."""

    committed: Mapping[int, int]
    """By partition of the input, where there is any."""
    ends: Mapping[tuple[str, int], int]
    """The high watermark of each partition of results and dead letters, asked for after `committed` was known."""


class CommitSamples:
    """Takes samples from a thread of its own; while the brokers do not answer there are none.

    Args:
        bootstrap: the brokers.
        group: whose commits.
        source: topic and number of partitions of the input.
        targets: likewise of results and dead letters.
    """

    def __init__(self, bootstrap: str, group: str, source: tuple[str, int], targets: Sequence[tuple[str, int]]) -> None:
        self.taken: deque[Sample] = deque()
        """Samples that wait to be checked."""
        self._source = [TopicPartition(source[0], number) for number in range(source[1])]
        self._targets = [(topic, number) for topic, partitions in targets for number in range(partitions)]
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 0,
                "group.id": group,
                "enable.auto.commit": False,
                # A commit within an open transaction is none yet, and is not waited for.
                "isolation.level": "read_uncommitted",
                "reconnect.backoff.max.ms": 500,
            }
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commit-samples", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def take(self) -> Sample | None:
        """One sample, now; None where the brokers do not answer."""
        try:
            # What the client remembers of leaders may be as old as before a broker's death.
            self._consumer.list_topics(timeout=_TIMEOUT)
            return self._sample()
        except KafkaException:
            return None

    def _sample(self) -> Sample:
        committed = {found.partition: found.offset for found in self._committed() if found.offset >= 0}
        ends = {target: self._end(*target) for target in self._targets}
        return Sample(committed, ends)

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY):
            if (sample := self.take()) is not None:
                self.taken.append(sample)

    def _committed(self) -> Sequence[TopicPartition]:
        found = self._consumer.committed(self._source, timeout=_TIMEOUT)
        for one in found:
            if one.error is not None:
                raise KafkaException(one.error)
        return found

    def _end(self, topic: str, partition: int) -> int:
        answer = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT)
        assert answer is not None, f"no watermarks of {topic}[{partition}]"
        return int(answer[1])
