"""A real Kafka broker to test on: one that runs, Docker's, or the JVM's by Maven.

By hand: `python -m tests.support.broker [NAME=VALUE …]` starts one with these settings besides, prints its address,
and ends it at Ctrl-C.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import pytest

from tests.support import jars
from tests.support.docker_broker import DockerBroker, docker_runs
from tests.support.process import end, free_port, spawn
from tests.support.ready import wait_ready

SETTINGS: Mapping[str, str] = {
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    # One broker.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    # A transaction's timeout is looked at every 10 s by default.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.segment.bytes": "104857600",
    "log.retention.ms": "-1",
    # Groups that a test need not wait for.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "500",
}
"""What every broker of the tests' own is started with; a KIP-848 session lasts 6 s there, with a heartbeat of 0.5 s."""


_SHORT_LIVED: Final = ("-Xms192m", "-Xmx640m", "-XX:+UseSerialGC", jars.SHORT_LIVED)
_LASTING: Final = (
    *("-server", "-Xms1G", "-Xmx1G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
    *("-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"),
)
"""As Kafka's own start script has it: with a small heap, the collector's pauses are what a benchmark measures."""


class Broker(Protocol):
    """A Kafka broker, as a test sees it."""

    bootstrap: str
    """Its address, `host:port`."""

    def describe(self) -> str:
        """What kind of broker this is, for the tests' report."""


class OwnBroker(Broker, Protocol):
    """A broker that a test may stop, start and freeze; its address stays."""

    def start(self) -> None:
        """Start it, and wait until it answers."""

    def stop(self) -> None:
        """End it; what it stored stays for the next start."""

    def kill(self) -> None:
        """End it as a crash does: it tells nobody, and leaves what it was doing as it is."""

    def pause(self) -> None:
        """Freeze it: connections stay, nothing is answered."""

    def resume(self) -> None:
        """Let it go on."""

    def remove(self) -> None:
        """End it for good."""


class RunningBroker:
    """What `KAFKA_BOOTSTRAP_SERVERS` names."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def describe(self) -> str:
        return f"running at {self.bootstrap}, from KAFKA_BOOTSTRAP_SERVERS"


class JvmBroker:
    """One node, broker and controller in one, in a directory of its own.

    Args:
        settings: broker settings over `SETTINGS`.
        format_arguments: more arguments of Kafka's storage tool, such as `--add-scram`.
        lasting: whether it runs for long enough to be worth compiling well, and memory.
    """

    def __init__(
        self, settings: Mapping[str, str] | None = None, *format_arguments: str, lasting: bool = False
    ) -> None:
        self._options = _LASTING if lasting else _SHORT_LIVED
        port, controller = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        self.directory = Path(tempfile.mkdtemp(prefix="partition-pool-broker-"))
        self._process: subprocess.Popen[bytes] | None = None
        listener = f"PLAINTEXT://{self.bootstrap}"
        self._write_properties(
            {
                "process.roles": "broker,controller",
                "node.id": "1",
                "controller.quorum.voters": f"1@127.0.0.1:{controller}",
                "controller.listener.names": "CONTROLLER",
                "listeners": f"{listener},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": listener,
                "log.dirs": f"{self.directory}/data",
                **SETTINGS,
                **(settings or {}),
            }
        )
        self._format(*format_arguments)

    def describe(self) -> str:
        return f"Apache Kafka on the JVM at {self.bootstrap}"

    def start(self) -> None:
        log4j = f"-Dlog4j2.configurationFile=file:{self.directory}/log4j2.properties"
        with (self.directory / "broker.log").open("ab") as log:
            command = [*jars.java(*self._options, log4j), "kafka.Kafka", f"{self.directory}/server.properties"]
            # A session of its own: Ctrl-C at the terminal is for the tests, which then end the broker.
            process = self._process = spawn(command, stdout=log, stderr=log, new_session=True)
        wait_ready(self.bootstrap, alive=lambda: process.poll() is None, log=self.log_tail)

    def stop(self) -> None:
        if self._process is not None:
            self.resume()
            end(self._process)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.directory)

    def stored(self, topic: str) -> int:
        """Bytes of a topic's records, as they lie on its disk."""
        return sum(file.stat().st_size for file in (self.directory / "data").glob(f"{topic}-*/*.log"))

    def log_tail(self) -> str:
        """The last lines that the broker logged."""
        return "\n".join((self.directory / "broker.log").read_text(errors="replace").splitlines()[-40:])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _write_properties(self, properties: Mapping[str, str]) -> None:
        lines = (f"{name}={value}\n" for name, value in properties.items())
        (self.directory / "server.properties").write_text("".join(lines))
        (self.directory / "log4j2.properties").write_text(
            "appender.out.type=Console\nappender.out.name=out\n"
            "appender.out.layout.type=PatternLayout\nappender.out.layout.pattern=%d %p %c: %m%n\n"
            "rootLogger.level=INFO\nrootLogger.appenderRef.out.ref=out\n"
        )

    def _format(self, *arguments: str) -> None:
        tool = [*jars.java("-Xmx128m", jars.SHORT_LIVED), "kafka.tools.StorageTool"]
        command = [*tool, "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", f"{self.directory}/server.properties"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the broker's storage could not be formatted:\n{done.stdout}\n{done.stderr}")


def own_broker(settings: Mapping[str, str] | None = None, *, lasting: bool = False) -> OwnBroker:
    """A new broker that is not started yet, in Docker or on the JVM.

    Args:
        settings: broker settings over `SETTINGS`.
        lasting: as `JvmBroker`.

    Raises:
        RuntimeError: neither is there.
    """
    if docker_runs():
        return DockerBroker({**SETTINGS, **(settings or {})})
    if jars.available():
        return JvmBroker(settings, lasting=lasting)
    raise RuntimeError("no Kafka to test on: set KAFKA_BOOTSTRAP_SERVERS, start Docker, or install Java and Maven")


@contextmanager
def provide(settings: Mapping[str, str] | None = None, *, lasting: bool = False) -> Iterator[Broker]:
    """The broker to test on, from the first of: KAFKA_BOOTSTRAP_SERVERS, Docker, the JVM.

    Args:
        settings: broker settings over `SETTINGS`, where it is not running yet.
        lasting: as `JvmBroker`.
    """
    if bootstrap := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        wait_ready(bootstrap)
        yield RunningBroker(bootstrap)
        return
    broker = own_broker(settings, lasting=lasting)
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


def main() -> None:
    """Start a JVM broker and keep it until this process is told to end."""
    broker = JvmBroker(dict(argument.split("=", 1) for argument in sys.argv[1:]), lasting=True)
    stop_signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    try:
        broker.start()
        print(broker.bootstrap, flush=True)
        print(f"log: {broker.directory}/broker.log; Ctrl-C ends it", file=sys.stderr, flush=True)
        signal.sigwait(stop_signals)
    finally:
        broker.remove()


if __name__ == "__main__":
    main()


@contextmanager
def own_or_skip(settings: Mapping[str, str] | None = None) -> Iterator[OwnBroker]:
    """A broker of a test's own while the context lasts; where there can be none, the test is skipped."""
    try:
        made = own_broker(settings)
    except RuntimeError as problem:
        pytest.skip(str(problem))
    try:
        made.start()
        yield made
    finally:
        made.remove()
