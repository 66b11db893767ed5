"""The handle on a worker, with real processes that are stopped, hung, dead or not born."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from supervisor.limits import WorkerLimits
from supervisor.process import DUMP_SECONDS, LOOK_SECONDS, OUTAGE_SECONDS, UNCONFIRMED_SECONDS, Worker, cause_of
from supervisor.recycling import Recycling
from supervisor.suspects import blame
from tests.support.wait import wait_for
from tests.unit.supervisor_parts import A
from workers.endings import WorkerExit
from workers.protocol import Channel, Drain, Ended, Ready
from workers.slot import AWAITS, POLLED, POSITION, SLOT_BYTES

LIMITS = WorkerLimits(silence=1.0)
HUNG = "import faulthandler, sys, time; faulthandler.enable(int(sys.argv[1])); print(flush=True); time.sleep(600)"


class Scene:
    """A worker handle, the other end of its channel, and processes to be its worker."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.words = memoryview(bytearray(SLOT_BYTES)).cast("q")
        self.ready: list[Worker] = []
        self.worker = Worker(1, A, 0, self.words, Recycling(LIMITS, self.words), self.selector, self.ready.append)
        self.theirs = Channel[Drain](self.worker.theirs, Drain)
        self.processes: list[subprocess.Popen[bytes]] = []

    def spawn(self) -> subprocess.Popen[bytes]:
        """A process that hangs in Python."""
        fd = self.worker.crash_fd
        process = subprocess.Popen([sys.executable, "-c", HUNG, str(fd)], pass_fds=[fd], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        self.processes.append(process)
        return process

    def hear(self) -> None:
        for key, _ in self.selector.select(0):
            key.data()

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        self.theirs.close()
        self.selector.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


def test_what_it_says(scene: Scene) -> None:
    scene.theirs.send(Ready())
    scene.hear()
    assert scene.ready == [scene.worker]
    scene.theirs.send(Ended(WorkerExit.SOURCE_FAILED, "corrupt"))
    assert scene.worker.close() == ""
    assert scene.worker.ended == Ended(WorkerExit.SOURCE_FAILED, "corrupt"), "what it said last is read at its burial"
    assert cause_of(scene.worker, WorkerExit.SOURCE_FAILED << 8) == "source_failed"


def test_it_is_told_to_drain(scene: Scene) -> None:
    scene.worker.drain(b"proof")
    assert scene.theirs.receive() == Drain(b"proof")
    scene.worker.close()


def test_a_kill_before_the_fork_is_known_is_made_up_for(scene: Scene) -> None:
    scene.worker.kill("partition lost")
    process = scene.spawn()
    scene.worker.forked(process.pid)
    assert process.wait(10) == -signal.SIGKILL
    assert scene.worker.confirmed_dead()
    scene.worker.close()
    assert cause_of(scene.worker, signal.SIGKILL) == "partition lost"


def test_one_that_is_dead_and_reaped_before_it_is_known(scene: Scene) -> None:
    process = scene.spawn()
    process.kill()
    process.wait()
    scene.worker.forked(process.pid)
    scene.worker.kill("too late")
    assert scene.worker.confirmed_dead()
    scene.worker.close()


def test_death_is_confirmed_by_the_kernel_alone(scene: Scene) -> None:
    process = scene.spawn()
    scene.worker.forked(process.pid)
    scene.theirs.close()
    scene.hear()
    assert not scene.worker.confirmed_dead(), "a closed channel is not a death"
    process.kill()
    wait_for(scene.worker.confirmed_dead, 10, "its death")
    scene.worker.close()


def test_one_that_was_never_forked_is_dead_when_nobody_holds_its_channel(scene: Scene) -> None:
    assert not scene.worker.confirmed_dead()
    scene.theirs.close()
    scene.hear()
    assert scene.worker.confirmed_dead()
    scene.worker.close()


def test_a_fork_server_that_does_not_answer_is_found_out(scene: Scene) -> None:
    patient = WorkerLimits(silence=3600)

    def overdue(seconds: float) -> bool:
        scene.worker.watch_life(seconds, patient)
        return scene.worker.overdue

    assert [overdue(UNCONFIRMED_SECONDS), overdue(1.0)] == [False, True]
    scene.worker.forked(os.getpid())
    assert not overdue(UNCONFIRMED_SECONDS + 1)
    scene.theirs.close()
    scene.hear()
    assert overdue(UNCONFIRMED_SECONDS + 1), "it has hung up, and nobody says that it is dead"
    scene.worker.close()


def test_a_hung_worker_writes_its_stacks_and_dies(scene: Scene) -> None:
    process = scene.spawn()
    scene.worker.forked(process.pid)
    scene.worker.watch_life(0.0, LIMITS)
    scene.worker.watch_life(1.1, LIMITS)
    assert scene.worker.hung
    assert process.wait(10) == -signal.SIGABRT
    stacks = scene.worker.close()
    assert 'File "<string>", line 1' in stacks
    assert cause_of(scene.worker, signal.SIGABRT) == "no sign of life for 1 s"


@pytest.mark.parametrize("limits", [LIMITS, WorkerLimits(silence=3600)], ids=["short limit", "long limit"])
def test_one_that_waits_for_the_brokers_is_waited_for_and_no_record_is_to_blame(
    scene: Scene, limits: WorkerLimits
) -> None:
    process = scene.spawn()
    scene.worker.forked(process.pid)
    words = scene.worker.words
    words[POLLED] = words[POSITION] + 9
    words[AWAITS] = 1
    scene.worker.watch_life(0.0, limits)
    scene.worker.watch_life(OUTAGE_SECONDS - 1, limits)
    assert scene.worker.killed_for is None
    scene.worker.watch_life(2.0, limits)
    assert process.wait(10) == -signal.SIGABRT
    stacks = scene.worker.close()
    assert blame(scene.worker.death(signal.SIGABRT, stacks), lambda: True) is None


def test_a_stopped_worker_is_killed_after_that(scene: Scene) -> None:
    process = scene.spawn()
    scene.worker.forked(process.pid)
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)  # the signal takes effect when the kernel gets to it
    scene.worker.watch_life(0.0, LIMITS)
    scene.worker.watch_life(1.1, LIMITS)
    assert process.poll() is None
    assert not scene.worker.hung, "who stopped it is not known, but the record in hand did not"
    scene.worker.watch_life(DUMP_SECONDS, LIMITS)
    assert process.wait(10) == -signal.SIGKILL
    scene.worker.close()


def test_the_time_that_a_worker_was_stopped_is_not_its_records(scene: Scene) -> None:
    process = scene.spawn()
    scene.worker.forked(process.pid)
    scene.words[POLLED] = scene.words[POSITION] + 9
    scene.worker.watch_life(0.0, LIMITS)
    scene.worker.watch_life(0.4, LIMITS)
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    scene.worker.watch_life(LOOK_SECONDS, LIMITS)
    os.kill(process.pid, signal.SIGCONT)
    os.waitid(os.P_PID, process.pid, os.WCONTINUED | os.WNOWAIT)
    scene.worker.watch_life(LOOK_SECONDS, LIMITS)
    assert scene.worker.killed_for is None, "it had 0.9 of its 1.0 s"
    scene.worker.watch_life(LOOK_SECONDS, LIMITS)
    assert scene.worker.hung
    assert process.wait(10) == -signal.SIGABRT
    scene.worker.close()


@pytest.mark.parametrize(
    ("status", "cause"),
    [(None, "its fork server died"), (9, "signal SIGKILL"), (35, "signal 35"), (65 << 8, "exit code 65")],
)
def test_cause(scene: Scene, status: int | None, cause: str) -> None:
    assert cause_of(scene.worker, status) == cause
    scene.worker.close()
