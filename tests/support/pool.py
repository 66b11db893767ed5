"""A pool as its users run it: `python -m supervisor run`, a process with an environment, logs and `/status`."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM, Signals
from typing import Any

from supervisor.status import PartitionStatus, PoolStatus
from tests.support.process import children, descendants, free_port, running, signal_session, spawn, wait_gone
from tests.support.wait import wait_for

ROOT = Path(__file__).parents[2]

PROTOCOLS = ("classic", "consumer")

_SESSIONS: Mapping[str, Mapping[str, str]] = {
    "classic": {
        "KAFKA_GROUP_PROTOCOL": "classic",
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
        "KAFKA_HEARTBEAT_INTERVAL_MS": "500",
    },
    # The broker's own: see tests/support/broker.py.
    "consumer": {"KAFKA_GROUP_PROTOCOL": "consumer", "POOL_LEASE": "2"},
}
SESSION = 6.0
"""Seconds after which the group gives up a member that is silent, in both protocols."""


class Pool:
    """One supervisor and all that it starts.

    Args:
        bootstrap: the broker's address.
        app: what to run, `module:attribute`, under `tests.apps`.
        directory: where its log is kept.
        protocol: "classic" or "consumer".
        env: environment variables besides.
        through: a command that runs the rest of its command line.
    """

    def __init__(
        self,
        bootstrap: str,
        app: str,
        directory: Path,
        *,
        protocol: str = "classic",
        env: Mapping[str, str] | None = None,
        through: Sequence[str] = (),
    ) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.log_file = directory / f"pool-{self.address.rpartition(':')[2]}.log"
        self._known: set[int] = set()
        self._elsewhere = bool(through)  # then what it calls process 7 may be another here
        with self.log_file.open("ab") as log:
            self.process = spawn(
                [*through, sys.executable, "-m", "supervisor", "run", app],
                env={
                    **environment(),
                    "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
                    "POOL_HTTP": self.address,
                    "POOL_LOG_FORMAT": "json",
                    **_SESSIONS[protocol],
                    **(env or {}),
                },
                stdout=log,
                stderr=log,
                new_session=True,
            )
        self.pid = self.process.pid

    # What it says of itself.

    def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP server: status code and text; (0, reason) while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def status(self) -> PoolStatus:
        """The document at `/status`."""
        code, text = self.get("/status")
        assert code == 200, f"/status answered {code}: {text}\n{self.log_tail()}"
        status = PoolStatus.from_json(text.encode())
        if not self._elsewhere:
            self._known |= {partition.pid for partition in status.partitions if partition.pid is not None}
        return status

    def partition(self, number: int, topic: str | None = None) -> PartitionStatus:
        """One partition's line of `/status`."""
        found = (p for p in self.status().partitions if p.partition == number and topic in (None, p.topic))
        return next(found)

    def workers(self) -> Mapping[int, int]:
        """The workers' process ids by the number of their partition, for apps of one topic."""
        return {p.partition: p.pid for p in self.status().partitions if p.pid is not None}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry `labels`."""
        from prometheus_client.parser import text_string_to_metric_families

        _, text = self.get("/metrics")
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

    def events(self, name: str | None = None, **facts: object) -> Sequence[Mapping[str, Any]]:
        """The logged events of that name with these facts, in their order; all, where no name is given."""
        found = []
        for line in self.log_file.read_text(errors="replace").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and name in (None, event.get("event")) and facts.items() <= event.items():
                found.append(event)
        return found

    def log_tail(self, lines: int = 60) -> str:
        """The end of its log."""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    # Waiting.

    def wait_for(self, condition: Callable[[], Any], within: float, what: str, *, every: float = 0.02) -> Any:
        """Wait until `condition` is true; the failure shows the log's end. It fails at once where the pool has ended.

        Returns: what the condition returned.
        """

        def checked() -> Any:
            found = condition()
            assert found or self.process.poll() is None, f"the pool has ended before {what}\n{self.log_tail()}"
            return found

        return wait_for(checked, within, lambda: f"{what}\n{self.log_tail()}", every=every)

    def wait_running(self, partitions: int = 4, *, within: float = 30.0) -> "Pool":
        """Wait until it has so many partitions, and the worker of each is running."""

        def all_running() -> bool:
            if self.get("/status")[0] != 200:
                return False
            states = [partition.state for partition in self.status().partitions]
            return states == ["running"] * partitions

        self.wait_for(all_running, within, f"{partitions} partitions running")
        return self

    def wait_ready(self, *, within: float = 30.0) -> None:
        """Wait until `/readyz` says so."""
        self.wait_for(lambda: self.get("/readyz")[0] == 200, within, "readiness")

    def wait_event(self, name: str, *, count: int = 1, within: float = 20.0, **facts: object) -> Mapping[str, Any]:
        """Wait until an event was logged `count` times; the last of these."""
        self.wait_for(lambda: len(self.events(name, **facts)) >= count, within, f"{count} times event {name} {facts}")
        return self.events(name, **facts)[count - 1]

    def wait_exit(self, within: float) -> int:
        """Wait until the supervisor has ended; its exit code, negative for a signal."""
        self._remember()
        wait_for(lambda: self.process.poll() is not None, within, lambda: f"the pool to end\n{self.log_tail()}")
        return self.process.wait()

    # What befalls it.

    def signal(self, number: Signals) -> float:
        """Send the supervisor a signal; when, in seconds of the monotonic clock."""
        self._remember()
        moment = time.monotonic()
        os.kill(self.pid, number)
        return moment

    def signal_group(self, number: Signals) -> None:
        """Send a signal to its process group, as a terminal does."""
        self._remember()
        os.killpg(self.pid, number)

    def signal_all(self, number: Signals) -> None:
        """Send a signal to each of its processes, as a service manager does."""
        self._remember()
        signal_session(self.pid, number)

    def signal_worker(self, partition: int, number: Signals) -> tuple[int, float]:
        """Send a partition's worker a signal; its process id, and when: seconds of the monotonic clock."""
        pid = self.workers()[partition]
        moment = time.monotonic()
        os.kill(pid, number)
        return pid, moment

    def fork_server(self) -> int:
        """The fork server's process id: the one child of the supervisor that has the workers for children."""
        workers = set(self.workers().values())
        return next(pid for pid in children(self.pid) if workers <= children(pid))

    def terminate(self, *, within: float = 30.0) -> int:
        """SIGTERM; the exit code."""
        self.signal(SIGTERM)
        return self.wait_exit(within)

    def resume_worker(self, pid: int) -> None:
        """Let a stopped worker go on."""
        os.kill(pid, SIGCONT)

    def assert_gone(self, *, within: float = 2.0) -> None:
        """Assert that none of its processes is left `within` seconds."""
        wait_gone(self._known, within=within)

    def close(self) -> None:
        """End it whatever its state, and check that it leaves nothing behind."""
        self._remember()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        try:
            self.assert_gone(within=5.0)
        finally:
            for pid in filter(running, self._known):
                os.kill(pid, SIGKILL)

    def _remember(self) -> None:
        if self.process.poll() is None:
            self._known |= descendants(self.pid)


def environment() -> dict[str, str]:
    """This process's environment without what would configure a pool."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "POOL_"))}
    return {**own, "PYTHONPATH": str(ROOT)}
