"""Apache Kafka's jars, collected once by Maven."""

import fcntl
import shutil
import subprocess
from pathlib import Path
from typing import Final

SHORT_LIVED: Final = "-XX:TieredStopAtLevel=1"
"""Has the JVM compile quickly, not well: a start takes little more than half the CPU."""

_POM = Path(__file__).parents[1] / "kafka" / "pom.xml"
_TARGET = _POM.parent / "target"


def available() -> bool:
    """Whether this machine has what a JVM broker takes: Java and Maven."""
    return shutil.which("java") is not None and shutil.which("mvn") is not None


def classpath() -> str:
    """The class path of a Kafka broker; the first call downloads some 45 MB.

    Raises:
        RuntimeError: Maven failed; its output is the text.
    """
    _TARGET.mkdir(exist_ok=True)
    jars, stamp = _TARGET / "jars", _TARGET / "jars.pom"
    with (_TARGET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_bytes() != _POM.read_bytes():
            shutil.rmtree(jars, ignore_errors=True)
            _collect(jars)
            stamp.write_bytes(_POM.read_bytes())
    return f"{jars}/*"


def _collect(jars: Path) -> None:
    command = ["mvn", "-B", "-q", "-f", str(_POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    done = subprocess.run([*command, f"-DoutputDirectory={jars}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"Maven could not collect the broker's jars:\n{done.stdout}\n{done.stderr}")


def java(*options: str) -> list[str]:
    """The command that runs a class of Kafka's, but for the class."""
    return ["java", *options, "-cp", classpath()]
