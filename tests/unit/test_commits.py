"""What is committed, when, and what an answer proves."""

from collections.abc import Mapping

import pytest
from confluent_kafka import KafkaError, KafkaException

from supervisor.commits import FORGET_SECONDS, RETRY_SECONDS, Commits
from supervisor.lease import Lease
from supervisor.membership import CommitAnswer, GroupRefused
from supervisor.partition import AssignedPartition
from supervisor.states import PartitionState
from tests.unit.supervisor_parts import A, B, Clock, Counted, partition
from workers.records import TopicPartition

INTERVAL = 1.0
LEASE = 15.0


class Member:
    """Notes the commits that are sent."""

    def __init__(self) -> None:
        self.sent: list[dict[TopicPartition, int]] = []
        self.error: KafkaException | None = None

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self.error:
            raise self.error
        self.sent.append(dict(offsets))


class Scene:
    """Commits for two partitions at offset 5, of which the group has nothing yet."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.member = Member()
        self.partitions: dict[TopicPartition, AssignedPartition] = {name: partition(name, 5) for name in (A, B)}
        self.lease = Lease(LEASE, by_commit=True)
        self.counted = Counted()
        self.commits = Commits(self.member, self.partitions, self.lease, INTERVAL, self.counted)

    def accept(self) -> None:
        """The coordinator takes the last commit."""
        self.commits.on_commit(CommitAnswer(dict(self.member.sent[-1]), {}))

    def refuse(self, code: int) -> None:
        self.commits.on_commit(CommitAnswer({}, {None: KafkaError(code)}))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(Clock(monkeypatch, "lease", "commits"))


def test_one_request_for_all(scene: Scene) -> None:
    scene.commits.turn()
    assert scene.member.sent == [{A: 5, B: 5}]
    assert scene.commits.uncommitted([A, B]) == {A: 5, B: 5}
    scene.accept()
    assert scene.partitions[A].committed == 5
    assert scene.commits.uncommitted([A, B]) == {}


def test_nothing_is_sent_while_an_answer_is_awaited_or_nothing_is_new(scene: Scene) -> None:
    scene.commits.turn()
    scene.clock.passes(INTERVAL)
    scene.commits.turn()
    assert len(scene.member.sent) == 1
    scene.accept()
    scene.clock.passes(INTERVAL)
    scene.commits.turn()
    assert len(scene.member.sent) == 1


def test_a_start_that_is_not_known_is_not_committed(scene: Scene) -> None:
    scene.partitions[B] = AssignedPartition(B, scene.partitions[B]._history, scene.partitions[B].suspects)
    scene.commits.turn()
    assert scene.member.sent == [{A: 5}]


def test_the_lease_counts_from_sending(scene: Scene) -> None:
    sent = scene.clock.now
    scene.commits.turn()
    scene.clock.passes(3.0)
    assert not scene.lease.held()
    scene.accept()
    assert scene.lease.deadline_ns == (sent + LEASE) * 1e9
    assert scene.counted.commits == [3.0]


def test_an_idle_pool_commits_again_to_keep_its_lease(scene: Scene) -> None:
    scene.commits.turn()
    scene.accept()
    scene.clock.passes(LEASE / 2)
    scene.commits.turn()
    assert scene.member.sent == [{A: 5, B: 5}] * 2


def test_an_answer_never_proves_more_than_the_oldest_commit(scene: Scene) -> None:
    """The first commit hung with its broker; what comes then may be the answer to it, and not to the second."""
    first = scene.clock.now
    scene.commits.turn()
    scene.clock.passes(FORGET_SECONDS)
    scene.commits.turn()
    assert len(scene.member.sent) == 2
    scene.accept()
    assert scene.lease.deadline_ns == (first + LEASE) * 1e9
    scene.accept()
    assert scene.lease.deadline_ns == (first + FORGET_SECONDS + LEASE) * 1e9


def test_an_answer_is_not_taken_for_a_partition_that_was_away(scene: Scene) -> None:
    scene.commits.turn()
    back = scene.partitions[A] = partition(A, 90, committed=90)
    scene.accept()
    assert back.committed == 90
    assert scene.partitions[B].committed == 5


def test_a_lost_partition_is_not_committed(scene: Scene) -> None:
    scene.partitions[A].become(PartitionState.LOST)
    scene.commits.turn()
    assert scene.member.sent == [{B: 5}]
    assert scene.commits.uncommitted([A, B]) == {B: 5}


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError._WAIT_COORD,
    ],
)
def test_a_refusal_in_a_rebalance_is_tried_again_soon(scene: Scene, code: int) -> None:
    scene.commits.turn()
    scene.refuse(code)
    assert not scene.commits.expelled
    scene.commits.soon()
    scene.commits.turn()
    assert len(scene.member.sent) == 1, "not at once"
    scene.clock.passes(RETRY_SECONDS)
    scene.commits.turn()
    assert len(scene.member.sent) == 2
    scene.accept()
    assert scene.lease.held()


def test_what_cannot_be_sent_is_tried_again(scene: Scene) -> None:
    scene.member.error = KafkaException(KafkaError(KafkaError._STATE))
    scene.commits.turn()
    scene.member.error = None
    scene.clock.passes(RETRY_SECONDS)
    scene.commits.turn()
    scene.accept()
    assert scene.partitions[A].committed == 5


@pytest.mark.parametrize("code", [KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_MEMBER_EPOCH])
def test_who_is_no_member_has_no_lease(scene: Scene, code: int) -> None:
    scene.commits.turn()
    scene.accept()
    scene.clock.passes(LEASE / 2)
    scene.commits.turn()
    scene.refuse(code)
    assert scene.commits.expelled
    assert not scene.lease.held()
    scene.commits.rejoined()
    assert not scene.commits.expelled


def test_one_bad_topic_does_not_cost_the_lease(scene: Scene) -> None:
    """A topic that was deleted is refused for as long as it is assigned; the member is one all the same."""
    scene.commits.turn()
    scene.commits.on_commit(CommitAnswer({A: 5}, {B: KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)}))
    assert scene.lease.held()
    assert scene.partitions[A].committed == 5
    assert scene.partitions[B].committed is None


@pytest.mark.parametrize("code", [KafkaError.FENCED_INSTANCE_ID, KafkaError.GROUP_AUTHORIZATION_FAILED])
def test_who_may_never_commit_ends(scene: Scene, code: int) -> None:
    scene.commits.turn()
    with pytest.raises(GroupRefused):
        scene.refuse(code)


def test_without_a_lease_the_interval_is_not_waited_for(scene: Scene) -> None:
    """After a freeze workers wait for the next proof."""
    commits = Commits(scene.member, scene.partitions, scene.lease, 60.0, scene.counted)
    commits.turn()
    commits.on_commit(CommitAnswer({A: 5, B: 5}, {}))
    scene.clock.passes(LEASE)
    commits.turn()
    assert len(scene.member.sent) == 2
