"""What processes take while they run, with all that they started: CPU, and memory as a container's limit counts it."""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

LOOK_SECONDS: Final = 0.1
"""Between two looks at CPU."""
SEARCH_SECONDS: Final = 0.5
"""Between two looks at memory and for new processes, which cost some milliseconds of the machine that is measured."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Look(NamedTuple):
    at: float
    """Seconds since 1970, as records have their timestamps."""
    cpu: float
    """Seconds of CPU so far, also of the processes that ended."""


class Watch:
    """Looks at some processes and at everything below them.

    Args:
        pids: processes that this one has started, before any of them is waited for.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self.looks: list[Look] = []
        self.peak = 0.0
        """The most memory that all held together, MiB."""
        self._pids = tuple(pids)
        self._family: set[int] = set()
        self._searched = float("-inf")

    def until(self, done: Callable[[], bool], within: float, *, every: float = SEARCH_SECONDS) -> bool:
        """Look on until `done`, which is asked every so many seconds; False: not `within` seconds."""
        begun, asked = time.monotonic(), float("-inf")
        while (now := time.monotonic()) - begun < within:
            self.look()
            if now - asked >= every:
                asked = now
                if done():
                    return True
            time.sleep(LOOK_SECONDS)
        return False

    def look(self) -> None:
        """Take note."""
        if time.monotonic() - self._searched > SEARCH_SECONDS:
            self._searched = time.monotonic()
            self._family = family(self._pids, parents())
            self.peak = max(self.peak, sum(map(memory, self._family)))
        self.looks.append(Look(time.time(), sum(map(cpu_of_all, self._family))))

    def cpu(self, begin: float, end: float) -> float:
        """Seconds of CPU between two moments, in seconds since 1970."""
        return cpu_at(end, self.looks) - cpu_at(begin, self.looks)


def cpu_at(moment: float, looks: Sequence[Look]) -> float:
    """CPU seconds up to a moment, on the straight line between the looks around it.

    A process that ended takes its figures with it, so no look counts for less than the one before.
    """
    if moment <= looks[0].at:
        return looks[0].cpu
    known = looks[0].cpu
    for before, after in itertools.pairwise(looks):
        grown = max(known, after.cpu)
        if moment <= after.at:
            return known + (grown - known) * (moment - before.at) / (after.at - before.at)
        known = grown
    return known


def family(pids: Iterable[int], parent_of: Mapping[int, int]) -> set[int]:
    """These processes, and all below them."""
    found = set(pids)
    while below := {pid for pid, parent in parent_of.items() if parent in found} - found:
        found |= below
    return found


def parents() -> Mapping[int, int]:
    """The parent of every process that runs."""
    everyone = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {pid: int(fields[1]) for pid in everyone if (fields := _stat(pid))}


def cpu_of(pid: int) -> float:
    """CPU seconds of a process so far; 0 where it is gone."""
    return sum(map(int, _stat(pid)[11:13])) / _TICKS


def cpu_of_all(pid: int) -> float:
    """The same, and of its children that ended and were waited for."""
    return sum(map(int, _stat(pid)[11:15])) / _TICKS


def memory(pid: int) -> float:
    """What a process holds, MiB, with its share of what several hold; 0 where it is gone."""
    try:
        return pss(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def pss(rollup: str) -> float:
    """MiB of PSS in the text of `/proc/PID/smaps_rollup`."""
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def _stat(pid: int) -> list[str]:
    """What `/proc/PID/stat` says behind the name: state, parent, …; nothing where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
