"""Whether the kernel has killed a process of this container for want of memory: cgroups count that."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")
LOOK_SECONDS: Final = 1.0
RECENT: Final = 10.0
"""Seconds within which several deaths may have the one cause: the kernel counts before it takes back their memory."""


class OomKills:
    """Watches the counter `oom_kill` of this process's memory cgroup, version 1 or 2.

    Args:
        membership: the file that says which cgroup this process is in.
        cgroups: where cgroups are mounted.
    """

    def __init__(self, membership: Path = MEMBERSHIP, cgroups: Path = CGROUPS) -> None:
        self._file = next((file for file in _candidates(membership, cgroups) if _count(file) is not None), None)
        self._seen = self._read()
        self._rose_at = self._looked_at = float("-inf")

    def look(self) -> None:
        """Take note of a rise, once a second; where nobody does, one of long ago is taken for one of now."""
        if monotonic() - self._looked_at > LOOK_SECONDS:
            self._look()

    def recent(self) -> bool:
        """Whether the counter has risen since the last look, or a moment ago; False where there is none."""
        self._look()
        return monotonic() - self._rose_at < RECENT

    def _look(self) -> None:
        self._looked_at = monotonic()
        count = self._read()
        if count > self._seen:
            self._seen, self._rose_at = count, self._looked_at

    def _read(self) -> int:
        return (_count(self._file) if self._file else None) or 0


def _candidates(membership: Path, cgroups: Path) -> Iterator[Path]:
    """Where the counter may be: a container may see its own cgroup as the root of the mount, or by its whole path."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        inside = path.lstrip("/")
        if "memory" in controllers.split(","):
            yield cgroups / "memory" / inside / "memory.oom_control"
            yield cgroups / "memory" / "memory.oom_control"
        elif not controllers:
            yield cgroups / inside / "memory.events"
            yield cgroups / "memory.events"


def _count(file: Path) -> int | None:
    try:
        facts = dict(line.split(maxsplit=1) for line in file.read_text().splitlines())
        return int(facts["oom_kill"])
    except (OSError, KeyError, ValueError):
        return None
