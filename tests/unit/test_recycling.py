"""Workers that have taken enough are replaced, drained; what comes meanwhile goes on as ever."""

import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from supervisor import recycling
from supervisor.limits import WorkerLimits
from supervisor.process import _stopped
from supervisor.recycling import JITTER, Memory, Reason, Recycling, bound, memory_of
from supervisor.states import PartitionState
from tests.unit.supervisor_parts import A, Clock, Stage
from workers.endings import WorkerExit
from workers.protocol import Drain, Ended
from workers.slot import COMMITTABLE, IN_HAND, POLLED, POSITION, RECORDS, SLOT_BYTES

NOBODY = 4_000_000
MIB = 1024**2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, "pool", "deaths", "process", "partition", "recycling")


@pytest.fixture
def stage(clock: Clock) -> Iterator[Stage]:
    made = Stage(limits=WorkerLimits(silence=5.0, handler=2.0, records=100))
    made.assign({A: 5})
    made.run(made.forks.jobs[0], NOBODY)
    yield made
    made.close()


@pytest.fixture
def recycled(stage: Stage) -> Stage:
    """Its worker has been told to drain, to be replaced."""
    stage.table[0][RECORDS] = round(100 * (1 + JITTER))
    stage.pool.reconcile(0)
    assert state(stage) is PartitionState.RECYCLING
    assert stage.forks.hears(stage.forks.jobs[0]) == Drain()
    return stage


def state(stage: Stage) -> PartitionState:
    return stage.pool.partitions[A].state


def drained(stage: Stage) -> None:
    stage.forks.says(stage.forks.jobs[0], Ended(WorkerExit.DRAINED))
    stage.die(NOBODY, 0)


def test_a_recycled_worker_is_replaced_at_once_and_is_no_death(recycled: Stage) -> None:
    recycled.table[0][COMMITTABLE] = 105
    drained(recycled)
    recycled.pool.reconcile(0)
    assert recycled.forks.jobs[1].start == 105
    assert recycled.counted.recycles == [(*A, "max_records")]
    assert recycled.counted.deaths == []
    assert recycled.pool.partitions[A].status().restarts == 0


def test_few_records_recycle_nobody(stage: Stage) -> None:
    stage.table[0][RECORDS] = round(100 * (1 - JITTER)) - 1
    stage.pool.reconcile(0)
    assert state(stage) is PartitionState.RUNNING


def test_a_drain_that_comes_while_recycling(recycled: Stage) -> None:
    recycled.pool.drain([A])
    drained(recycled)
    assert state(recycled) is PartitionState.STOPPED
    assert recycled.pool.undrained([A]) == []


def test_a_loss_that_comes_while_recycling(recycled: Stage) -> None:
    recycled.pool.lose([A])
    recycled.die(NOBODY)
    recycled.pool.reconcile(0)
    assert state(recycled) is PartitionState.LOST
    assert len(recycled.forks.jobs) == 1


def test_a_death_while_recycling_is_a_death(recycled: Stage) -> None:
    words = recycled.table[0]
    words[POSITION], words[POLLED] = 8, 10
    recycled.die(NOBODY, 11)
    assert recycled.counted.deaths == [(*A, "signal SIGSEGV")]
    recycled.pool.reconcile(0)
    assert recycled.forks.jobs[1].careful_until == 10


def test_a_record_in_hand_may_take_the_handlers_time_only(stage: Stage, clock: Clock) -> None:
    words = stage.table[0]
    words[POSITION], words[POLLED] = 8, 10
    for _ in range(4):
        stage.pool.reconcile(0)
        clock.passes(1.0)
    worker = stage.pool.partitions[A].worker
    assert worker is not None
    assert worker.killed_for == "no sign of life for 2 s"
    stage.die(NOBODY, 6)
    stage.pool.reconcile(0)
    assert stage.forks.jobs[1].careful_until == 10


def test_memory_counts_behind_a_record(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(recycling, "memory_of", lambda _: Memory(200 * MIB, 150 * MIB, 190 * MIB))
    words = memoryview(bytearray(SLOT_BYTES)).cast("q")
    watched = Recycling(WorkerLimits(memory=100 * MIB), words)

    def look(*, busy: bool) -> Reason | None:
        clock.passes(1.0)
        return watched.due(NOBODY, busy=busy)

    assert look(busy=False) is None, "its successor would hold as much"
    words[RECORDS] = words[POSITION] = 7
    assert look(busy=True) is None
    assert look(busy=True) is None, "it is still the same record"
    words[IN_HAND] = 9
    assert look(busy=True) is None, "it may have been in hand before it was looked at"
    words[IN_HAND] = 10
    assert look(busy=True) is Reason.MEMORY
    words[POSITION] = 11
    assert look(busy=True) is Reason.MEMORY
    assert watched.due(NOBODY, busy=False) is None, "it is looked at once a second"
    assert look(busy=False) is Reason.MEMORY


def test_a_process_may_have_a_name_that_is_not_utf_8() -> None:
    named = "import ctypes, sys; ctypes.CDLL(None).prctl(15, b'caf\\xc3', 0, 0, 0); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", named], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert memory_of(process.pid) is not None
        assert not _stopped(process.pid)
        process.kill()


def test_a_bound_process_cannot_take_much_more() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        memory = memory_of(process.pid)
        assert memory is not None
        bound(process.pid, 512 * MIB, memory)
        soft, _ = resource.prlimit(process.pid, resource.RLIMIT_DATA)
        process.kill()
    assert 640 * MIB <= soft <= 640 * MIB + memory.data
    assert memory_of(process.pid) is None
