"""An app that does what each record says."""

import ctypes
import faulthandler
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGSTOP
from typing import Any

from tests.support.readings import Reading, Seen
from workers import App, Output, Record, Reject, Retry

backoff = float(os.environ.get("APP_BACKOFF", "0.01"))
app = App("scripted", retries=Retry(attempts=3, backoff=backoff, max_backoff=backoff))


def _fail(reading: Reading) -> None:
    raise ValueError(f"reading {reading.seq} is told to fail")


def _fail_at_length(reading: Reading) -> None:
    raise ValueError("x" * 100_000)


def _reject(reading: Reading) -> None:
    raise Reject(f"reading {reading.seq} is unwanted")


def _sleep(reading: Reading) -> None:
    time.sleep(reading.seconds)


def _run_program(reading: Reading) -> None:
    subprocess.run(["sleep", str(reading.seconds)], check=True)


def _work(reading: Reading) -> None:
    """Compute, and leave no other thread more of the interpreter than it takes."""
    end = time.monotonic() + reading.seconds
    while time.monotonic() < end:
        pass


def _hold(reading: Reading) -> None:
    """Let no other thread have the interpreter meanwhile, as a regular expression may."""
    ctypes.PyDLL(None).sleep(int(reading.seconds))


def _spin(reading: Reading) -> None:
    while True:
        pass


def _stop_once(reading: Reading) -> None:
    """Have this process stopped, so that it stays here until somebody lets it go on; but not again after that."""
    mark = Path(os.environ["APP_MARK"])
    if not mark.exists():
        time.sleep(reading.seconds)
        mark.touch()
        os.kill(os.getpid(), SIGSTOP)


def _hang_once(reading: Reading) -> None:
    """Never return, but do at the next attempt of whatever process."""
    mark = Path(os.environ["APP_MARK"])
    if not mark.exists():
        mark.touch()
        _spin(reading)


def _exit(reading: Reading) -> None:
    os._exit(int(reading.seconds))


def _segfault(reading: Reading) -> None:
    faulthandler._sigsegv()  # type: ignore[attr-defined] # for tests, says CPython


def _allocate(reading: Reading) -> None:
    """Take memory without end, page by page, so that it is resident."""
    taken = []
    while True:
        taken.append(b"x" * 4_000_000)


_kept: list[bytes] = []


def _grow(reading: Reading) -> None:
    """Leak: keep memory that nobody gives back."""
    _kept.append(b"x" * 4_000_000)


_DEEDS: Mapping[str, Callable[[Reading], None]] = {
    "fail": _fail,
    "fail at length": _fail_at_length,
    "reject": _reject,
    "sleep": _sleep,
    "run program": _run_program,
    "work": _work,
    "hold": _hold,
    "spin": _spin,
    "hang once": _hang_once,
    "stop once": _stop_once,
    "exit": _exit,
    "segfault": _segfault,
    "allocate": _allocate,
    "grow": _grow,
}

_RESULTS: Mapping[str, Callable[[], Any]] = {
    "long": lambda: os.urandom(5000),  # compressed, it is as long
    "too large": lambda: b"x" * 1_500_000,
    "not encodable": object,
    "unknown topic": lambda: Output("lost", topic="there-is-no-such-topic"),
}


@app.agent(os.environ.get("APP_INPUT", "readings"), value=Reading, output=os.environ.get("APP_OUTPUT", "seen"))
def perform(reading: Reading, record: Record) -> Any:
    if reading.do in _RESULTS:
        return _RESULTS[reading.do]()
    if reading.do:
        _DEEDS[reading.do](reading)
    return Seen(reading.seq, reading.device_id, record.partition, os.getpid(), time.monotonic_ns())
