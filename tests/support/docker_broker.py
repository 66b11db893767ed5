"""A Kafka broker in Docker, through testcontainers."""

import functools
import shutil
import subprocess
from collections.abc import Mapping

from testcontainers.core.container import DockerContainer

from tests.support.process import free_port
from tests.support.ready import wait_ready

_IMAGE = "apache/kafka:4.1.0"


@functools.cache
def docker_runs() -> bool:
    """Whether a Docker daemon answers."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


class DockerBroker:
    """One node of Apache Kafka in a container.

    Args:
        settings: all broker settings besides those of its listeners.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        properties = {
            "node.id": "1",
            "process.roles": "broker,controller",
            "controller.quorum.voters": "1@localhost:9093",
            "controller.listener.names": "CONTROLLER",
            "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            **settings,
        }
        self._container = DockerContainer(_IMAGE).with_bind_ports(9092, port)
        for name, value in properties.items():
            self._container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
        self._created = False

    def describe(self) -> str:
        return f"{_IMAGE} in Docker at {self.bootstrap}"

    def start(self) -> None:
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        wait_ready(self.bootstrap)

    def stop(self) -> None:
        self._container.get_wrapped_container().stop()

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def pause(self) -> None:
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        self._container.get_wrapped_container().unpause()

    def remove(self) -> None:
        if self._created:
            self._container.stop(force=True, delete_volume=True)
