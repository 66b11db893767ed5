"""Child processes that cannot outlive the tests, however these end."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from random import randrange
from typing import IO

from tests.support.wait import wait_for

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    new_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a process that the kernel kills when this one dies.

    Args:
        command: the program and its arguments.
        env: its whole environment; this process's by default.
        stdout: where its output goes, as `subprocess` takes it.
        stderr: likewise.
        new_session: whether it leads a session and a process group of its own.
    """
    parent = os.getpid()

    def before_exec() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    return subprocess.Popen(
        [str(word) for word in command],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=new_session,
        preexec_fn=before_exec,  # noqa: PLW1509 - the tests start their processes from one thread
    )


def end(process: subprocess.Popen[bytes], *, within: float = 15.0) -> int:
    """SIGTERM a process, SIGKILL it after `within` seconds; its exit code."""
    process.terminate()
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def exit_on_term() -> None:
    """Have SIGTERM end this process as an exception does: what it has started is ended first, the broker included."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def free_port() -> int:
    """A TCP port that nobody listens on.

    It lies below the kernel's ephemeral ports: a client that keeps connecting to a stopped server within these may in
    the end connect to itself.
    """
    while True:
        port = randrange(20_000, 32_000)
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def children(pid: int) -> set[int]:
    """The ids of the processes that `pid` has started, zombies not counted."""
    everyone = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {process for process in everyone if _parent(process) == pid}


def descendants(pid: int) -> set[int]:
    """The ids of all processes below `pid`, zombies not counted."""
    found: set[int] = set()
    todo = [pid]
    while todo:
        below = children(todo.pop())
        found |= below
        todo += below
    return found


def running(pid: int) -> bool:
    """Whether process `pid` is there and no zombie."""
    return _parent(pid) is not None


def name_of(pid: int) -> str:
    """What `pid` runs, as the kernel names it; empty where it is not there."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def session_of(pid: int) -> int | None:
    """The session of `pid`; None where it is not there."""
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return None


def signal_session(leader: int, number: signal.Signals) -> None:
    """Send a signal to a session's leader, and to all below it that are of its session, as a service manager does."""
    for pid in (leader, *descendants(leader)):
        with suppress(ProcessLookupError):
            if session_of(pid) == leader:
                os.kill(pid, number)


def wait_gone(pids: set[int], *, within: float) -> None:
    """Wait until none of these processes runs; AssertionError after `within` seconds names those that do."""
    wait_for(lambda: not any(map(running, pids)), within, lambda: f"still running: {set(filter(running, pids))}")


def _parent(pid: int) -> int | None:
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(parent)
