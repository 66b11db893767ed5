"""What a partition shows of all its workers, living and dead, and when one of them counts as hung."""

from collections.abc import Iterator

import pytest

from supervisor.partition import AssignedPartition
from tests.unit.supervisor_parts import A, Clock, Stage
from workers.slot import BEAT, COMMITTABLE, END, IN_HAND, POSITION, RECORDS

PID = 4_000_000
"""A process id that no process has: above the kernel's highest."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, "pool", "deaths", "process", "partition")


@pytest.fixture
def stage(clock: Clock) -> Iterator[Stage]:
    made = Stage()
    made.assign({A: 5})
    made.run(made.forks.jobs[0], PID)
    yield made
    made.close()


def partition(stage: Stage) -> AssignedPartition:
    return stage.pool.partitions[A]


def test_counters_never_go_back(stage: Stage) -> None:
    words = stage.table[stage.forks.jobs[0].slot]
    words[RECORDS] = 100
    stage.die(PID)
    stage.pool.reconcile(0)
    stage.run(stage.forks.jobs[1], PID)
    stage.table[stage.forks.jobs[1].slot][RECORDS] = 11
    assert partition(stage).totals()[RECORDS] == partition(stage).status().records == 111
    stage.pool.lose([A])
    stage.die(PID)
    stage.pool.drop([A])
    stage.pool.assign([A])
    status = partition(stage).status()
    assert (status.records, status.restarts) == (111, 1)
    assert stage.pool.history[A].totals[RECORDS] == 111


def test_a_hung_worker_is_silent_in_the_supervisors_waking_time(stage: Stage, clock: Clock) -> None:
    """A freeze of the supervisor, or of the machine, is not the workers' silence."""
    stage.pool.reconcile(0)
    clock.passes(3600.0)
    stage.pool.reconcile(0)
    worker = partition(stage).worker
    assert worker is not None
    assert worker.killed_for is None
    for _ in range(5):
        clock.passes(1.0)
        stage.pool.reconcile(0)
    assert worker.killed_for == "no sign of life for 5 s"


@pytest.mark.parametrize("word", [POSITION, IN_HAND, BEAT])
def test_a_record_or_a_beat_is_a_sign_of_life(stage: Stage, clock: Clock, word: int) -> None:
    for _ in range(20):
        clock.passes(1.0)
        stage.table[0][word] += 1
        stage.pool.reconcile(0)
    worker = partition(stage).worker
    assert worker is not None
    assert worker.killed_for is None


def test_status(stage: Stage, clock: Clock) -> None:
    words = stage.table[0]
    words[POSITION], words[COMMITTABLE], words[END], words[RECORDS] = 12, 10, 20, 7
    clock.passes(2.0)
    stage.pool.reconcile(0)
    status = partition(stage).status()
    assert (status.position, status.committed, status.end, status.lag, status.rate) == (12, 5, 20, 15, 3.5)
    assert (status.pid, status.state) == (PID, "running")
