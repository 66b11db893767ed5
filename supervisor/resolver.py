"""Finds out where newly assigned partitions begin, beside the supervisor's loop."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Final, NamedTuple

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from supervisor.background import in_background
from supervisor.partition import AssignedPartition
from supervisor.starts import Answers, Start, StartPolicy, resolve
from supervisor.states import PartitionState
from workers.log import log
from workers.records import TopicPartition

RETRY_SECONDS: Final = 1.0

Asked = tuple[AssignedPartition, ...]


class Question(NamedTuple):
    """What is being asked for; the very objects, since a partition may be given back and assigned again meanwhile."""

    partitions: Asked
    answer: "Future[Answers]"


class Resolver:
    """Asks for the start offsets of all partitions that are `RESOLVING`, again and again until the brokers answer.

    Args:
        admin: a client.
        reader: a consumer with the group's id that never joins it.
        policy: where a group without committed offsets begins.
        whole: tells partitions that always begin with their first record, whatever the policy.
        partitions: the assigned partitions; looked at anew each time.
        on_start: called for each partition that is still waiting for its answer.
    """

    def __init__(
        self,
        admin: AdminClient,
        reader: Consumer,
        policy: StartPolicy,
        whole: Callable[[TopicPartition], bool],
        partitions: Mapping[TopicPartition, AssignedPartition],
        on_start: Callable[[AssignedPartition, Start], None],
    ) -> None:
        self._admin = admin
        self._reader = reader
        self._policy = policy
        self._whole = whole
        self._partitions = partitions
        self._on_start = on_start
        self._questions: list[Question] = []
        self._not_before = 0.0
        self._late: set[TopicPartition] = set()
        """Partitions that had no answer the last time: asked again by themselves, they keep no other waiting."""

    def turn(self) -> None:
        """Take the answers that have come, and ask for what nobody has asked for yet."""
        for client in (self._admin, self._reader):
            client.poll(0)  # what they have to say of errors would stay in memory
        for question in [question for question in self._questions if question.answer.done()]:
            self._questions.remove(question)
            self._take(question)
        asked = {id(partition) for question in self._questions for partition in question.partitions}
        waiting = [p for p in self._partitions.values() if p.state is PartitionState.RESOLVING and id(p) not in asked]
        together: dict[tuple[bool, bool], list[AssignedPartition]] = {}
        for partition in waiting:
            late = partition.name in self._late
            if not late or monotonic() >= self._not_before:
                together.setdefault((self._whole(partition.name), late), []).append(partition)
        for (whole, _), partitions in together.items():
            self._ask(partitions, "earliest" if whole else self._policy)

    def _ask(self, partitions: Sequence[AssignedPartition], policy: StartPolicy) -> None:
        resume = {partition.name: partition.committable for partition in partitions}
        answer = in_background(lambda: resolve(self._admin, self._reader, resume, policy))
        self._questions.append(Question(tuple(partitions), answer))

    def _take(self, question: Question) -> None:
        names = {partition.name for partition in question.partitions}
        try:
            starts, refused = question.answer.result()
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no start without an answer
            self._retry(names, str(error))
            return
        self._late -= names
        if refused:
            self._retry(refused, "; ".join(sorted({error.str() for error in refused.values()})))
        for partition in question.partitions:
            current = partition.state is PartitionState.RESOLVING and self._partitions.get(partition.name) is partition
            if current and partition.name in starts:
                self._on_start(partition, starts[partition.name])

    def _retry(self, names: Iterable[TopicPartition], message: str) -> None:
        self._late.update(names)
        self._not_before = monotonic() + RETRY_SECONDS
        texts = sorted(map(str, names))
        log.warning("start_offsets_unanswered", partitions=texts, message=message, retry_in=RETRY_SECONDS)
