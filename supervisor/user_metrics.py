"""The metrics of a user's handlers: the files that workers keep them in, read and merged at each scrape."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from workers.errors import ConfigInvalid
from workers.log import log
from workers.metrics import APP

_PREFIX: Final = "partition-pool-metrics-"
_LOCK: Final = "lock"
_KINDS: Final = ("counter", "gauge", "histogram", "summary")
"""What the names of prometheus-client's files begin with."""


class UserMetrics(Collector):
    """The directory of the workers' metric files, held by one supervisor at a time.

    What an earlier supervisor left there is removed, also in temporary directories of others that were killed.

    Args:
        directory: where to keep the files; None: a temporary directory, removed by `close`.

    Raises:
        ConfigInvalid: the directory cannot be used, or another supervisor uses it.
    """

    def __init__(self, directory: str | None) -> None:
        self._temporary = directory is None
        try:
            if directory is None:
                _remove_abandoned()
                self.directory, self._lock = _temporary_directory()
            else:
                self.directory = Path(directory).absolute()
                self.directory.mkdir(parents=True, exist_ok=True)
                self._lock = _locked(self.directory, os.O_CREAT)
                for file in _metric_files(self.directory):
                    file.unlink()
        except BlockingIOError as error:
            raise ConfigInvalid(
                f"metrics_dir {directory}: another supervisor keeps its metrics there; give each its own"
            ) from error
        except OSError as error:
            raise ConfigInvalid(
                f"metrics_dir {directory or tempfile.gettempdir()}: {error.strerror}; name a directory that this user"
                " may write to"
            ) from error

    def collect(self) -> Iterator[Metric]:
        """The merged metrics of all workers, dead ones included; a file that cannot be read is left out."""
        files = list(self._files())
        merged = _merged(files)
        if merged is None:
            merged = _merged([file for file in files if _merged([file]) is not None])
        yield from merged or ()

    def worker_died(self, slot: int) -> None:
        """Forget the gauges of a dead worker that are meant for the living (`multiprocess_mode="live…"`)."""
        mark_process_dead(slot, str(self.directory))  # type: ignore[no-untyped-call]  # prometheus-client's

    def close(self) -> None:
        """Give the directory back, and remove it if it is temporary; to be called when no worker lives."""
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._lock)

    def _files(self) -> Iterator[Path]:
        for file in sorted(_metric_files(self.directory)):
            kind, _, owner = file.stem.rpartition("_")
            # A gauge as the import of the app left it would stand beside the workers' as one more process.
            if owner == APP and kind.startswith("gauge"):
                continue
            # Empty for a moment while its worker makes it, for good where the worker died just then; a dead one's live
            # gauges may go at any time.
            with suppress(FileNotFoundError):
                if file.stat().st_size:
                    yield file


def _metric_files(directory: Path) -> Iterator[Path]:
    """Those that prometheus-client keeps there; others may be the user's own."""
    return (file for kind in _KINDS for file in directory.glob(f"{kind}_*.db"))


def _merged(files: Sequence[Path]) -> Iterable[Metric] | None:
    """The metrics in these files; None where one cannot be read, for its worker was killed while it made it."""
    try:
        merged: Iterable[Metric] = MultiProcessCollector.merge(map(str, files))  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - whatever is in a user's file must not hide the pool's own metrics
        if len(files) == 1:
            log.warning("user_metrics_unreadable", file=str(files[0]), error=repr(error))
        return None
    return merged


def _temporary_directory() -> tuple[Path, int]:
    """A new directory and its lock; it gets the name that others look for when it is locked."""
    unnamed = Path(tempfile.mkdtemp(prefix="."))
    lock = _locked(unnamed, os.O_CREAT)
    return unnamed.rename(unnamed.with_name(f"{_PREFIX}{unnamed.name[1:]}")), lock


def _remove_abandoned() -> None:
    """Remove the directories of supervisors that were killed: those whose lock nobody holds."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = _locked(directory)
        except OSError:
            continue
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _locked(directory: Path, create: int = 0) -> int:
    """The descriptor of the directory's lock, which the kernel gives back when this process ends."""
    lock = os.open(directory / _LOCK, create | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock
