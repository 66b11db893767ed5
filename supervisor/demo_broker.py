"""The demo's broker: librdkafka's mock cluster, hosted by a process of its own.

It lies in memory, keeps about 5 MB of each partition, and gives every topic four partitions.
"""

import select
import subprocess
import sys
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Producer

from supervisor.child import end, spawn_module
from workers.errors import PoolError
from workers.lifeline import ignore_group_signals

_START_SECONDS: Final = 15.0


class DemoBrokerFailed(PoolError):
    """The embedded broker did not come up."""


class DemoBroker:
    """The broker as a context: up within it, gone behind it.

    Args:
        topics: made at the start.
        env: the child's environment.
    """

    def __init__(self, topics: tuple[str, ...], env: dict[str, str]) -> None:
        self._process = spawn_module(
            __name__, *topics, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None
        )
        self.address = ""
        """HOST:PORT, once entered."""

    def __enter__(self) -> Self:
        output = self._process.stdout
        assert output is not None
        readable, _, _ = select.select([output], [], [], _START_SECONDS)
        self.address = output.readline().decode().strip() if readable else ""
        if not self.address:
            end(self._process)
            raise DemoBrokerFailed(
                f"the embedded broker did not start within {_START_SECONDS:g} s, or ended"
                f" (exit code {self._process.returncode}): reinstall confluent-kafka, whose part it is"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # it has nothing to lose
        with self._process:
            pass


def host(topics: list[str]) -> None:
    """Host the cluster until standard input ends; its address is the one line of output."""
    ignore_group_signals()
    cluster = Producer({"bootstrap.servers": "in memory", "test.mock.num.brokers": 1, "log_level": 0})
    for topic in topics:
        cluster.list_topics(topic, timeout=_START_SECONDS)  # which makes it
    brokers = cluster.list_topics(timeout=_START_SECONDS).brokers.values()
    sys.stdout.write(",".join(f"{broker.host}:{broker.port}" for broker in brokers) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    host(sys.argv[1:])
