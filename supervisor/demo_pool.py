"""The pool of the demo: a real supervisor in a process of its own, seen from outside as an operator sees it."""

import json
import os
import random
import select
import signal
import socket
import subprocess
import time
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from msgspec.structs import replace

from supervisor.child import end, spawn_module
from supervisor.states import PartitionState, SupervisorState
from supervisor.status import PoolStatus
from supervisor.status_client import StatusUnavailable, fetch_status

_STATUS_TIMEOUT: Final = 0.5
_LOG_BYTES: Final = 64 * 1024


class Killed(NamedTuple):
    """A worker that was sent SIGKILL."""

    partition: int
    pid: int


class DemoPool:
    """A supervisor as a context: started before it is entered, gone behind it.

    Args:
        app: MODULE:APP.
        broker: HOST:PORT.
        env: the environment, without settings of a pool.
    """

    def __init__(self, app: str, broker: str, env: dict[str, str]) -> None:
        port = _free_port()
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": broker,
            "KAFKA_FETCH_WAIT_MAX_MS": "20",  # a new record does not end a mock broker's wait, as it does a real one's
            "POOL_HTTP": f"127.0.0.1:{port}",
            "POOL_LOG_FORMAT": "json",
        }
        self.url = f"http://127.0.0.1:{port}"
        self.status: PoolStatus | None = None
        """What it said last; None until it has said anything."""
        self._process = spawn_module(
            "supervisor",
            *("run", app),
            env={**env, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert self._process.stderr is not None
        self._log = self._process.stderr
        os.set_blocking(self._log.fileno(), False)
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self._process)
        self._log.close()

    @property
    def exit_code(self) -> int | None:
        """How the supervisor ended; None while it runs."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        """Whether it has partitions, and each one a worker that reads."""
        partitions = self.status.partitions if self.status else []
        return bool(partitions) and all(partition.state == PartitionState.RUNNING for partition in partitions)

    @property
    def restarts(self) -> int:
        return sum(partition.restarts for partition in self.status.partitions) if self.status else 0

    @property
    def settled(self) -> bool:
        """Whether it has committed everything there is, as far as it knows."""
        partitions = self.status.partitions if self.status else []
        return bool(partitions) and all(partition.lag == 0 for partition in partitions)

    def look(self) -> None:
        """Ask for the status; where there is no answer the last one stays, but that nothing runs any more."""
        if self.status is not None and self.exit_code is not None:
            self.status = _ended(self.status)
            return
        try:
            self.status = fetch_status(self.url, _STATUS_TIMEOUT)
        except StatusUnavailable:
            return

    def events(self) -> list[dict[str, Any]]:
        """What it has logged since the last call, an event each."""
        chunk = self._log.read(_LOG_BYTES) or b""
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        return [_event(line) for line in lines if line]

    def kill_one(self) -> Killed | None:
        """Send SIGKILL to the worker of a random partition; None where none is running."""
        running = [
            Killed(partition.partition, partition.pid)
            for partition in (self.status.partitions if self.status else [])
            if partition.pid is not None and partition.state == PartitionState.RUNNING
        ]
        if not running:
            return None
        victim = random.choice(running)
        try:
            os.kill(victim.pid, signal.SIGKILL)
        except ProcessLookupError:  # it was quicker
            return None
        return victim

    def stop(self) -> None:
        """Ask it to drain and end; each further call hurries it."""
        if self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait for its end for so long, or until it logs something; True when it has ended."""
        deadline = time.monotonic() + seconds
        while self._process.poll() is None and (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self._log], [], [], min(left, 0.05))
            if readable:
                break
        return self._process.poll() is not None


def _ended(status: PoolStatus) -> PoolStatus:
    stopped = [replace(one, pid=None, state=str(PartitionState.STOPPED), rate=0.0) for one in status.partitions]
    return replace(status, state=str(SupervisorState.STOPPED), partitions=stopped)


def _event(line: bytes) -> dict[str, Any]:
    """A log line as its facts; what is no JSON object, such as a dump of stacks, is a text of its own."""
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"event": line.decode(errors="replace")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
