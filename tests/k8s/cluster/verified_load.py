"""`load --verify` beside whatever a test does to the pool, until the test ends it."""

import subprocess
import sys
from pathlib import Path
from signal import SIGINT
from types import TracebackType
from typing import Self

import msgspec

from supervisor.load_found import Found
from supervisor.load_result import LoadResult
from tests.support.pool import environment
from tests.support.process import end, spawn
from tests.support.topics import Topics


class VerifiedLoad:
    """A load within its context.

    Args:
        topics: the broker's.
        source: the topic to load.
        output: where the results come, one for each record.
        file: for its figures; what it prints goes beside it.
        arguments: further ones of `load`: when, and what.
    """

    def __init__(self, topics: Topics, source: str, output: str, file: Path, *arguments: str) -> None:
        self._file = file
        self._env = {**environment(), "KAFKA_BOOTSTRAP_SERVERS": topics.bootstrap}
        self._command = [sys.executable, "-m", "supervisor", "load", source, "--verify", output, "--expect", "all"]
        self._command += ["--json", str(file), *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it still sends, or waits for results."""
        return self._process is not None and self._process.poll() is None

    def stop(self, *, within: float = 90.0) -> tuple[int, LoadResult, Found]:
        """Send no more, wait for the results; exit code, figures, and those of the verification."""
        assert self._process is not None
        self._process.send_signal(SIGINT)
        code = self._process.wait(within)
        assert self._file.exists(), self._file.with_suffix(".log").read_text()
        result = msgspec.json.decode(self._file.read_bytes(), type=LoadResult)
        assert result.verified is not None
        return code, result, result.verified

    def __enter__(self) -> Self:
        with self._file.with_suffix(".log").open("wb") as log:
            self._process = spawn(self._command, env=self._env, stdout=log, stderr=log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self.running:
            self._process.kill()
            end(self._process)
