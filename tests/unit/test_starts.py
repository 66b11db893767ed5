"""Where a partition's worker begins, and what the log has lost before that."""

from collections.abc import Mapping
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from supervisor import resolver
from supervisor.partition import AssignedPartition, History
from supervisor.resolver import Resolver
from supervisor.starts import Start, decide
from supervisor.suspects import Suspects
from workers.records import TopicPartition


@pytest.mark.parametrize(
    ("wanted", "committed", "first", "end", "initial", "start"),
    [
        pytest.param(None, None, 3, 9, 3, Start(3, None, 9), id="a new group, earliest"),
        pytest.param(None, None, 3, 9, 9, Start(9, None, 9), id="a new group, latest"),
        pytest.param(5, 5, 3, 9, 9, Start(5, 5, 9), id="it goes on where it was, whatever `start` says"),
        pytest.param(7, 5, 3, 9, 3, Start(7, 5, 9), id="a worker had come further than the group knows"),
        pytest.param(9, 9, 3, 9, 3, Start(9, 9, 9), id="nothing is left to do"),
        pytest.param(3, 3, 3, 9, 9, Start(3, 3, 9), id="at the very beginning"),
        pytest.param(1, 1, 3, 9, 9, Start(3, 1, 9, range(1, 3)), id="the log has deleted two records"),
        pytest.param(12, 12, 0, 9, 9, Start(0, 12, 9, range(9, 12)), id="the topic was made anew"),
        pytest.param(12, 12, 0, 0, 0, Start(0, 12, 0, range(12)), id="the topic was made anew and is empty"),
    ],
)
def test_decide(wanted: int | None, committed: int | None, first: int, end: int, initial: int, start: Start) -> None:
    assert decide(wanted, committed, first, end, initial) == start


LEADERLESS = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
HERE, ALSO_HERE, AWAY = (TopicPartition("in", number) for number in range(3))


class Cluster:
    """An admin client and a reader in one, of brokers on which some partitions have no leader. All end at 9."""

    def __init__(self, *leaderless: TopicPartition, unreachable: tuple[TopicPartition, ...] = ()) -> None:
        self.leaderless = set(leaderless)
        self.unreachable = unreachable
        self.asked: list[set[TopicPartition]] = []

    def poll(self, _timeout: float) -> None:
        """Nothing to say."""

    def committed(self, partitions: list[KafkaPartition], **_: Any) -> list[Any]:
        return [SimpleNamespace(topic=p.topic, partition=p.partition, offset=-1001, error=None) for p in partitions]

    def list_topics(self, topic: str, **_: Any) -> None:
        pass

    def list_offsets(self, asked: Mapping[KafkaPartition, Any], **_: Any) -> dict[KafkaPartition, Any]:
        self.asked.append({TopicPartition(p.topic, p.partition) for p in asked})
        return {p: self._answer(TopicPartition(p.topic, p.partition), spec) for p, spec in asked.items()}

    def _answer(self, name: TopicPartition, spec: Any) -> "Future[Any]":
        answer: Future[Any] = Future()
        if name in self.leaderless:
            answer.set_exception(KafkaException(LEADERLESS))
        elif name in self.unreachable:
            answer.set_result(SimpleNamespace(offset=OFFSET_INVALID))  # as librdkafka does
        else:
            answer.set_result(SimpleNamespace(offset=2 if "EarliestSpec" in type(spec).__name__ else 9))
        return answer


class Asked:
    """A resolver whose questions are answered at once, and the starts that it has found."""

    def __init__(self, cluster: Cluster, policy: Any = "earliest", gained: tuple[TopicPartition, ...] = ()) -> None:
        self.found: dict[TopicPartition, Start] = {}
        partitions = {name: AssignedPartition(name, History(), Suspects(2)) for name in (HERE, ALSO_HERE, AWAY)}
        client: Any = cluster
        self._resolver = Resolver(client, client, policy, gained.__contains__, partitions, self._on_start)

    def turns(self) -> None:
        for _ in range(2):
            self._resolver.turn()

    def _on_start(self, partition: AssignedPartition, start: Start) -> None:
        self.found[partition.name] = start
        partition.resolved(start)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Answers come at once; the time in the list is now."""

    def done(call: Any) -> "Future[Any]":
        answer: Future[Any] = Future()
        answer.set_result(call())
        return answer

    now = [0.0]
    monkeypatch.setattr(resolver, "in_background", done)
    monkeypatch.setattr(resolver, "monotonic", lambda: now[0])
    return now


def test_a_partition_without_a_leader_keeps_no_other_waiting(at_once: list[float]) -> None:
    cluster = Cluster(AWAY)
    asked = Asked(cluster)
    at_once[0] = 10.0
    asked.turns()
    assert asked.found == {HERE: Start(2, None, 9), ALSO_HERE: Start(2, None, 9)}
    cluster.asked.clear()
    at_once[0] += resolver.RETRY_SECONDS
    asked.turns()
    assert cluster.asked == [{AWAY}]
    cluster.leaderless.clear()
    at_once[0] += resolver.RETRY_SECONDS
    asked.turns()
    assert asked.found[AWAY] == Start(2, None, 9)


@pytest.mark.parametrize("policy", ["earliest", "latest", 1])
def test_a_leader_that_does_not_answer_is_no_log_that_lost_records(at_once: list[float], policy: object) -> None:
    asked = Asked(Cluster(unreachable=(AWAY,)), policy)
    at_once[0] = 10.0
    asked.turns()
    assert asked.found.keys() == {HERE, ALSO_HERE}


def test_partitions_that_come_late_are_read_whole(at_once: list[float]) -> None:
    """What was written to them before they were noticed, the group was there for."""
    asked = Asked(Cluster(), "latest", (AWAY,))
    at_once[0] = 10.0
    asked.turns()
    assert {name: start.offset for name, start in asked.found.items()} == {HERE: 9, ALSO_HERE: 9, AWAY: 2}
