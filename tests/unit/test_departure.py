"""Partitions leave in order: drained, committed, dead; in time, whatever hangs; and what is lost is left alone."""

from collections.abc import Iterator, Mapping

import pytest
from confluent_kafka import KafkaError

from supervisor.commits import RETRY_SECONDS, Commits
from supervisor.departure import HURRY_SECONDS, STUCK_SECONDS, UNREADY_SECONDS, Cause, Departure, Limits
from supervisor.lease import Lease
from supervisor.membership import CommitAnswer
from supervisor.states import PartitionState
from tests.unit.supervisor_parts import A, B, Clock, Stage
from workers.endings import WorkerExit
from workers.protocol import Ended, Forked
from workers.records import TopicPartition
from workers.slot import COMMITTABLE

PIDS = {A: 4_000_000, B: 4_000_001}
TIMEOUT = 20.0


class Scene(Stage):
    """Two partitions with running workers, both at offset 5 and committed; A has come to 9 since."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.sent: list[Mapping[TopicPartition, int]] = []
        self.unstuck = 0
        lease = Lease(15.0, by_commit=False)
        lease.proved(clock.now)
        self.commits = Commits(self, self.pool.partitions, lease, 1.0, self.counted)
        self.assign({A: 5, B: 5})
        for name, job in zip((A, B), self.forks.jobs, strict=True):
            self.run(job, PIDS[name])
        self.table[0][COMMITTABLE] = 9

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.sent.append(offsets)

    def unstick(self) -> None:
        self.unstuck += 1

    def departure(self, cause: Cause) -> Departure:
        limits = Limits.of(self.clock.now, TIMEOUT)
        return Departure(cause, [A, B], limits, self.pool, self.commits, self.unstick)

    def drained(self, name: TopicPartition) -> None:
        """The worker has done what it was told."""
        job = next(job for job in self.forks.jobs if job.partition == name.partition)
        self.forks.says(job, Ended(WorkerExit.DRAINED))
        self.die(PIDS[name], 0)

    def accept(self) -> None:
        self.commits.on_commit(CommitAnswer(dict(self.sent[-1]), {}))

    def refuse(self, code: int) -> None:
        self.commits.on_commit(CommitAnswer({}, {None: KafkaError(code)}))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    made = Scene(Clock(monkeypatch, "pool", "deaths", "process", "partition", "commits", "departure", "lease"))
    yield made
    made.close()


def test_it_is_over_when_all_are_drained_and_committed(scene: Scene) -> None:
    departure = scene.departure(Cause.REVOKED)
    scene.drained(A)
    assert not departure.turn(), "one still works"
    scene.drained(B)
    assert not departure.turn(), "an offset is not committed"
    scene.commits.turn()
    assert scene.sent == [{A: 9}]
    assert not departure.turn(), "nor is it until the coordinator says so"
    scene.accept()
    assert departure.turn()
    assert departure.complete


def test_a_refused_commit_is_repeated(scene: Scene) -> None:
    departure = scene.departure(Cause.REVOKED)
    scene.drained(A)
    scene.drained(B)
    departure.turn()
    scene.commits.turn()
    scene.refuse(KafkaError.REBALANCE_IN_PROGRESS)
    scene.clock.passes(RETRY_SECONDS)
    assert not departure.turn()
    scene.commits.turn()
    scene.accept()
    assert departure.turn()


def test_what_hangs_is_killed_at_the_limit_and_said(scene: Scene) -> None:
    departure = scene.departure(Cause.STOPPING)
    scene.drained(B)
    scene.clock.passes(TIMEOUT * 0.75)
    assert not departure.turn()
    scene.die(PIDS[A])
    departure.turn()
    scene.commits.turn()
    scene.accept()
    assert departure.turn()
    assert departure.undrained == [A]
    assert not departure.complete
    assert scene.counted.deaths == [(*A, "not drained in time")]


def test_who_has_not_begun_to_read_is_not_waited_for(scene: Scene) -> None:
    name = TopicPartition(A.topic, 0)
    scene.departure(Cause.REVOKED)
    for left in (A, B):
        scene.drained(left)
    scene.pool.drop([A, B])
    scene.assign({name: 9})
    scene.pool.on_fork(Forked(scene.forks.jobs[-1].worker, PIDS[A]))
    departure = Departure(
        Cause.STOPPING, [name], Limits.of(scene.clock.now, TIMEOUT), scene.pool, scene.commits, scene.unstick
    )
    (worker,) = scene.pool.workers
    killed = []
    for _ in range(2):
        departure.turn()
        killed.append(worker.killed_for is not None)
        scene.clock.passes(UNREADY_SECONDS)
    assert killed == [False, True]
    scene.die(PIDS[A])
    assert departure.turn()
    assert departure.complete


def test_a_silent_coordinator_is_not_waited_for_for_ever(scene: Scene) -> None:
    departure = scene.departure(Cause.STOPPING)
    scene.drained(A)
    scene.drained(B)
    departure.turn()
    scene.commits.turn()
    scene.clock.passes(TIMEOUT * 0.9)
    assert departure.turn()
    assert departure.uncommitted == {A: 9}
    assert not departure.complete


def test_a_nearer_limit_holds(scene: Scene) -> None:
    """A signal to stop comes in the middle of a revoke: both have to end by its own limit, not one after the other."""
    departure = scene.departure(Cause.REVOKED)
    departure.limit(Limits.of(scene.clock.now, 1.0))
    departure.limit(Limits.of(scene.clock.now, TIMEOUT))
    scene.clock.passes(0.75)
    departure.turn()
    scene.die(PIDS[A])
    scene.die(PIDS[B])
    scene.clock.passes(0.15)
    assert departure.turn()


def test_hurry(scene: Scene) -> None:
    departure = scene.departure(Cause.STOPPING)
    departure.hurry()
    assert not departure.turn()
    scene.die(PIDS[A])
    scene.die(PIDS[B])
    assert not departure.turn(), "there is a moment for the last commit"
    scene.clock.passes(HURRY_SECONDS / 2)
    departure.hurry()
    scene.clock.passes(HURRY_SECONDS / 2)
    assert departure.turn(), "a moment that does not begin anew"


def test_what_is_lost_is_never_committed(scene: Scene) -> None:
    departure = scene.departure(Cause.LOST)
    scene.commits.turn()
    assert not departure.turn()
    scene.die(PIDS[A])
    scene.commits.turn()
    scene.die(PIDS[B])
    scene.commits.turn()
    assert departure.turn()
    assert scene.sent == []


def test_who_is_expelled_while_it_gives_back_has_lost(scene: Scene) -> None:
    """The group does not say so until the partitions are given back."""
    departure = scene.departure(Cause.REVOKED)
    scene.commits.turn()
    scene.refuse(KafkaError.UNKNOWN_MEMBER_ID)
    assert not departure.turn()
    scene.die(PIDS[A])
    scene.die(PIDS[B])
    assert departure.turn()
    assert scene.pool.partitions[A].state is PartitionState.LOST
    assert len(scene.sent) == 1


def test_a_worker_that_the_kernel_cannot_end_takes_no_other_along(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    departure = scene.departure(Cause.LOST)
    for worker in scene.pool.workers:
        monkeypatch.setattr(worker, "confirmed_dead", lambda: False)
    for _ in range(3):
        scene.clock.passes(STUCK_SECONDS)
        assert not departure.turn()
    assert scene.unstuck == 0


def test_a_death_that_nobody_confirms_ends_the_fork_server(scene: Scene) -> None:
    departure = scene.departure(Cause.LOST)
    departure.turn()
    assert scene.unstuck == 0
    scene.clock.passes(STUCK_SECONDS)
    departure.turn()
    assert scene.unstuck == 0, "word of it may be on its way"
    scene.clock.passes(STUCK_SECONDS)
    departure.turn()
    departure.turn()
    assert scene.unstuck == 1


def test_what_has_left_by_another_way_is_not_waited_for(scene: Scene) -> None:
    stopping = scene.departure(Cause.STOPPING)
    revoked = scene.departure(Cause.REVOKED)
    scene.drained(A)
    scene.drained(B)
    stopping.turn()
    scene.commits.turn()
    scene.accept()
    assert stopping.turn()
    scene.pool.drop(stopping.names)
    assert revoked.turn()
    assert revoked.partitions == [A, B], "the group still waits for them"
