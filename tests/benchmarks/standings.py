"""What a comparison found: each run, and what its medians come to."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tests.benchmarks import tables

POOL: Final = {"at least once": "pool", "none": "pool", "exactly once": "pool-eos"}
"""The name of the pool with the guarantee that a subject is held against."""
OWN: Final = frozenset({"pool", "pool-eos", "loop"})
"""What is the project's own: each of its runs has to succeed."""


class Subject(msgspec.Struct, frozen=True):
    """One line of the table."""

    name: str
    title: str
    guarantee: str
    ahead: float = 0.0
    """How many times as fast the pool has to be; 0: it is only told."""


class Measured(msgspec.Struct, frozen=True):
    """One run, or why there is none."""

    subject: str
    turn: int
    """Runs of the same turn were made one after the other."""
    rate: float = 0.0
    """Records a second."""
    cpu: float = 0.0
    """CPU seconds for a million records."""
    memory: float = 0.0
    """MiB."""
    records: int = 0
    """How many it handled; of a run that was stopped, by then."""
    repeated: int = 0
    """How many alerts came again."""
    stopped: bool = False
    cold: float = 0.0
    """Records a second with what was left out at its beginning; 0: nothing was."""
    failure: str = ""
    installed: bool = True
    """Whether it could be tried at all."""


class Standings(msgspec.Struct):
    """All that is kept of a comparison."""

    date: str
    machine: str
    subjects: list[Subject]
    runs: list[Measured]

    @classmethod
    def read(cls, file: Path) -> "Standings":
        return msgspec.json.decode(file.read_bytes(), type=cls)

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def rows(self) -> "list[Row]":
        """The subjects that were tried, the fastest first; those that could not be run last."""
        tried = {run.subject for run in self.runs}
        rows = (self._row(subject) for subject in self.subjects if subject.name in tried)
        return sorted(rows, key=lambda row: -(row.rate or 0))

    def flaws(self) -> "Iterator[str]":
        """What makes the comparison fail: runs of its own that failed, and bounds missed, or not judged.

        A peer that could not be installed is none; see `unjudged`.
        """
        for row in self.rows():
            if row.subject.name in OWN and row.failed:
                yield f"failed: {row.name}: {row.notes}"
            if row.behind:
                yield f"behind: {row.times:.2f} times {row.subject.title}; to be {row.subject.ahead:g}"
            elif row.unjudged and row.installed:
                yield f"not judged, though it was run: {row.bound}"

    def unjudged(self) -> "Iterator[str]":
        """The bounds that are left out, as their peers could not be installed."""
        return (f"not judged: {row.bound}; {row.notes}" for row in self.rows() if row.unjudged and not row.installed)

    def _row(self, subject: Subject) -> "Row":
        mine = [run for run in self.runs if run.subject == subject.name]
        runs = [run for run in mine if not run.failure]
        failures = [run.failure for run in mine if run.failure]
        if not runs:
            installed = any(run.installed for run in mine)
            return Row(subject, failed=len(failures), installed=installed, notes=failures[-1])
        return Row(
            subject,
            rate=statistics.median(run.rate for run in runs),
            times=self._times(subject, runs),
            cpu=statistics.median(run.cpu for run in runs),
            memory=statistics.median(run.memory for run in runs),
            records=runs[-1].records,
            runs=len(runs),
            failed=len(failures),
            notes=_notes(mine, runs, failures),
        )

    def _times(self, subject: Subject, runs: Iterable[Measured]) -> float | None:
        """How many times as fast the pool was, in the median of the turns: the machine's pace drifts between them."""
        pool = {run.turn: run.rate for run in self.runs if run.subject == POOL[subject.guarantee] and not run.failure}
        ratios = [pool[run.turn] / run.rate for run in runs if run.turn in pool]
        return statistics.median(ratios) if ratios else None


class Row(NamedTuple):
    """A subject's medians."""

    subject: Subject
    rate: float | None = None
    times: float | None = None
    """How many times as fast the pool was."""
    cpu: float = 0.0
    memory: float = 0.0
    records: int = 0
    runs: int = 0
    failed: int = 0
    """How many runs failed besides."""
    installed: bool = True
    notes: str = ""

    @property
    def behind(self) -> bool:
        """Whether the pool is not as far ahead as it has to be."""
        return self.times is not None and self.times < self.subject.ahead

    @property
    def unjudged(self) -> bool:
        """Whether nothing tells how far ahead the pool is, where it has to be."""
        return self.times is None and self.subject.ahead > 0

    @property
    def bound(self) -> str:
        """What the pool is held to."""
        return f"{self.subject.ahead:g} times {self.name}"

    @property
    def name(self) -> str:
        """Title and guarantee."""
        guarantee = self.subject.guarantee
        return f"{self.subject.title}, {'no guarantee' if guarantee == 'none' else guarantee}"

    def cells(self) -> Sequence[str]:
        """What the table says, in the order of `HEAD`."""
        if self.rate is None:
            return (self.name, "-", "-", "-", "-", "-", self.notes)
        times = "-" if self.times is None else short(self.times)
        figures = (f"{self.rate:,.0f}", times, f"{self.cpu:,.2f}", f"{self.memory:,.0f}")
        return (self.name, *figures, f"{self.runs} of {self.records:,}", self.notes)


HEAD: Final = ("", "records/s", "pool / it", "CPU s per million", "MiB", "runs, records", "")


def _notes(every: Sequence[Measured], runs: Sequence[Measured], failures: Sequence[str]) -> str:
    found = []
    if cold := [run.cold for run in runs if run.cold]:
        found.append(f"cold, its first part counted: {statistics.median(cold):,.0f}/s")
    if stopped := sum(run.stopped for run in runs):
        found.append(f"{stopped} stopped before the end")
    if repeated := max(run.repeated for run in runs):
        found.append(f"{repeated:,} alerts came again")
    if failures:
        found.append(f"{len(failures)} of {len(every)} failed: {failures[-1]}")
    return "; ".join(found)


def short(value: float) -> str:
    """A ratio, with as many digits as it is worth."""
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def markdown(rows: Iterable[Row]) -> str:
    """The table, for a README."""
    return tables.markdown(HEAD, (row.cells() for row in rows))
