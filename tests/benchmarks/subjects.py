"""What the pool is held against: systems of others, each with its own dependencies, which are no part of the project's.

A peer's job is a file of its own under `peers/`. It reads BENCH_BOOTSTRAP, BENCH_INPUT, BENCH_OUTPUT and BENCH_GROUP,
may keep files in BENCH_DIRECTORY, and works until SIGTERM.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from tests.support.process import free_port

PEERS: Final = Path(__file__).parent / "peers"
INSTALL_SECONDS: Final = 300
Command = Sequence[str | Path]


class NotInstalled(Exception):
    """A peer cannot run here; the text says why, in a line."""


class Runtime(Protocol):
    """What a peer takes to run."""

    def version(self) -> str:
        """The peer's version, as it is pinned."""

    def install(self) -> None:
        """Make sure that all is there, or raise `NotInstalled`."""

    def commands(self, partitions: int) -> Sequence[Command]:
        """What to start for so many partitions: a command for each process."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Python script in a virtual environment of its own, of the packages that are pinned beside it.

    In `arguments`, `{process}` is the number of the process from 0, and `{addresses}` one `host:port` for each.
    """

    name: str
    package: str
    arguments: Sequence[str] = ()

    def version(self) -> str:
        return _found(rf"^{self.package}==(\S+)$", self._requirements)

    def install(self) -> None:
        stamp = self._venv / "requirements.txt"
        if stamp.exists() and stamp.read_bytes() == self._requirements.read_bytes():
            return
        shutil.rmtree(self._venv, ignore_errors=True)
        _run([sys.executable, "-m", "venv", self._venv])
        _run([self._python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", self._requirements])
        shutil.copyfile(self._requirements, stamp)

    def commands(self, partitions: int) -> Sequence[Command]:
        addresses = ";".join(f"127.0.0.1:{free_port()}" for _ in range(partitions))
        arguments = self.arguments or (str(PEERS / f"{self.name}.py"),)
        return [
            [self._python, *(word.format(process=number, addresses=addresses) for word in arguments)]
            for number in range(partitions)
        ]

    @property
    def _requirements(self) -> Path:
        return PEERS / f"{self.name}.txt"

    @property
    def _venv(self) -> Path:
        return PEERS / ".venv" / self.name

    @property
    def _python(self) -> Path:
        return self._venv / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Module:
    """A Maven module with one class to run, a thread for each partition."""

    name: str
    artifact: str
    main: str
    heap: str

    def version(self) -> str:
        return _found(
            rf"<artifactId>{self.artifact}</artifactId>\s*<version>(\S+)</version>", self._directory / "pom.xml"
        )

    def install(self) -> None:
        if shutil.which("java") is None or shutil.which("mvn") is None:
            raise NotInstalled("it takes Java and Maven")
        goals = ["compile", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        jars = f"-DoutputDirectory={self._directory / 'target' / 'jars'}"
        _run(["mvn", "-B", "-q", "-f", self._directory / "pom.xml", *goals, jars])

    def commands(self, partitions: int) -> Sequence[Command]:
        target = self._directory / "target"
        logging = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [
            [
                "java",
                f"-Xmx{self.heap}",
                logging,
                "-cp",
                f"{target}/classes:{target}/jars/*",
                self.main,
                str(partitions),
            ]
        ]

    @property
    def _directory(self) -> Path:
        return PEERS / self.name


@dataclass(frozen=True, slots=True)
class Peer:
    """A system to compare with, and how."""

    name: str
    title: str
    runtime: Runtime
    guarantee: str = "at least once"
    share: float = 1.0
    """Of the records that the pool gets, how many this gets: a rate is what is compared."""
    warm: float = 0.0
    """The share of a run at its beginning that is left out."""
    ahead: float = 0.0
    """How many times as fast the pool has to be; 0: it is only told."""
    env: Mapping[str, str] = field(default_factory=dict)
    remark: str = ""
    """Behind the version."""

    @property
    def full_title(self) -> str:
        return f"{self.title} {self.runtime.version()}{self.remark}"


_STREAMS: Final = Module("streams", "kafka-streams", "SensorAlert", heap="512m")
_JVM_WARM: Final = 0.25
"""Until a JVM has compiled what it runs: of 4 million records, the first million."""
_FAUST: Final = ("--loop", "uvloop", "worker", "--loglevel", "error", "--without-web")
_BYTEWAX: Final = ("-m", "bytewax.run", "bytewax_flow:flow", "-i", "{process}", "-a", "{addresses}")

EVERY_PEER: Final = (
    Peer(
        "streams",
        "Kafka Streams",
        _STREAMS,
        warm=_JVM_WARM,
        ahead=3,
        env={"BENCH_GUARANTEE": "at_least_once"},
    ),
    Peer(
        "streams-eos",
        "Kafka Streams",
        _STREAMS,
        guarantee="exactly once",
        warm=_JVM_WARM,
        ahead=4,
        env={"BENCH_GUARANTEE": "exactly_once_v2"},
    ),
    Peer(
        "aiokafka",
        "aiokafka",
        Script("aiokafka_loop", "aiokafka"),
        guarantee="none",  # it commits whatever became of what it sent, as the hand-written loop does
        share=0.5,
        remark=", by hand",
    ),
    Peer("bytewax", "Bytewax", Script("bytewax_flow", "bytewax", _BYTEWAX), guarantee="none", share=0.25),
    Peer("quix", "Quix Streams", Script("quix_streams", "quixstreams"), share=0.1, ahead=12),
    Peer("faststream", "FastStream", Script("faststream_app", "faststream"), share=0.025),
    Peer(
        "faust",
        "Faust",
        Script("faust_worker", "faust-streaming", (str(PEERS / "faust_worker.py"), *_FAUST)),
        share=0.01,
        ahead=150,
    ),
)


def _found(pattern: str, file: Path) -> str:
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    assert found, f"{file} pins no {pattern}"
    return found[1]


def _run(command: Command) -> None:
    """Run an installer; `NotInstalled` with the last line that it printed where it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{Path(words[0]).name} took longer than {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines() or [f"exit code {done.returncode}"]
        raise NotInstalled(f"{Path(words[0]).name}: {said[-1]}")
