"""Workers that are and workers that ought to be: deaths in every order, places, and what is never forgotten."""

import errno
from collections.abc import Iterator

import pytest

from supervisor.deaths import START_ATTEMPTS, WorkersCannotStart
from supervisor.partition import AssignedPartition
from supervisor.pool import FORK_SECONDS, MOST_FORKS
from supervisor.starts import Start
from supervisor.states import PartitionState
from supervisor.suspects import Death
from tests.unit.supervisor_parts import A, B, C, Clock, Stage
from workers.endings import WorkerExit
from workers.protocol import Drain, Ended, Exited, Forked, ForkFailed, Metadata, Ready
from workers.records import TopicPartition
from workers.slot import COMMITTABLE, LEASE, LOOKED, POLLED, POSITION

PID = 4_000_000
"""A process id that no process has: above the kernel's highest."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, "pool", "deaths", "process", "partition")


@pytest.fixture
def stage(clock: Clock) -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def state(stage: Stage, name: TopicPartition = A) -> PartitionState:
    return stage.pool.partitions[name].state


def partition(stage: Stage, name: TopicPartition = A) -> AssignedPartition:
    return stage.pool.partitions[name]


def running(stage: Stage, name: TopicPartition = A, offset: int = 5, pid: int = PID) -> None:
    stage.assign({name: offset})
    stage.run(stage.forks.jobs[-1], pid)


def test_a_worker_starts_at_its_offset_with_a_lease(stage: Stage) -> None:
    stage.assign({A: 5})
    (job,) = stage.forks.jobs
    assert (job.topic, job.partition, job.start) == (A.topic, A.partition, 5)
    assert state(stage) is PartitionState.STARTING
    stage.run(job, PID)
    assert state(stage) is PartitionState.RUNNING
    stage.pool.reconcile(77)
    assert stage.table[job.slot][LEASE] == 77


def test_a_dead_worker_is_replaced_at_once_from_what_was_committable(stage: Stage) -> None:
    running(stage)
    words = stage.table[stage.forks.jobs[0].slot]
    words[POSITION], words[COMMITTABLE] = 40, 30
    stage.die(PID)
    stage.pool.reconcile(0)
    assert stage.forks.jobs[1].start == 30
    assert stage.counted.deaths == [(*A, "signal SIGKILL")]


def test_a_second_death_soon_after_waits(stage: Stage, clock: Clock) -> None:
    running(stage)
    stage.die(PID)
    stage.pool.reconcile(0)
    stage.run(stage.forks.jobs[1], PID + 1)
    stage.die(PID + 1)
    stage.pool.reconcile(0)
    assert state(stage) is PartitionState.BACKING_OFF
    clock.passes(0.25)
    stage.pool.reconcile(0)
    assert len(stage.forks.jobs) == 3


def test_out_of_range_is_resolved_anew_and_backs_off_too(stage: Stage, clock: Clock) -> None:
    running(stage)
    for times in range(1, 3):
        job = stage.forks.jobs[-1]
        stage.forks.says(job, Ended(WorkerExit.OUT_OF_RANGE, "gone"))
        stage.die(PID, WorkerExit.OUT_OF_RANGE << 8)
        assert state(stage) is PartitionState.RESOLVING
        partition(stage).resolved(Start(8, 5, 9))
        stage.pool.reconcile(0)
        assert len(stage.forks.jobs) == min(times, 1) + 1
        if times == 1:
            stage.run(stage.forks.jobs[-1], PID)
    clock.passes(0.25)
    stage.pool.reconcile(0)
    assert len(stage.forks.jobs) == 3
    assert {cause for *_, cause in stage.counted.deaths} == {"out_of_range"}


def test_what_a_worker_said_last_is_its_cause_even_if_its_exit_is_heard_first(stage: Stage) -> None:
    running(stage)
    stage.forks.says(stage.forks.jobs[0], Ended(WorkerExit.RECORD_FATAL, "offset 5: no"))
    stage.die(PID, WorkerExit.RECORD_FATAL << 8)
    assert stage.counted.deaths == [(*A, "record_fatal")]


def test_a_drain(stage: Stage) -> None:
    running(stage)
    (job,) = stage.forks.jobs
    stage.pool.drain([A])
    stage.pool.drain([A])
    assert stage.forks.hears(job) == Drain()
    stage.forks.says(job, Ended(WorkerExit.DRAINED))
    stage.die(PID, 0)
    assert state(stage) is PartitionState.STOPPED
    assert stage.pool.undrained([A]) == []
    stage.pool.drain([A])
    stage.pool.drop([A])
    assert stage.pool.partitions == {}


def test_a_drain_reaches_a_worker_that_is_not_forked_yet(stage: Stage) -> None:
    stage.assign({A: 5})
    (job,) = stage.forks.jobs
    stage.pool.drain([A])
    stage.run(job, PID)
    assert state(stage) is PartitionState.DRAINING
    assert stage.forks.hears(job) == Drain()


def test_a_worker_that_dies_while_draining_is_not_replaced(stage: Stage) -> None:
    running(stage)
    stage.pool.drain([A])
    stage.die(PID)
    stage.pool.reconcile(0)
    assert state(stage) is PartitionState.STOPPED
    assert stage.pool.undrained([A]) == [A]
    assert len(stage.forks.jobs) == 1


def test_an_end_that_nobody_asked_for_is_a_death(stage: Stage) -> None:
    running(stage)
    stage.forks.says(stage.forks.jobs[0], Ended(WorkerExit.DRAINED))
    stage.die(PID, 0)
    assert state(stage) is PartitionState.BACKING_OFF


def test_a_partition_without_a_worker_is_drained_at_once(stage: Stage) -> None:
    stage.pool.assign([A])
    stage.pool.drain([A])
    assert stage.pool.undrained([A]) == []
    assert stage.pool.alive([A]) == []


@pytest.mark.parametrize("drained", [False, True])
def test_a_lost_partition_stays_lost(stage: Stage, *, drained: bool) -> None:
    running(stage)
    if drained:
        stage.pool.drain([A])
    stage.pool.lose([A])
    stage.pool.lose([A])
    stage.die(PID)
    stage.pool.reconcile(0)
    assert state(stage) is PartitionState.LOST
    assert len(stage.forks.jobs) == 1
    stage.pool.drop([A])


def test_a_worker_lost_while_it_is_forked_is_alive_until_its_exit(stage: Stage) -> None:
    stage.assign({A: 5})
    stage.pool.lose([A])
    assert stage.pool.alive([A]) == [A]
    stage.pool.on_fork(Forked(stage.forks.jobs[0].worker, PID))
    stage.pool.on_fork(Exited(PID, 9))
    assert stage.pool.alive([A]) == []


def test_an_exit_of_a_stranger_is_nothing(stage: Stage) -> None:
    running(stage)
    stage.die(PID + 9)
    assert state(stage) is PartitionState.RUNNING


def test_more_partitions_than_places_wait_for_one(stage: Stage) -> None:
    stage.assign({A: 1, B: 2, C: 3})
    assert state(stage, C) is PartitionState.WAITING
    stage.run(stage.forks.jobs[0], PID)
    stage.pool.drain([A])
    stage.die(PID, 0)
    stage.pool.drop([A])
    stage.pool.reconcile(0)
    assert state(stage, C) is PartitionState.STARTING
    assert stage.forks.jobs[2].slot == stage.forks.jobs[0].slot


def test_no_fork_without_a_fork_server(stage: Stage) -> None:
    stage.pool.server = None
    stage.assign({A: 1})
    assert state(stage) is PartitionState.WAITING


def test_workers_that_fail_to_start_end_the_pool(stage: Stage) -> None:
    stage.assign({A: 5})
    (job,) = stage.forks.jobs
    stage.pool.on_fork(Forked(job.worker, PID))
    stage.forks.says(job, Ended(WorkerExit.START_FAILED, "no database"))
    with pytest.raises(WorkersCannotStart, match="no database"):
        stage.die(PID, WorkerExit.START_FAILED << 8)
    stage.pool.drain([A])
    assert stage.pool.alive([A]) == []


def test_workers_that_die_before_any_was_ready_end_the_pool(stage: Stage, clock: Clock) -> None:
    stage.assign({A: 5})
    for _ in range(START_ATTEMPTS):
        stage.pool.on_fork(Forked(stage.forks.jobs[-1].worker, PID))
        stage.die(PID, 11)
        clock.passes(1.0)
        stage.pool.reconcile(0)
    stage.pool.on_fork(Forked(stage.forks.jobs[-1].worker, PID))
    with pytest.raises(WorkersCannotStart, match="SIGSEGV"):
        stage.die(PID, 11)


def test_once_one_was_ready_a_failing_start_is_tried_again(stage: Stage) -> None:
    running(stage)
    stage.assign({B: 5})
    job = stage.forks.jobs[-1]
    stage.pool.on_fork(Forked(job.worker, PID + 1))
    stage.forks.says(job, Ended(WorkerExit.START_FAILED, "no database"))
    stage.die(PID + 1, WorkerExit.START_FAILED << 8)
    assert state(stage, B) is PartitionState.BACKING_OFF


def test_a_fork_that_fails(stage: Stage) -> None:
    stage.assign({A: 5})
    with pytest.raises(WorkersCannotStart, match="no memory"):
        stage.pool.on_fork(ForkFailed(stage.forks.jobs[0].worker, "no memory"))


def test_a_fork_that_fails_later_is_tried_again(stage: Stage) -> None:
    running(stage)
    stage.assign({B: 5})
    stage.pool.on_fork(ForkFailed(stage.forks.jobs[1].worker, "no memory"))
    assert state(stage, B) is PartitionState.BACKING_OFF
    assert stage.counted.deaths == [(*B, "fork failed: no memory")]


def test_after_the_fork_servers_death_all_are_buried(stage: Stage) -> None:
    """One worker was running and is gone; of the other's fork nothing was ever heard."""
    running(stage)
    stage.assign({B: 5})
    stage.pool.server = None
    assert not stage.pool.bury_orphans()
    assert stage.pool.alive([A, B]) == [B], "its end of the channel may still be held by a process"
    stage.forks.hangs_up(stage.forks.jobs[1])
    stage.hear()
    assert stage.pool.bury_orphans()
    assert [cause for *_, cause in stage.counted.deaths] == ["its fork server died"] * 2


def fence(stage: Stage, pid: int = PID) -> None:
    stage.forks.says(stage.forks.jobs[-1], Ended(WorkerExit.FENCED, "somebody else"))
    stage.die(pid, WorkerExit.FENCED << 8)


def test_a_fenced_worker_is_replaced_when_membership_is_proved_anew(stage: Stage, clock: Clock) -> None:
    running(stage)
    proved_before = clock.now
    clock.passes(1.0)
    fence(stage)
    clock.passes(3600.0)
    stage.pool.reconcile(0, proved_before)
    assert state(stage) is PartitionState.FENCED
    stage.pool.reconcile(0, clock.now)
    assert state(stage) is PartitionState.STARTING
    assert len(stage.forks.jobs) == 2


def test_a_fence_is_no_crash(stage: Stage, clock: Clock) -> None:
    running(stage)
    words = stage.table[stage.forks.jobs[0].slot]
    words[POLLED] = words[POSITION] + 10  # a record is in hand
    fence(stage)
    assert stage.counted.deaths == []
    assert stage.counted.fences == [A]
    assert partition(stage).suspects.alone_until == 0
    assert partition(stage).deaths == 0
    assert partition(stage).status().restarts == 0
    clock.passes(1.0)
    stage.pool.reconcile(0, clock.now)
    assert (stage.forks.jobs[1].careful_until, stage.forks.jobs[1].condemned) == (0, {})


def test_a_worker_fenced_at_its_start_does_not_end_the_pool(stage: Stage) -> None:
    stage.assign({A: 5})
    stage.pool.on_fork(Forked(stage.forks.jobs[0].worker, PID))
    fence(stage)
    assert state(stage) is PartitionState.FENCED


def test_a_record_that_may_have_kept_a_transaction_open_is_alone_the_next_time(stage: Stage, clock: Clock) -> None:
    running(stage)
    words = stage.table[stage.forks.jobs[0].slot]
    words[POLLED] = words[POSITION] + 10
    words[LOOKED] = round(clock.now * 1e9)
    for _ in range(4):  # no sign of life, and none is due yet
        clock.passes(0.9)
        stage.pool.reconcile(0)
    polled = words[POLLED]
    fence(stage)
    clock.passes(0.1)
    stage.pool.reconcile(0, clock.now)
    assert stage.forks.jobs[-1].alone_until == polled


def test_workers_fenced_again_and_again_are_replaced_ever_later(stage: Stage, clock: Clock) -> None:
    running(stage)
    fence(stage)
    clock.passes(0.1)
    stage.pool.reconcile(0, clock.now)
    stage.run(stage.forks.jobs[-1], PID)
    fence(stage)
    clock.passes(0.1)
    stage.pool.reconcile(0, clock.now)
    assert state(stage) is PartitionState.WAITING, "proved, and still to wait"
    clock.passes(0.25)
    stage.pool.reconcile(0, clock.now)
    assert len(stage.forks.jobs) == 3


def test_a_worker_fenced_while_it_drains_has_no_successor(stage: Stage, clock: Clock) -> None:
    running(stage)
    stage.pool.drain([A])
    fence(stage)
    stage.pool.reconcile(0, clock.now + 1)
    assert state(stage) is PartitionState.STOPPED
    assert stage.pool.undrained([A]) == [A]


def test_a_new_proof_of_membership_goes_to_all_that_stay_and_to_no_other(stage: Stage) -> None:
    stage.pool.metadata = b"first"
    stage.assign({A: 5, B: 5})
    first, second = stage.forks.jobs
    assert (first.metadata, second.metadata) == (b"first", b"first")
    stage.run(first, PID)
    stage.run(second, PID + 1)
    stage.pool.drain([A])
    stage.pool.tell(b"second")
    assert stage.forks.hears(first) == Drain(b"first")
    assert stage.forks.hears(second) == Metadata(b"second")
    stage.die(PID, 0)
    stage.forks.hangs_up(first)
    stage.pool.lose([B])
    stage.pool.tell(b"third")
    stage.die(PID + 1)
    assert stage.forks.hears(second) is None, "lost: it is told nothing more"


def test_a_worker_that_starts_is_told_the_proof_of_then_when_it_reads(stage: Stage) -> None:
    """Its start may last for as long as a transaction hangs: what it does not read would fill its channel."""
    stage.pool.metadata = b"first"
    stage.assign({A: 5})
    (job,) = stage.forks.jobs
    stage.pool.on_fork(Forked(job.worker, PID))
    for number in range(1000):
        stage.pool.tell(b"%d" % number)
    stage.forks.says(job, Ready())
    stage.hear()
    assert stage.forks.hears(job) == Metadata(b"999")


def test_what_was_not_ready_when_it_was_to_leave_had_nothing_in_hand(stage: Stage) -> None:
    stage.assign({A: 5, B: 5})
    first, second = stage.forks.jobs
    stage.run(first, PID)
    stage.pool.on_fork(Forked(second.worker, PID + 1))
    stage.pool.drain([A, B])
    stage.pool.kill_unready([A, B])
    assert [name for name in (A, B) if partition(stage, name).worker.killed_for] == [B]  # type: ignore[union-attr]
    stage.die(PID + 1)
    assert state(stage, B) is PartitionState.STOPPED
    assert stage.pool.undrained([A, B]) == [A]
    assert stage.counted.deaths == []


def test_a_fork_that_fails_while_all_leave_ends_nothing(stage: Stage) -> None:
    stage.assign({A: 5})
    (job,) = stage.forks.jobs
    stage.pool.drain([A])
    stage.pool.on_fork(ForkFailed(job.worker, "no memory"))
    assert state(stage) is PartitionState.STOPPED
    assert stage.pool.undrained([A]) == []


def test_where_no_file_can_be_opened_a_worker_is_tried_again(
    stage: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("supervisor.pool.Worker", refuse)
        stage.assign({A: 5})
    assert (state(stage), stage.forks.jobs) == (PartitionState.WAITING, [])
    stage.pool.reconcile(0)
    assert stage.forks.jobs == []
    clock.passes(FORK_SECONDS)
    stage.pool.reconcile(0)
    assert len(stage.forks.jobs) == 1


def test_a_log_that_begins_again_has_no_suspects(stage: Stage) -> None:
    stage.assign({A: 5})
    it = partition(stage)
    for _ in range(2):
        it.suspects.add(Death(7, 9, 9, announced=False, killed_for=None, hung=False), "signal SIGSEGV")
    it.suspects.add(Death(7, 9, 9, announced=False, killed_for=None, hung=False), "signal SIGSEGV")
    assert it.suspects.condemned(5).keys() == {7}
    stage.run(stage.forks.jobs[0], PID)
    stage.forks.says(stage.forks.jobs[0], Ended(WorkerExit.OUT_OF_RANGE, "gone"))
    stage.die(PID, WorkerExit.OUT_OF_RANGE << 8)
    it.resolved(Start(0, None, 0))
    assert (it.suspects.condemned(0), it.suspects.careful_until) == ({}, 0)


def test_no_more_workers_are_asked_for_than_the_fork_server_can_be_told_of(clock: Clock) -> None:
    """It answers each while it is told of the next: neither may wait for the other to read."""
    stage = Stage(slots=3 * MOST_FORKS)
    stage.assign({TopicPartition(A.topic, number): 0 for number in range(2 * MOST_FORKS)})
    assert len(stage.forks.jobs) == MOST_FORKS
    for job in stage.forks.jobs[:5]:
        stage.pool.on_fork(Forked(job.worker, PID + job.worker))
    stage.pool.reconcile(0)
    assert len(stage.forks.jobs) == MOST_FORKS + 5
    stage.close()
