"""The watch ends a turn at a drain, at the lease's end, and when it takes long; and the worker with its supervisor."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from time import monotonic, monotonic_ns
from typing import NamedTuple

import pytest

from tests.support.wait import wait_for
from tests.unit.messages import message
from workers.endings import WorkerExit
from workers.protocol import Channel, Drain, Ended, channel_pair
from workers.slot import BEAT, IN_HAND, LEASE, LOOKED, SLOT_BYTES
from workers.turn import Turn
from workers.watch import TICK, Watch

FOREVER = 2**62


class Watched(NamedTuple):
    watch: Watch
    words: memoryview
    supervisor: Channel[Drain]


def three() -> Turn:
    return Turn([message(b"", offset=offset) for offset in (20, 21, 22)])


@pytest.fixture
def watched() -> Iterator[Watched]:
    ours, theirs = channel_pair()
    words = memoryview(bytearray(SLOT_BYTES)).cast("q")
    words[LEASE] = FOREVER
    watch = Watch(Channel(theirs, Drain), words)
    watch.start()
    yield Watched(watch, words, Channel(ours, Drain))
    # It stays open for as long as the thread listens: its closing would end this process.
    ours.detach()


def test_a_drain_empties_the_turn_at_once_and_each_one_after_it(watched: Watched) -> None:
    turn = three()
    watched.watch.guard(turn)
    watched.supervisor.send(Drain())
    wait_for(lambda: turn.ended, 0.5, every=0.001)
    assert watched.watch.draining
    later = three()
    watched.watch.guard(later)
    assert list(later.records) == []


def test_a_turn_that_takes_long_is_ended(watched: Watched) -> None:
    turn = three()
    watched.watch.guard(turn)
    wait_for(lambda: turn.ended, 1)
    assert not watched.watch.draining


def test_the_leases_end_ends_a_turn(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.watch.SLICE_NS", FOREVER)
    turn = three()
    watched.watch.guard(turn)
    watched.words[LEASE] = monotonic_ns()
    wait_for(lambda: turn.ended, 1)
    assert not watched.watch.leased()


def test_how_far_a_turn_has_got_is_a_sign_of_life_also_after_its_end(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.watch.SLICE_NS", FOREVER)
    turn = three()
    watched.watch.guard(turn)
    assert watched.watch.in_hand() is None
    next(turn.records)
    wait_for(lambda: watched.words[IN_HAND] == 20, 1)
    next(turn.records)
    turn.end()
    wait_for(lambda: watched.words[IN_HAND] == 21, 1)
    assert watched.watch.in_hand() == 21
    watched.watch.guard(None)
    assert watched.watch.in_hand() is None
    assert watched.words[IN_HAND] == 0


def rest(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.watch.REST", 3600)
    watched.watch.rest()
    wait_for(lambda: watched.words[LOOKED] < monotonic_ns() - 5 * TICK * 1e9, 5)


def test_at_rest_it_looks_seldom_and_when_woken_at_once(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    rest(watched, monkeypatch)
    turn = three()
    watched.watch.wake()
    watched.watch.guard(turn)
    wait_for(lambda: turn.ended, 1)


def test_a_drain_is_heard_at_rest(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    rest(watched, monkeypatch)
    watched.supervisor.send(Drain())
    wait_for(lambda: watched.watch.draining, 0.5, every=0.001)


def test_a_second_after_the_lease_results_are_overdue(watched: Watched) -> None:
    watched.words[LEASE] = monotonic_ns() - 900_000_000
    assert not watched.watch.leased()
    assert not watched.watch.overdue()
    watched.words[LEASE] = monotonic_ns() - 1_000_000_001
    assert watched.watch.overdue()


def test_a_wait_gives_signs_of_life(watched: Watched) -> None:
    beats: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            beats.add(watched.words[BEAT])

    thread = threading.Thread(target=look)
    thread.start()
    began = monotonic()
    assert not watched.watch.wait(0.35)
    done.set()
    thread.join()
    assert 0.35 <= monotonic() - began < 2
    assert len(beats) >= 3


def test_a_drain_ends_a_wait(watched: Watched) -> None:
    began = monotonic()
    threading.Timer(0.05, lambda: watched.supervisor.send(Drain())).start()
    assert watched.watch.wait(20)
    assert monotonic() - began < 2


ORPHAN = """
import resource, socket, sys, time
from workers.protocol import Channel, Drain
from workers.slot import SLOT_BYTES
from workers.watch import Watch

sock = socket.socket(fileno=int(sys.argv[1]))
if sys.argv[2:] == ["high"]:
    import fcntl
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    sock = socket.socket(fileno=fcntl.fcntl(sock.detach(), fcntl.F_DUPFD, 2000))
Watch(Channel(sock, Drain), memoryview(bytearray(SLOT_BYTES)).cast("q")).start()
while True:
    pass
"""


@pytest.mark.parametrize("arguments", [(), ("high",)])
def test_a_worker_ends_with_its_supervisor_whatever_it_does(arguments: tuple[str, ...]) -> None:
    """Also where its app has more files open than select() can name."""
    ours, theirs = channel_pair()
    command = [sys.executable, "-c", ORPHAN, str(theirs.fileno()), *arguments]
    worker = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    theirs.close()
    ours.close()
    try:
        assert worker.wait(20) == WorkerExit.ORPHANED
    finally:
        worker.kill()
        worker.wait()


def test_a_watch_that_cannot_hear_ends_the_worker() -> None:
    ours, theirs = channel_pair()
    worker = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(theirs.fileno())], pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL
    )
    theirs.close()
    os.write(ours.fileno(), b"no message of this protocol")
    try:
        assert worker.wait(20) == WorkerExit.CRASHED
        ended = Channel[Ended](ours, Ended).receive()
        assert ended is not None
        assert ended.reason is WorkerExit.CRASHED, "the record in hand is not to be blamed"
    finally:
        worker.kill()
        worker.wait()
        ours.close()
