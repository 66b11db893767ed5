"""Questions to the brokers about dead letters, and the deletion of those that are dealt with."""

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import IsolationLevel
from confluent_kafka import TopicPartition as Position
from confluent_kafka.admin import OffsetSpec

from supervisor.brokers import ANSWER_SECONDS, Brokers, BrokersRefused
from supervisor.dead_marks import Ledger, Mark, Progress, decode, may_hold_mark
from workers.records import TopicPartition

_SPECS: Final[Any] = OffsetSpec  # whose methods carry no types
_EARLIEST: Final[OffsetSpec] = _SPECS.earliest()
_LATEST: Final[OffsetSpec] = _SPECS.latest()


class DeadBrokers(Brokers):
    """One connection to the brokers.

    Raises:
        ConfigInvalid: librdkafka does not take the settings.
    """

    def topic_id(self, topic: str) -> str:
        """What tells a topic from an earlier one of its name."""
        return str(self.topic(topic).topic_id)

    def bounds(self, topic: str, partitions: int) -> tuple[dict[int, int], dict[int, int]]:
        """The first offset of each partition, and the one behind its last committed message."""
        return self._edge(topic, partitions, _EARLIEST), self._edge(topic, partitions, _LATEST)

    def ledger(self, topic: str, topic_id: str, partitions: int) -> Ledger:
        """What has been dealt with in a topic."""
        entries: dict[Mark, dict[int, int]] = {}
        for group in self._marking_groups(topic, topic_id):
            asked = [TopicPartition(topic, number) for number in range(partitions)]
            for name, position in self._stored(group, asked).items():
                mark = decode(position.metadata)
                if mark is not None and (mark.topic, mark.topic_id) == (topic, topic_id):
                    entries.setdefault(mark, {})[name.partition] = position.offset
        return Ledger([Progress(mark, positions) for mark, positions in entries.items()])

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete each partition's messages below an offset.

        Raises:
            BrokersRefused: the rest of them may be deleted.
        """
        asked = [Position(topic, number, offset) for number, offset in offsets.items()]
        if not asked:
            return
        for future in self._admin.delete_records(asked, request_timeout=ANSWER_SECONDS).values():
            self._result(future)

    def _edge(self, topic: str, partitions: int, edge: OffsetSpec) -> dict[int, int]:
        asked = {Position(topic, number): edge for number in range(partitions)}
        answers = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ANSWER_SECONDS
        )
        found = {TopicPartition(topic, position.partition): future for position, future in answers.items()}
        return {name.partition: self._offset_at(name, future) for name, future in found.items()}

    def _marking_groups(self, topic: str, topic_id: str) -> list[str]:
        listed = self._answer(lambda: self._admin.list_consumer_groups(request_timeout=ANSWER_SECONDS))
        if listed.errors:
            # Without some broker's groups, what was dealt with could be taken for open.
            error = listed.errors[0].args[0]
            raise BrokersRefused(f"groups cannot be listed: {error.str()}; try again", error.name())
        names = [found.group_id for found in listed.valid]
        return sorted(name for name in names if may_hold_mark(name, topic, topic_id))
