"""A Kafka cluster of one to three JVM nodes, each to be reached directly and through a proxy of its own."""

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support import jars
from tests.support.broker import SETTINGS
from tests.support.process import end, free_port, spawn
from tests.support.proxy import Proxy
from tests.support.wait import wait_for

_START_SECONDS: Final = 60.0
_CLUSTER_ID: Final = "AAAAAAAAAAAAAAAAAAAAAQ"
_OPTIONS: Final = ("-Xms128m", "-Xmx448m", "-XX:+UseSerialGC", jars.SHORT_LIVED)
_LOG4J: Final = (
    "appender.out.type=Console\nappender.out.name=out\n"
    "appender.out.layout.type=PatternLayout\nappender.out.layout.pattern=%d %p %c: %m%n\n"
    "rootLogger.level=INFO\nrootLogger.appenderRef.out.ref=out\n"
)


class Node:
    """One broker and controller in one; its addresses stay when it is started again.

    Args:
        number: its node id, from 1.
        directory: for its settings, log and data.
    """

    def __init__(self, number: int, directory: Path) -> None:
        self.number = number
        self.directory = directory
        self.port, self.controller = free_port(), free_port()
        self.proxy = Proxy(free_port(), free_port())
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir()

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def ending(self) -> str:
        """How its process has ended, if it has."""
        code = None if self._process is None else self._process.poll()
        return f"broker {self.number}: " + ("was not started" if self._process is None else f"exit code {code}")

    def write(self, settings: Mapping[str, str]) -> None:
        """Write its settings, those of its addresses among them."""
        listeners = {"DIRECT": self.port, "PROXIED": self.proxy.target}
        advertised = {"DIRECT": self.port, "PROXIED": self.proxy.port}
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(self.number),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "DIRECT",
            "listener.security.protocol.map": "DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listeners": _addresses({**listeners, "CONTROLLER": self.controller}),
            "advertised.listeners": _addresses(advertised),
            "log.dirs": f"{self.directory}/data",
            **settings,
        }
        lines = (f"{name}={value}\n" for name, value in properties.items())
        (self.directory / "server.properties").write_text("".join(lines))
        (self.directory / "log4j2.properties").write_text(_LOG4J)

    def format(self) -> subprocess.Popen[bytes]:
        """Begin to format its storage."""
        java = jars.java("-Xmx128m", jars.SHORT_LIVED)
        settings = f"{self.directory}/server.properties"
        with self.log.open("ab") as log:
            return spawn(
                [*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", settings], stdout=log, stderr=log
            )

    def launch(self) -> None:
        """Start its process, without waiting until it answers; one that is ending is waited for."""
        self.stop()
        log4j = f"-Dlog4j2.configurationFile=file:{self.directory}/log4j2.properties"
        java = jars.java(*_OPTIONS, log4j)
        with self.log.open("ab") as log:
            self._process = spawn(
                [*java, "kafka.Kafka", f"{self.directory}/server.properties"], stdout=log, stderr=log, new_session=True
            )

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal, where there is one."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """End it, and wait for that."""
        if self._process is not None:
            end(self._process)
            self._process = None

    @property
    def log(self) -> Path:
        """What it logs."""
        return self.directory / "broker.log"


class Cluster:
    """Nodes 1 … `size` on 127.0.0.1, as a context that ends them.

    Args:
        directory: for what they store and log; there afterwards, but for the data.
        size: how many nodes; topics have a replica on each, and with three nodes one may be away.
        settings: broker settings over `tests.support.broker.SETTINGS`.
        without: names of those `SETTINGS` to leave at the brokers' defaults.
    """

    def __init__(
        self,
        directory: Path,
        size: int = 1,
        settings: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        self.nodes = [Node(number, directory / f"broker-{number}") for number in range(1, size + 1)]
        self.bootstrap = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        self.proxied = ",".join(f"127.0.0.1:{node.proxy.port}" for node in self.nodes)
        own = {name: value for name, value in SETTINGS.items() if name not in without}
        for node in self.nodes:
            node.write({**own, **self._replication(), **(settings or {})})
        self._admin: AdminClient | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic with a replica on each node."""
        new = NewTopic(name, num_partitions=partitions, replication_factor=len(self.nodes))
        assert self._admin is not None, "the cluster is not started"
        self._admin.create_topics([new])[name].result(_START_SECONDS)

    def wait_ready(self, within: float = _START_SECONDS) -> None:
        """Wait until all nodes are there and each partition has its leader; AssertionError after `within` seconds."""
        wait_for(self._complete, within, self._log_tails, every=0.1)

    def close(self) -> None:
        """End all nodes for good."""
        for node in self.nodes:
            node.signal(signal.SIGKILL)
        for node in self.nodes:
            node.stop()
            node.proxy.close()
            shutil.rmtree(node.directory / "data", ignore_errors=True)

    def _start(self) -> None:
        for formatting in [node.format() for node in self.nodes]:
            assert formatting.wait() == 0, f"storage could not be formatted\n{self._log_tails()}"
        for node in self.nodes:
            node.launch()
            node.proxy.start()
        self._admin = AdminClient(
            {"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200},
        )
        self.wait_ready()

    def _complete(self) -> bool:
        ended = [node.ending for node in self.nodes if not node.running]
        assert not ended, f"{', '.join(ended)}\n{self._log_tails()}"
        assert self._admin is not None
        try:
            found = self._admin.list_topics(timeout=2.0)
        except KafkaException:
            return False
        leaders = (partition.leader for topic in found.topics.values() for partition in topic.partitions.values())
        return len(found.brokers) == len(self.nodes) and all(leader > 0 for leader in leaders)

    def _replication(self) -> Mapping[str, str]:
        size = len(self.nodes)
        quorum = str(size // 2 + 1)
        return {
            "controller.quorum.voters": ",".join(f"{node.number}@127.0.0.1:{node.controller}" for node in self.nodes),
            "default.replication.factor": str(size),
            "min.insync.replicas": quorum,
            "offsets.topic.replication.factor": str(size),
            "transaction.state.log.replication.factor": str(size),
            "transaction.state.log.min.isr": quorum,
            "share.coordinator.state.topic.replication.factor": str(size),
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
        }

    def _log_tails(self) -> str:
        tails = (node.log.read_text(errors="replace").splitlines()[-20:] for node in self.nodes if node.log.exists())
        return "\n".join("\n".join(tail) for tail in tails)


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
