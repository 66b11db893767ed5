"""Questions to the brokers about dead letters, and the deletion of those that are dealt with."""

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import Consumer, IsolationLevel, KafkaException
from confluent_kafka import TopicPartition as Position
from confluent_kafka.admin import OffsetSpec

from supervisor.brokers import ANSWER_SECONDS, Brokers, BrokersRefused
from supervisor.client_settings import taken_settings
from supervisor.dead_marks import Ledger, Mark, Progress, decode, may_hold_mark
from workers.kafka import offset_reader
from workers.records import TopicPartition
from workers.settings import Settings

_NO_OFFSET: Final = -1
_SPECS: Final[Any] = OffsetSpec  # whose methods carry no types
_EARLIEST: Final[OffsetSpec] = _SPECS.earliest()
_LATEST: Final[OffsetSpec] = _SPECS.latest()


class DeadBrokers(Brokers):
    """One connection to the brokers.

    Raises:
        ConfigInvalid: librdkafka does not take the settings.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._user = settings.client("consumer")

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
            for number, position in self._stored(group, topic, partitions).items():
                mark = decode(position.metadata)
                if mark is not None and (mark.topic, mark.topic_id) == (topic, topic_id):
                    entries.setdefault(mark, {})[number] = position.offset
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

    def _stored(self, group: str, topic: str, partitions: int) -> dict[int, Any]:
        # Not through the admin client, as in `committed`.
        with taken_settings():
            consumer = Consumer(offset_reader(self._user, group))
        try:
            asked = [Position(topic, number) for number in range(partitions)]
            found = consumer.committed(asked, ANSWER_SECONDS)
        except KafkaException as failure:
            error = failure.args[0]
            raise BrokersRefused(f"group {group}: {error.str() or error.name()}", error.name()) from failure
        finally:
            consumer.close()
        return {position.partition: position for position in found if position.offset > _NO_OFFSET}
