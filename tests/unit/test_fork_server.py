"""The fork server and its workers, with real forks, on librdkafka's mock cluster: births, lives and deaths."""

import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any, TypeVar

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.support.wait import wait_for
from tests.unit.mock_cluster import mock_cluster
from workers.endings import WorkerExit
from workers.protocol import (
    Channel,
    Drain,
    Ended,
    Exited,
    Fork,
    Forked,
    FromForkServer,
    FromWorker,
    Loaded,
    Ready,
    Refused,
    Setup,
    channel_pair,
)
from workers.settings import Settings
from workers.slot import COMMITTABLE, LEASE, POLLED, POSITION, SLOT_BYTES, SlotTable

QUIET = {"log_level": 0}
Incoming = TypeVar("Incoming")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster("out") as address:
        yield address


def next_of(channel: Channel[Incoming], within: float = 20) -> Incoming | None:
    """The next message; None at the end of the stream."""
    assert select.select([channel], [], [], within)[0], f"nothing said within {within} s"
    return channel.receive()


class Server:
    """A fork server, as its supervisor has it."""

    def __init__(self, directory: Path, broker: str, app: str = "tests.apps.lives:app", **environ: str) -> None:
        ours, theirs = channel_pair()
        self.slots_fd = os.memfd_create("slots")
        os.ftruncate(self.slots_fd, 4 * SLOT_BYTES)
        self.table = SlotTable(self.slots_fd, 4)
        self.output = directory / "output"
        self.lives: list[Life] = []
        numbers = [str(number) for number in (theirs.fileno(), self.slots_fd, 4, os.getpid())]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.fork_server", *numbers],
                pass_fds=[theirs.fileno(), self.slots_fd],
                env={**os.environ, "PYTHONUNBUFFERED": "", **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        theirs.close()
        self.channel: Channel[FromForkServer] = Channel(ours, FromForkServer)
        kafka: dict[str, Any] = {"bootstrap.servers": broker, **QUIET}
        self.channel.send(Setup(app, Settings(kafka=kafka, log_format="json"), str(directory)))

    def fork(self, topic: str, slot: int = 0, start: int = 0, *, leased: bool = True) -> "Life":
        """Have a worker forked."""
        ours, theirs = channel_pair()
        self.table.clear(slot, start)
        self.table[slot][LEASE] = monotonic_ns() + 3600 * 10**9 if leased else 0
        crash_fd = os.memfd_create("crash")
        self.channel.send(Fork(slot + 1, topic, 0, start, slot, 1_000_000), [theirs.fileno(), crash_fd])
        theirs.close()
        forked = next_of(self.channel)
        assert isinstance(forked, Forked)
        assert forked.worker == slot + 1
        self.lives.append(Life(forked.pid, self.table[slot], Channel(ours, FromWorker), crash_fd))
        return self.lives[-1]

    def exit_code(self, life: "Life") -> int:
        """How the next worker to end ended, which must be this one; negative: a signal."""
        exited = next_of(self.channel)
        assert isinstance(exited, Exited)
        assert exited.pid == life.pid
        return os.waitstatus_to_exitcode(exited.status)

    def close(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()
        for life in self.lives:
            life.close()
        os.close(self.slots_fd)


class Life:
    """A worker, as its supervisor has it."""

    def __init__(self, pid: int, words: memoryview, channel: Channel[FromWorker], crash_fd: int) -> None:
        self.pid = pid
        self.words = words
        self.channel = channel
        self.crash_fd = crash_fd
        self._pidfd: int | None = None
        with suppress(ProcessLookupError):  # one that fails as it starts may be gone by now
            self._pidfd = os.pidfd_open(pid)

    def wait_dead(self) -> bool:
        """Whether it is gone within 2 s."""
        return self._pidfd is None or bool(select.select([self._pidfd], [], [], 2)[0])

    def close(self) -> None:
        self.channel.close()
        os.close(self.crash_fd)
        if self._pidfd is not None:
            os.close(self._pidfd)


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path, broker: str) -> Iterator[Start]:
    servers: list[Server] = []

    def start_server(**environ: str) -> Server:
        servers.append(Server(tmp_path, broker, **environ))
        return servers[-1]

    yield start_server
    for server in servers:
        server.close()


@pytest.fixture
def server(start: Start) -> Server:
    server = start()
    loaded = next_of(server.channel)
    assert isinstance(loaded, Loaded)
    assert (loaded.declaration.group, loaded.warnings) == ("lives", ())
    return server


def produce(broker: str, *values: bytes, topic: str = "in") -> None:
    producer = Producer({"bootstrap.servers": broker, **QUIET})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(10) == 0


def test_a_worker_works_drains_and_says_so(server: Server, broker: str) -> None:
    produce(broker, b"a", b"b", b"c")
    life = server.fork("in", start=1)
    assert next_of(life.channel) == Ready()
    wait_for(lambda: life.words[COMMITTABLE] == 3, 10)
    began = monotonic()
    life.channel.send(Drain())
    assert next_of(life.channel) == Ended(WorkerExit.DRAINED)
    assert server.exit_code(life) == WorkerExit.DRAINED
    assert monotonic() - began < 0.5
    assert life.words[POSITION] == 3
    reader = Consumer({"bootstrap.servers": broker, "group.id": uuid.uuid4().hex, **QUIET})
    partitions = reader.list_topics("out", timeout=10).topics["out"].partitions
    reader.assign([TopicPartition("out", number, 0) for number in partitions])
    assert sorted(message.value() or b"" for message in reader.consume(2, 10)) == [b"B", b"C"]


def test_an_idle_worker_drains_soon_leased_or_not(server: Server) -> None:
    for leased in (True, False):
        life = server.fork("in", start=0, leased=leased)
        assert next_of(life.channel) == Ready()
        began = monotonic()
        life.channel.send(Drain())
        assert server.exit_code(life) == WorkerExit.DRAINED
        assert monotonic() - began < 0.5


def test_signals_to_the_process_group_harm_nothing(server: Server) -> None:
    life = server.fork("in")
    assert next_of(life.channel) == Ready()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(server.process.pid, number)
        os.kill(life.pid, number)
    life.channel.send(Drain())
    assert server.exit_code(life) == WorkerExit.DRAINED
    assert server.process.poll() is None


def test_what_a_handler_starts_can_be_terminated(server: Server, broker: str) -> None:
    produce(broker, b"x", topic="spawning")
    life = server.fork("spawning")
    assert next_of(life.channel) == Ready()
    wait_for(lambda: life.words[COMMITTABLE] == 1, 20)
    reader = Consumer({"bootstrap.servers": broker, "group.id": uuid.uuid4().hex, **QUIET})
    partitions = reader.list_topics("out", timeout=10).topics["out"].partitions
    reader.assign([TopicPartition("out", number, 0) for number in partitions])
    wait_for(lambda: any(message.value() == b"-15 -15" for message in reader.consume(100, 0.1)), 10)


def test_a_worker_that_is_killed_is_told_of_and_another_takes_its_slot(server: Server) -> None:
    life = server.fork("in")
    os.kill(life.pid, signal.SIGKILL)
    assert server.exit_code(life) == -signal.SIGKILL
    successor = server.fork("in")
    assert next_of(successor.channel) == Ready()


def test_a_hung_worker_dies_with_its_fork_server_and_leaves_nobody(server: Server, broker: str) -> None:
    produce(broker, b"x", topic="hanging")
    life = server.fork("hanging")
    assert next_of(life.channel) == Ready()
    wait_for(lambda: life.words[POLLED] == 1, 10)
    server.process.kill()
    assert life.wait_dead()


def test_the_fork_server_ends_with_the_supervisors_end_of_the_channel(server: Server) -> None:
    life = server.fork("in")
    server.channel.close()
    assert server.process.wait(5) == 0
    assert life.wait_dead()


def test_a_worker_ends_when_its_own_channel_does(server: Server) -> None:
    life = server.fork("in")
    assert next_of(life.channel) == Ready()
    life.channel.close()
    assert server.exit_code(life) == WorkerExit.ORPHANED


def test_sigabrt_leaves_the_stacks(server: Server) -> None:
    life = server.fork("in")
    assert next_of(life.channel) == Ready()
    os.kill(life.pid, signal.SIGABRT)
    assert server.exit_code(life) == -signal.SIGABRT
    assert b"workers/worker.py" in os.pread(life.crash_fd, 100_000, 0)


@pytest.mark.parametrize(("how", "text"), [("raise", "no database"), ("exit", "SystemExit: 4")])
def test_a_start_that_fails_is_told_as_such(start: Start, how: str, text: str) -> None:
    server = start(APP_START=how)
    loaded = next_of(server.channel)
    assert isinstance(loaded, Loaded)
    life = server.fork("in")
    ended = next_of(life.channel)
    assert isinstance(ended, Ended)
    assert ended.reason is WorkerExit.START_FAILED
    assert text in ended.message
    assert server.exit_code(life) == WorkerExit.START_FAILED


def test_a_stop_that_fails_does_not_undo_the_drain(start: Start) -> None:
    server = start(APP_STOP="raise")
    loaded = next_of(server.channel)
    assert isinstance(loaded, Loaded)
    life = server.fork("in")
    assert next_of(life.channel) == Ready()
    life.channel.send(Drain())
    assert server.exit_code(life) == WorkerExit.DRAINED
    assert "on_stop_failed" in server.output.read_text()


def test_an_app_that_cannot_be_imported_is_refused(tmp_path: Path, broker: str) -> None:
    server = Server(tmp_path, broker, app="tests.apps.broken_import:app")
    said = [next_of(server.channel), next_of(server.channel)]
    assert isinstance(said[0], Refused)
    assert "tests.apps.broken_import" in said[0].message
    assert said[1] is None
    server.close()


def test_an_import_that_ends_the_process_ends_the_channel(start: Start) -> None:
    server = start(APP_IMPORT="exit")
    assert next_of(server.channel) is None


def test_threads_of_the_import_are_warned_of(start: Start) -> None:
    loaded = next_of(start(APP_IMPORT="thread").channel)
    assert isinstance(loaded, Loaded)
    assert "lingers" in loaded.warnings[0]


def test_what_the_import_printed_is_written_once(server: Server) -> None:
    lives = [server.fork("in", slot) for slot in range(3)]
    for life in lives:
        assert next_of(life.channel) == Ready()
        life.channel.send(Drain())
    ended = {message.pid for message in (next_of(server.channel) for _ in lives) if isinstance(message, Exited)}
    assert ended == {life.pid for life in lives}
    assert server.output.read_text().count("imported") == 1


def test_a_program_that_an_app_starts_does_not_hold_its_workers_channel(server: Server) -> None:
    life = server.fork("in")
    assert next_of(life.channel) == Ready()
    held = {fd: flags for fd, flags in open_sockets(life.pid).items() if not flags & os.O_CLOEXEC}
    assert held == {}


def open_sockets(pid: int) -> dict[str, int]:
    """A process's sockets, each with its flags."""
    found: dict[str, int] = {}
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if "socket" in str(fd.readlink()):
                info = Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text()
                found[fd.name] = int(info.split("flags:")[1].split()[0], 8)
        except FileNotFoundError:
            continue  # closed meanwhile, as clients do
    return found
