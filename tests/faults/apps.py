"""The app under faults: a result for each record, but for those that fail or kill."""

import ctypes
import os
import resource
import time
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from tests.faults.records import Deed, Done, Numbered
from workers import App, Retry

app = App("faults", retries=Retry(attempts=3, backoff=0.01, max_backoff=0.05))

_MEMORY_BYTES: Final = 1 << 30
_tried: set[tuple[int, int]] = set()


@app.on_start
def bounded() -> None:
    """A record that allocates without end must not meet the machine's end, whatever the pool does about it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if soft == resource.RLIM_INFINITY or soft > _MEMORY_BYTES:
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, hard))


def _flaky(record: Numbered) -> None:
    this = record.key, record.n
    if this not in _tried:
        _tried.add(this)
        raise ConnectionError(f"record {record.n} of key {record.key} fails at first")
    _tried.discard(this)


def _fail(record: Numbered) -> NoReturn:
    raise ValueError(f"record {record.n} of key {record.key} is told to fail")


def _segfault(record: Numbered) -> None:
    ctypes.string_at(0)


def _exit(record: Numbered) -> NoReturn:
    os._exit(3)


def _spin(record: Numbered) -> NoReturn:
    while True:
        pass


def _allocate(record: Numbered) -> NoReturn:
    taken = []
    while True:
        taken.append(bytearray(1 << 24))


_DEEDS: Final[Mapping[Deed, Callable[[Numbered], None]]] = {
    Deed.FLAKY: _flaky,
    Deed.FAIL: _fail,
    Deed.SEGFAULT: _segfault,
    Deed.EXIT: _exit,
    Deed.SPIN: _spin,
    Deed.ALLOCATE: _allocate,
}


@app.agent(os.environ.get("FAULTS_INPUT", "numbered"), value=Numbered, output=os.environ.get("FAULTS_OUTPUT", "done"))
def carry_out(record: Numbered) -> Done:
    if record.do is not Deed.PASS:
        _DEEDS[record.do](record)
    return Done(record.key, record.n, record.do, os.getpid(), time.monotonic_ns())
